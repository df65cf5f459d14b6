/** The behaviours of the Gateway API: what HTTPRoutes do with requests. */
import { conformance } from './cluster.ts';
import { externalAuth } from './gateway/external-auth.ts';
import { credentials, crossOrigin, traffic } from './gateway/http-filters.ts';
import { headers } from './gateway/http-headers.ts';
import { redirects, rewrites } from './gateway/http-redirects.ts';
import { limits } from './gateway/limits.ts';
import { copies, mirrors } from './gateway/mirrors.ts';
import { sessions } from './gateway/sessions.ts';

conformance('gateway-api: filters', [headers, redirects, rewrites, mirrors, copies, crossOrigin, credentials, externalAuth, traffic, sessions, limits]);
