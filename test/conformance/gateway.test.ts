/** The behaviours of the Gateway API and of Ingress, on real containers. */
import { conformance } from './cluster.ts';
import { httpRoutes } from './gateway/http-routes.ts';

conformance('gateway-api', [httpRoutes]);
