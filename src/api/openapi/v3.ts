/** OpenAPI version 3: one document a group and version, as served below /openapi/v3. */
import { kubernetesRelease } from '../facts/fact-type.ts';
import type { Kind } from '../kind.ts';
import { buildParts } from './document.ts';
import type { JsonObject, OpenapiOptions } from './schemas.ts';

/** The document of `kinds`, which share a group and version. Costs some milliseconds: make it on the first request and keep its text. */
export function openapiV3(kinds: readonly Kind[], options: Pick<OpenapiOptions, 'describe'> = {}): JsonObject {
  const { schemas, paths } = buildParts(kinds, { openapi: 3, ...options });
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: `v${kubernetesRelease()}.0` }, paths, components: { schemas } };
}

/** The index at /openapi/v3, from the hash of every document by its name: `api/v1`, `apis/apps/v1`. */
export function openapiV3Index(hashes: Readonly<Record<string, string>>): JsonObject {
  const paths = Object.entries(hashes).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, hash]) => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }]);
  return { paths: Object.fromEntries(paths) as JsonObject };
}
