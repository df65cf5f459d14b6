/** The operations of a resource as OpenAPI lists them: what kubectl looks up are the actions, the kinds and the query parameters; other clients are made of them. */
import { answersWithDeleted } from '../deleted.ts';
import type { Kind } from '../kind.ts';
import { groupVersionPath } from '../meta.ts';
import { connectPaths, type ConnectPath } from './connect-paths.ts';
import { operation, pathParameters, type OperationInput } from './operations.ts';
import type { JsonObject } from './schemas.ts';

export interface ResourceForms {
  /** References to the schemas of the object, its list, and the options of delete. */
  object: JsonObject;
  list: JsonObject;
  status: JsonObject;
  deleteOptions: JsonObject;
  /** Of a built-in kind: it has strategic merge, which kubectl sends to whatever lists it, and upstream's old paths of watches. */
  isBuiltIn: boolean;
  /** A reference for another kind, for instance that of a subresource's body. */
  bodyOf(kind: { group: string; version: string; kind: string }): JsonObject | undefined;
  watchEvent: JsonObject;
  /** What modules answer below an object. */
  connects: readonly ConnectPath[];
}

/** Of an operation: what its resource does not say already. The id has the words before and after the names of group, version and kind. */
type Described = Omit<OperationInput, 'id' | 'tag'> & { id: string; suffix?: string; unscoped?: boolean };

const LIST_QUERY = ['allowWatchBookmarks', 'continue', 'fieldSelector', 'labelSelector', 'limit', 'resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'timeoutSeconds', 'watch'];
/** A deletion of many watches nothing. */
const DELETED_QUERY = LIST_QUERY.filter((name) => name !== 'allowWatchBookmarks' && name !== 'watch');
const WRITE_QUERY = ['dryRun', 'fieldManager', 'fieldValidation'];
const DELETE_QUERY = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const CUSTOM_PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const PATCH_TYPES = [...CUSTOM_PATCH_TYPES, 'application/strategic-merge-patch+json'];
const STREAM_MEDIA = ['application/json', 'application/yaml', 'application/json;stream=watch'];
const [CREATED, WRITTEN, DELETED] = [[200, 201, 202], [200, 201], [200, 202]];
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };

