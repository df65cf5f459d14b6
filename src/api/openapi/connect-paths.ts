/** Subresources that carry streams or whole requests: exec, attach, portforward, log, proxy. Their parameters are the fields of their options. */
import { moduleOf } from '../facts/fact-type.ts';
import type { Kind } from '../kind.ts';
import { groupVersionPath } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import { operation, pathParameters } from './operations.ts';
import type { JsonObject } from './schemas.ts';

/** A subresource that a module answers. */
export interface ConnectPath {
  kind: Kind;
  subresource: string;
  /** HTTP methods, in capitals. */
  methods: readonly string[];
}

const TEXT = { type: 'string' };
const LOG_MEDIA = ['text/plain', 'application/json', 'application/yaml'];
/** Not of the query: what every object has, and a time, which upstream's documents leave out. */
const NOT_ASKED = new Set(['apiVersion', 'kind', 'sinceTime']);
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/** `names` gives the id and the tag of an operation. */
export function connectPaths(kind: Kind, connects: readonly ConnectPath[], openapi: 2 | 3, names: (id: string, suffix: string) => { id: string; tag: string }): Record<string, JsonObject> {
  const paths: Record<string, JsonObject> = {};
  const base = `${groupVersionPath(kind.group, kind.version)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`;
  for (const { kind: { group, plural }, subresource, methods } of connects) {
    if (group !== kind.group || plural !== kind.plural) continue;
    const options = `${kind.kind}${subresource === 'portforward' ? 'PortForward' : capital(subresource)}Options`;
    const query = Object.keys(schemaOfType(`${moduleOf(kind.group, kind.version)}.${options}`)?.properties ?? {}).filter((name) => !NOT_ASKED.has(name)).sort();
    const path = `${base}/${subresource}`;
    const suffix = capital(subresource);
    if (subresource === 'log') {
      const gvk = { group: kind.group, kind: kind.kind, version: kind.version };
      paths[path] = { parameters: pathParameters(path, ['pretty', ...query], openapi), get: operation({ action: 'get', gvk, ...names('read', 'Log'), answer: TEXT, produces: LOG_MEDIA }, openapi) };
      continue;
    }
    const gvk = { group: kind.group, kind: options, version: kind.version };
    const item = (at: string, more: string): JsonObject => ({
      parameters: pathParameters(at, query, openapi),
      ...Object.fromEntries(METHODS.filter((method) => methods.includes(method.toUpperCase())).map((method) => [
        method, operation({ action: 'connect', gvk, ...names(`connect${capital(method)}`, `${suffix}${more}`), answer: TEXT, produces: ['*/*'] }, openapi),
      ])),
    });
    paths[path] = item(path, '');
    if (subresource === 'proxy') paths[`${path}/{path}`] = item(`${path}/{path}`, 'WithPath');
  }
  return paths;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
