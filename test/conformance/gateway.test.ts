/** The behaviours of the Gateway API: HTTPRoutes. */
import { conformance } from './cluster.ts';
import { definitions } from './gateway/definitions.ts';
import { attachment, hostnames, matching } from './gateway/http-routes.ts';

conformance('gateway-api: HTTPRoute', [matching, hostnames, attachment, definitions]);