/** The paths of one kind. */
export function resourcePaths(kind: Kind, forms: ResourceForms, openapi: 2 | 3): Record<string, JsonObject> {
  const root = groupVersionPath(kind.group, kind.version);
  const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
  const base = `${root}${scope}/${kind.plural}`;
  const gvk = { group: kind.group, kind: kind.kind, version: kind.version };
  const paths: Record<string, JsonObject> = {};
  const add = (path: string, methods: Record<string, Described | undefined>, query: readonly string[] = []): void => {
    const item: JsonObject = { parameters: pathParameters(path, ['pretty', ...query], openapi) };
    for (const [method, described] of Object.entries(methods)) if (described !== undefined) item[method] = operation({ ...described, ...namesOf(kind, described) }, openapi);
    if (Object.keys(item).length > 1) paths[path] = item;
  };
  const has = (verb: Kind['verbs'][number]): boolean => kind.verbs.includes(verb);
  const list = { action: 'list', gvk, id: 'list', query: LIST_QUERY, answer: forms.list, produces: STREAM_MEDIA };
  add(base, {
    get: has('list') ? list : undefined,
    post: has('create') ? { action: 'post', gvk, id: 'create', query: WRITE_QUERY, body: forms.object, answer: forms.object, codes: CREATED } : undefined,
    delete: has('deletecollection') ? { action: 'deletecollection', gvk, id: 'deleteCollection', query: [...DELETE_QUERY, ...DELETED_QUERY], body: forms.deleteOptions, answer: forms.status } : undefined,
  });
  if (kind.namespaced && has('list')) add(`${root}/${kind.plural}`, { get: { ...list, suffix: 'ForAllNamespaces', unscoped: true } });
  const patchTypes = forms.isBuiltIn ? PATCH_TYPES : CUSTOM_PATCH_TYPES;
  const object = (suffix: string, form: JsonObject, formGvk: JsonObject): Record<string, Described> => ({
    get: { action: 'get', gvk: formGvk, id: 'read', suffix, answer: form },
    put: { action: 'put', gvk: formGvk, id: 'replace', suffix, query: WRITE_QUERY, body: form, answer: form, codes: WRITTEN },
    patch: { action: 'patch', gvk: formGvk, id: 'patch', suffix, query: [...WRITE_QUERY, 'force'], body: { type: 'object' }, answer: form, codes: WRITTEN, consumes: patchTypes },
  });
  const own = object('', forms.object, gvk);
  add(`${base}/{name}`, {
    get: has('get') ? own['get'] : undefined,
    put: has('update') ? own['put'] : undefined,
    patch: has('patch') ? own['patch'] : undefined,
    delete: has('delete') ? { action: 'delete', gvk, id: 'delete', query: DELETE_QUERY, body: forms.deleteOptions, answer: answersWithDeleted(kind) ? forms.object : forms.status, codes: DELETED } : undefined,
  });
  if (kind.subresources.status === true) add(`${base}/{name}/status`, object('Status', forms.object, gvk));
  const scale = kind.subresources.scale === undefined ? undefined : forms.bodyOf(SCALE);
  if (scale !== undefined) add(`${base}/{name}/scale`, object('Scale', scale, SCALE));
  const creates = (suffix: string, form: JsonObject, formGvk: JsonObject): Described => ({ action: 'post', gvk: formGvk, id: 'create', suffix, query: WRITE_QUERY, body: form, answer: form, codes: CREATED });
  for (const [name, action] of Object.entries(kind.subresources.actions ?? {})) {
    const form = forms.bodyOf(action.body) ?? { type: 'object' };
    const all = object(capital(name), form, { ...action.body });
    add(`${base}/{name}/${name}`, {
      post: action.verbs.includes('create') ? creates(capital(name), form, { ...action.body }) : undefined,
      get: action.verbs.includes('get') ? all['get'] : undefined,
      put: action.verbs.includes('update') ? all['put'] : undefined,
      patch: action.verbs.includes('patch') ? all['patch'] : undefined,
    });
  }
  const token = kind.group === '' && kind.plural === 'serviceaccounts' ? forms.bodyOf(TOKEN_REQUEST) : undefined;
  if (token !== undefined) add(`${base}/{name}/token`, { post: creates('Token', token, TOKEN_REQUEST) });
  if (forms.isBuiltIn && has('watch')) {
    const watch = (action: string, more: Partial<Described>): Record<string, Described> => ({ get: { action, gvk, id: 'watch', answer: forms.watchEvent, produces: STREAM_MEDIA, ...more } });
    add(`${root}/watch${scope}/${kind.plural}`, watch('watchlist', { suffix: 'List' }), LIST_QUERY);
    add(`${root}/watch${scope}/${kind.plural}/{name}`, watch('watch', {}), LIST_QUERY);
    if (kind.namespaced) add(`${root}/watch/${kind.plural}`, watch('watchlist', { suffix: 'ListForAllNamespaces', unscoped: true }), LIST_QUERY);
  }
  return Object.assign(paths, connectPaths(kind, forms.connects, openapi, (method, suffix) => namesOf(kind, { id: method, suffix })));
}

function namesOf(kind: Kind, { id, suffix = '', unscoped = false }: { id: string; suffix?: string; unscoped?: boolean }): { id: string; tag: string } {
  const group = kind.group === '' ? 'core' : (kind.group.split('.')[0] ?? '');
  const scope = kind.namespaced && !unscoped ? 'Namespaced' : '';
  const [, verb = id, rest = ''] = /^(delete|connect)([A-Z]\w*)$/.exec(id) ?? [];
  return { tag: `${group}_${kind.version}`, id: `${verb}${capital(group)}${capital(kind.version)}${rest}${scope}${kind.kind}${suffix}` };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
