/** The paths of the API that are no resource's: discovery, the version, the issuer of tokens. Clients that are made of a document have their groups by them. */
import type { Kind } from '../kind.ts';
import { groupVersionPath } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import type { Schema } from '../schema/schema.ts';
import { operation } from './operations.ts';
import type { JsonObject, SchemaBook } from './schemas.ts';

export interface RootPath {
  /** As upstream writes it: those of discovery and the version end with a slash. */
  path: string;
  id: string;
  tag: string;
  /** The full name of the answer's type; a text where there is none. */
  answer?: string;
  produces?: readonly string[];
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const VERSION_INFO = 'io.k8s.apimachinery.pkg.version.Info';
const VERSION_FIELDS = ['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'];
const FURTHER_VERSIONS = ['emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor'];
const VERSION_SCHEMA: Schema = { type: 'object', name: VERSION_INFO, required: VERSION_FIELDS, properties: Object.fromEntries([...VERSION_FIELDS, ...FURTHER_VERSIONS].map((name) => [name, { type: 'string' }])) };

const FIXED: readonly RootPath[] = [
  { path: '/.well-known/openid-configuration', id: 'getServiceAccountIssuerOpenIDConfiguration', tag: 'WellKnown', produces: ['application/json'] },
  { path: '/openid/v1/jwks', id: 'getServiceAccountIssuerOpenIDKeyset', tag: 'openid', produces: ['application/jwk-set+json'] },
  { path: '/version/', id: 'getCodeVersion', tag: 'version', answer: VERSION_INFO, produces: ['application/json'] },
  { path: '/apis/', id: 'getAPIVersions', tag: 'apis', answer: `${META}.APIGroupList` },
];

/** All of them, for built-in `kinds`: definitions of users bring none, as upstream. */
export function rootPaths(kinds: readonly Kind[]): RootPath[] {
  const found = new Map<string, RootPath>(FIXED.map((root) => [root.path, root]));
  const add = (root: RootPath): void => void found.set(root.path, root);
  for (const kind of kinds) {
    if (kind.schema().name === undefined) continue;
    const group = kind.group === '' ? 'core' : (kind.group.split('.')[0] ?? '');
    if (kind.group === '') add({ path: '/api/', id: 'getCoreAPIVersions', tag: group, answer: `${META}.APIVersions` });
    else add({ path: `/apis/${kind.group}/`, id: `get${capital(group)}APIGroup`, tag: group, answer: `${META}.APIGroup` });
    add({ path: `${groupVersionPath(kind.group, kind.version)}/`, id: `get${capital(group)}${capital(kind.version)}APIResources`, tag: `${group}_${kind.version}`, answer: `${META}.APIResourceList` });
  }
  return [...found.values()];
}

export function rootItem({ id, tag, answer, produces }: RootPath, book: SchemaBook, openapi: 2 | 3): JsonObject {
  const schema = answer === undefined ? undefined : answer === VERSION_INFO ? VERSION_SCHEMA : schemaOfType(answer);
  const form = schema === undefined || answer === undefined ? { type: 'string' } : book.refer(answer, schema);
  return { get: operation({ id, tag, answer: form, ...(produces === undefined ? {} : { produces }) }, openapi) };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
