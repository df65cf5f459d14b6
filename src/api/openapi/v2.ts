/** OpenAPI version 2 (swagger): one document for all kinds, as served at /openapi/v2 in JSON. */
import { kubernetesRelease } from '../facts/fact-type.ts';
import type { Kind } from '../kind.ts';
import { buildParts } from './document.ts';
import type { JsonObject, OpenapiOptions } from './schemas.ts';

/** The document of all served kinds. Costs tens of milliseconds: make it on the first request and keep its text. */
export function openapiV2(kinds: readonly Kind[], options: Pick<OpenapiOptions, 'describe'> = {}): JsonObject {
  const { schemas, paths } = buildParts(kinds, { openapi: 2, ...options });
  return { swagger: '2.0', info: { title: 'Kubernetes', version: `v${kubernetesRelease()}.0` }, paths, definitions: schemas };
}
