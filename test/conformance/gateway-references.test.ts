/** The behaviours of the Gateway API: references, and what Gateways say of themselves. */
import { conformance } from './cluster.ts';
import { backends, gateways } from './gateway/references.ts';

conformance('gateway-api: references and Gateways', [backends, gateways]);
