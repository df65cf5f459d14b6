/** The behaviours of the Gateway API: what HTTPRoutes do with requests. */
import { conformance } from './cluster.ts';
import { externalAuth } from './gateway/external-auth.ts';
import { credentials, crossOrigin, headers, mirrors, redirects, traffic } from './gateway/http-filters.ts';

conformance('gateway-api: filters', [headers, redirects, mirrors, crossOrigin, credentials, externalAuth, traffic]);
