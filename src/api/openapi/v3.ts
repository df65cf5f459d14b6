/** OpenAPI version 3: one document a group and version, as served below /openapi/v3. */
import { kubernetesRelease } from '../facts/fact-type.ts';
import type { Kind } from '../kind.ts';
import { buildParts, type DocumentOptions, type Parts } from './document.ts';
import { groupVersionPath } from '../meta.ts';
import { rootPaths, type RootPath } from './root-paths.ts';
import type { JsonObject } from './schemas.ts';

/** The document of `kinds`, which share a group and version. Costs some milliseconds: make it on the first request and keep its text. */
export function openapiV3(kinds: readonly Kind[], options: Pick<DocumentOptions, 'describe' | 'connects'> = {}): JsonObject {
  const roots = rootPaths(kinds).filter(({ path }) => kinds.some(({ group, version }) => path === `${groupVersionPath(group, version)}/`));
  return documentOf(buildParts(kinds, { openapi: 3, roots, ...options }));
}

/** The document of a path that is no resource's: discovery, the version, ... */
export function openapiV3Root(root: RootPath): JsonObject {
  return documentOf(buildParts([], { openapi: 3, roots: [root] }));
}

function documentOf({ schemas, paths }: Parts): JsonObject {
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: `v${kubernetesRelease()}.0` }, paths, components: { schemas } };
}

/** The index at /openapi/v3, from the hash of every document by its name: `api/v1`, `apis/apps/v1`. */
export function openapiV3Index(hashes: Readonly<Record<string, string>>): JsonObject {
  const paths = Object.entries(hashes).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, hash]) => [name, { serverRelativeURL: openapiV3Url(name, hash) }]);
  return { paths: Object.fromEntries(paths) as JsonObject };
}

/** Where the document of a name is, as long as its hash is this; other servers may say any text as theirs. */
export function openapiV3Url(name: string, hash: string): string {
  return `/openapi/v3/${name}?hash=${encodeURIComponent(hash)}`;
}
