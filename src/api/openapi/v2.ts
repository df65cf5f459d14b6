/** OpenAPI version 2 (swagger): one document for all kinds, as served at /openapi/v2 in JSON. */
import { kubernetesRelease } from '../facts/fact-type.ts';
import type { Kind } from '../kind.ts';
import { buildParts, type DocumentOptions } from './document.ts';
import { rootPaths } from './root-paths.ts';
import type { JsonObject } from './schemas.ts';

/** The document of all served kinds. Costs tens of milliseconds: make it on the first request and keep its text. */
export function openapiV2(kinds: readonly Kind[], options: Pick<DocumentOptions, 'describe' | 'connects'> = {}): JsonObject {
  const { schemas, paths } = buildParts(kinds, { openapi: 2, roots: rootPaths(kinds), ...options });
  return { swagger: '2.0', info: { title: 'Kubernetes', version: `v${kubernetesRelease()}.0` }, paths, definitions: schemas };
}
