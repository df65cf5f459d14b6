/** The behaviours of the Gateway API: references, what Gateways say of themselves, and ListenerSets. */
import { conformance } from './cluster.ts';
import { features } from './gateway/features.ts';
import { listenerSets } from './gateway/listener-sets.ts';
import { nonDisruptive } from './gateway/non-disruptive.ts';
import { backends, gateways } from './gateway/references.ts';

conformance('gateway-api: references and Gateways', [features, backends, gateways, listenerSets, nonDisruptive]);
