/** The behaviours of the Gateway API: TCP and UDP. */
import { conformance } from './cluster.ts';
import { streams } from './gateway/streams.ts';

conformance('gateway-api: TCP and UDP', [streams]);
