/** The operations of a resource as OpenAPI lists them: what kubectl looks up are the actions, the kinds and the query parameters. */
import type { Kind } from '../kind.ts';
import { groupVersionPath } from '../meta.ts';
import type { JsonObject } from './schemas.ts';

export interface ResourceForms {
  /** References to the schemas of the object, its list, and the options of delete. */
  object: JsonObject;
  list: JsonObject;
  status: JsonObject;
  deleteOptions: JsonObject;
  /** Custom resources have no strategic merge: kubectl sends that patch type to whatever lists it. */
  strategicMerge: boolean;
  /** A reference for another kind, for instance that of a subresource's body. */
  bodyOf(kind: { group: string; version: string; kind: string }): JsonObject | undefined;
}

interface OperationInput {
  action: string;
  gvk: JsonObject;
  id: string;
  query: readonly string[];
  body?: JsonObject;
  answer: JsonObject;
}

const LIST_QUERY = ['allowWatchBookmarks', 'continue', 'fieldSelector', 'labelSelector', 'limit', 'resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'timeoutSeconds', 'watch'];
const WRITE_QUERY = ['dryRun', 'fieldManager', 'fieldValidation'];
const DELETE_QUERY = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const INTEGERS = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds']);
const BOOLEANS = new Set(['allowWatchBookmarks', 'sendInitialEvents', 'watch', 'orphanDependents', 'force']);
const CUSTOM_PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const PATCH_TYPES = [...CUSTOM_PATCH_TYPES, 'application/strategic-merge-patch+json'];
const MEDIA = ['application/json', 'application/yaml'];

/** The paths of one kind. */
export function resourcePaths(kind: Kind, forms: ResourceForms, openapi: 2 | 3): Record<string, JsonObject> {
  const root = groupVersionPath(kind.group, kind.version);
  const base = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const gvk = { group: kind.group, kind: kind.kind, version: kind.version };
  const write = new Operations(kind, openapi, forms.strategicMerge ? PATCH_TYPES : CUSTOM_PATCH_TYPES);
  const paths: Record<string, JsonObject> = {};
  const add = (path: string, methods: Record<string, OperationInput | undefined>): void => {
    const item: JsonObject = { parameters: pathParameters(path, openapi) };
    for (const [method, input] of Object.entries(methods)) if (input !== undefined) item[method] = write.operation(input);
    if (Object.keys(item).length > 1) paths[path] = item;
  };
  const has = (verb: Kind['verbs'][number]): boolean => kind.verbs.includes(verb);
  const list = { action: 'list', gvk, id: 'list', query: LIST_QUERY, answer: forms.list };
  add(base, {
    get: has('list') ? list : undefined,
    post: has('create') ? { action: 'post', gvk, id: 'create', query: WRITE_QUERY, body: forms.object, answer: forms.object } : undefined,
    delete: has('deletecollection') ? { action: 'deletecollection', gvk, id: 'deleteCollection', query: [...DELETE_QUERY, ...LIST_QUERY], body: forms.deleteOptions, answer: forms.status } : undefined,
  });
  if (kind.namespaced && has('list')) add(`${root}/${kind.plural}`, { get: { ...list, id: 'listAllNamespaces' } });
  const object = (suffix: string, form: JsonObject, formGvk: JsonObject): Record<string, OperationInput> => ({
    get: { action: 'get', gvk: formGvk, id: `read${suffix}`, query: [], answer: form },
    put: { action: 'put', gvk: formGvk, id: `replace${suffix}`, query: WRITE_QUERY, body: form, answer: form },
    patch: { action: 'patch', gvk: formGvk, id: `patch${suffix}`, query: [...WRITE_QUERY, 'force'], body: { type: 'object' }, answer: form },
  });
  const own = object('', forms.object, gvk);
  add(`${base}/{name}`, {
    get: has('get') ? own['get'] : undefined,
    put: has('update') ? own['put'] : undefined,
    patch: has('patch') ? own['patch'] : undefined,
    delete: has('delete') ? { action: 'delete', gvk, id: 'delete', query: DELETE_QUERY, body: forms.deleteOptions, answer: forms.status } : undefined,
  });
  if (kind.subresources.status === true) add(`${base}/{name}/status`, object('Status', forms.object, gvk));
  const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  const scale = kind.subresources.scale === undefined ? undefined : forms.bodyOf(scaleKind);
  if (scale !== undefined) add(`${base}/{name}/scale`, object('Scale', scale, { ...scaleKind }));
  for (const [name, action] of Object.entries(kind.subresources.actions ?? {})) {
    const form = forms.bodyOf(action.body) ?? { type: 'object' };
    const all = object(capital(name), form, { ...action.body });
    add(`${base}/{name}/${name}`, {
      post: action.verbs.includes('create') ? { action: 'post', gvk: { ...action.body }, id: `create${capital(name)}`, query: WRITE_QUERY, body: form, answer: form } : undefined,
      get: action.verbs.includes('get') ? all['get'] : undefined,
      put: action.verbs.includes('update') ? all['put'] : undefined,
      patch: action.verbs.includes('patch') ? all['patch'] : undefined,
    });
  }
  return paths;
}

class Operations {
  readonly #kind: Kind;
  readonly #openapi: 2 | 3;
  readonly #patchTypes: readonly string[];

  constructor(kind: Kind, openapi: 2 | 3, patchTypes: readonly string[]) {
    this.#kind = kind;
    this.#openapi = openapi;
    this.#patchTypes = patchTypes;
  }

  operation({ action, gvk, id, query, body, answer }: OperationInput): JsonObject {
    const group = this.#kind.group === '' ? 'core' : (this.#kind.group.split('.')[0] ?? '');
    const tag = `${group}_${this.#kind.version}`;
    const scope = this.#kind.namespaced && id !== 'listAllNamespaces' ? 'Namespaced' : '';
    const [, verb = id, suffix = ''] = /^(read|replace|patch|create)(.*)$/.exec(id) ?? [];
    const operationId = id === 'listAllNamespaces'
      ? `list${capital(group)}${capital(this.#kind.version)}${this.#kind.kind}ForAllNamespaces`
      : `${verb}${capital(group)}${capital(this.#kind.version)}${id === 'deleteCollection' ? 'Collection' : ''}${scope}${this.#kind.kind}${suffix}`.replace('deleteCollection', 'delete');
    const parameters = query.map((name) => queryParameter(name, this.#openapi));
    const common = { tags: [tag], operationId, 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk };
    if (this.#openapi === 3) {
      const types = action === 'patch' ? this.#patchTypes : MEDIA;
      const content = (schema: JsonObject, media: readonly string[]): JsonObject => Object.fromEntries(media.map((type) => [type, { schema }]));
      return { ...common, parameters, ...(body === undefined ? {} : { requestBody: { content: content(body, types) } }), responses: { 200: { description: 'OK', content: content(answer, MEDIA) } } };
    }
    if (body !== undefined) parameters.push({ name: 'body', in: 'body', required: action !== 'delete' && action !== 'deletecollection', schema: body });
    return { ...common, consumes: action === 'patch' ? [...this.#patchTypes] : ['*/*'], produces: MEDIA, parameters, responses: { 200: { description: 'OK', schema: answer } } };
  }
}

function pathParameters(path: string, openapi: 2 | 3): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, ...typed({ type: 'string', uniqueItems: true }, openapi) }));
}

function queryParameter(name: string, openapi: 2 | 3): JsonObject {
  const type = INTEGERS.has(name) ? 'integer' : BOOLEANS.has(name) ? 'boolean' : 'string';
  return { name, in: 'query', ...typed({ type, uniqueItems: true }, openapi) };
}

function typed(schema: JsonObject, openapi: 2 | 3): JsonObject {
  return openapi === 3 ? { schema } : schema;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
