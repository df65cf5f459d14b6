/**
 * The in-process Client: the door without the wire. What it gives are the store's own frozen objects; what it takes is copied once.
 */
import { ApiError } from '../../api/errors.ts';
import { cloneJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { Json, KubeList, KubeObject } from '../../api/meta.ts';
import type { CallOptions, Client, DeleteOptions, InNamespace, ListOptions, PatchType, WatchEvent, WatchOptions, WriteOptions } from '../../sdk/client.ts';
import type { UserInfo } from '../../sdk/module.ts';
import { covers, type Authorizer, type PolicyRule } from './authorize.ts';
import type { Door, Outcome, WriteContext } from './door.ts';
import { badRequest, forbidden, resourceUnknown, toApiError, type Attributes } from './errors.ts';
import { selectionOf } from './handlers/list.ts';
import { apiVersionOfKind } from './kind-table.ts';
import { runAction, success } from './resources/action.ts';
import { asKind } from './resources/convert.ts';
import { convertedOne } from './resources/conversion.ts';
import { createObject } from './resources/create.ts';
import { deleteCollection } from './resources/delete-collection.ts';
import { deleteObject, type DeleteRequest } from './resources/delete.ts';
import { listStored } from './resources/list.ts';
import { patchObject, patched } from './resources/patch.ts';
import { getStored } from './resources/read.ts';
import { scaleOf, withScale } from '../../api/autoscaling/scale-view.ts';
import { updateObject, replaceWith } from './resources/update.ts';
import type { TokenSigner } from './identity/tokens.ts';
import { isTokenPath, requestToken } from './token-request.ts';
import { watchEvents } from './watch-events.ts';

export interface InProcess {
  /** Makes service account tokens; audiences are the default ones. */
  tokens: { signer: TokenSigner; audiences: readonly string[] };
  user: UserInfo;
  authorizer: Authorizer;
  fieldManager?: string;
  rules?: readonly PolicyRule[];
}

interface Target {
  namespace?: string;
  name?: string;
  subresource?: string;
}

export function createClient(door: Door, who: InProcess): Client {
  const allowed = new Set<string>();
  /** Throws Forbidden; what was allowed once for a whole resource by rules is not looked up again. */
  const check = (kind: Kind, verb: string, target: Target): void => {
    const key = who.rules === undefined ? '' : `${verb} ${kind.group}/${kind.plural}/${target.subresource ?? ''}`;
    if (key !== '' && allowed.has(key)) return;
    if (door.kinds.lookup(kind.group, kind.version, kind.plural) === undefined) throw resourceUnknown();
    const attributes: Attributes = { user: who.user, verb, resource: { group: kind.group, plural: kind.plural, ...target } };
    if (who.rules === undefined) {
      const { allowed: may, reason } = who.authorizer.decide(attributes);
      if (!may) throw forbidden(attributes, reason);
      return;
    }
    const rule = who.rules.find((each) => covers(each, attributes));
    if (rule === undefined) throw forbidden(attributes);
    if ((rule.resourceNames ?? []).length === 0) allowed.add(key);
  };
  const contextOf = (options: WriteOptions | DeleteOptions = {}): WriteContext => ({
    user: who.user, manager: ('fieldManager' in options ? options.fieldManager : undefined) ?? who.fieldManager ?? who.user.name, dryRun: options.dryRun === true, fieldValidation: 'Ignore', warnings: [],
  });
  /** What an update or an apply makes needs the right to create, as over HTTP. */
  const makingContextOf = (kind: Kind, target: Target, options: WriteOptions): WriteContext => ({
    ...contextOf(options), ...(who.rules === undefined ? { mayCreate: () => check(kind, 'create', { namespace: target.namespace, name: target.name }) } : {}),
  });
  /** Writes follow what is served: a definition of a user's may have taken the place of a built-in kind. */
  const served = <T extends KubeObject>(kind: Kind<T>): Kind<T> => (door.kinds.lookup(kind.group, kind.version, kind.plural) as Kind<T> | undefined) ?? kind;
  return {
    get: (kind, name, options = {}) => call(options, async () => {
      check(kind, 'get', { namespace: options.namespace, name, subresource: options.subresource });
      const { object } = await convertedOne(kind, getStored(door, kind, placeOf(kind, options.namespace), name));
      if (options.subresource === 'scale' && kind.subresources.scale !== undefined) return frozen(scaleOf(kind.subresources.scale, asKind(kind, object))) as never;
      return asKind(kind, object) as never;
    }),
    list: (kind, options = {}) => call(options, () => {
      check(kind, 'list', { namespace: options.namespace });
      return listObjects(door, kind, options) as never;
    }),
    watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions = {}) {
      return watchEvents(door, kind, options, () => check(kind, 'watch', { namespace: options.namespace })) as AsyncIterable<WatchEvent<T>>;
    },
    create: (named, object, options = {}) => call(options, async () => {
      const kind = served(named);
      const { namespace, name } = object.metadata ?? {};
      if (options.subresource !== undefined) throw badRequest('use createSubresource for subresources');
      check(kind, 'create', { namespace, name });
      return objectOf(kind, await createObject(door, kind, { namespace: placeOf(kind, namespace), object: cloneJson(object) }, contextOf(options))) as never;
    }),
    createSubresource: (kind, parent, subresource, body, options = {}) => call(options, async () => {
      check(kind, 'create', { ...parent, subresource });
      if (isTokenPath(kind, subresource)) return (await requestToken(door, who.tokens, kind, { namespace: parent.namespace ?? '', name: parent.name }, body, contextOf(options))) as never;
      if (kind.subresources.actions?.[subresource] === undefined) throw resourceUnknown();
      const outcome = await runAction(door, kind, { ...parent, action: subresource, verb: 'create', body: () => cloneJson(body) }, contextOf(options));
      return (outcome === undefined ? success(undefined, 201) : objectOf(kind, outcome)) as never;
    }),
    update: (named, object, options = {}) => call(options, async () => {
      const kind = served(named);
      const { namespace, name } = object.metadata;
      check(kind, 'update', { namespace, name, subresource: options.subresource });
      return (await update(door, kind, object, options, makingContextOf(kind, { namespace, name }, options))) as never;
    }),
    patch: (named, name, patch, options = {}) => call(options, async () => {
      const kind = served(named);
      check(kind, 'patch', { namespace: options.namespace, name, subresource: options.subresource });
      return (await patchAny(door, kind, name, patch, options, contextOf(options))) as never;
    }),
    apply: (named, object, options = {}) => call(options, async () => {
      const kind = served(named);
      const { namespace, name } = object.metadata;
      check(kind, 'patch', { namespace, name, subresource: options.subresource });
      const applied = cloneJson({ apiVersion: apiVersionOfKind(kind), kind: kind.kind, ...object }) as unknown as Json;
      const { outcome } = await patchObject(door, kind, { namespace: placeOf(kind, namespace), name: name ?? '', subresource: options.subresource, type: 'apply', body: applied, force: options.force }, makingContextOf(kind, { namespace, name }, options));
      return objectOf(kind, outcome) as never;
    }),
    delete: (named, name, options = {}) => call(options, async () => {
      const kind = served(named);
      check(kind, 'delete', { namespace: options.namespace, name });
      const outcome = await deleteObject(door, kind, { namespace: placeOf(kind, options.namespace), name }, deleteRequestOf(options), contextOf(options));
      return objectOf(kind, outcome);
    }),
    deleteCollection: (kind, options = {}) => call(options, async () => {
      check(kind, 'deletecollection', { namespace: options.namespace });
      await deleteCollection(door, kind, selectionOf(kind, options), deleteRequestOf(options), contextOf(options));
    }),
  };
}

/** Any error becomes an ApiError, and an aborted call does not begin. */
async function call<T>(options: CallOptions, work: () => Promise<T>): Promise<T> {
  if (options.signal?.aborted) throw new ApiError('Timeout', 'the request was given up');
  try {
    return await work();
  } catch (error) {
    throw toApiError(error);
  }
}

function placeOf(kind: Kind, namespace: string | undefined): string | undefined {
  if (!kind.namespaced) return undefined;
  if (namespace === undefined || namespace === '') throw badRequest(`a namespace is needed: ${kind.plural} live in namespaces`);
  return namespace;
}

async function listObjects(door: Door, kind: Kind, options: ListOptions): Promise<KubeList> {
  const { items, revision, continue: next, remainingItemCount } = await listStored(door, kind, { ...options, ...selectionOf(kind, options) });
  const metadata: KubeList['metadata'] = { resourceVersion: String(revision) };
  if (next !== undefined) metadata.continue = next;
  if (remainingItemCount !== undefined) metadata.remainingItemCount = remainingItemCount;
  return { apiVersion: apiVersionOfKind(kind), kind: `${kind.kind}List`, metadata, items: items.map((stored) => asKind(kind, stored.object)) };
}

async function update(door: Door, kind: Kind, object: KubeObject, options: WriteOptions, context: WriteContext): Promise<KubeObject> {
  const { namespace, name } = object.metadata;
  const at = { namespace: placeOf(kind, namespace), name: name ?? '' };
  const { subresource } = options;
  if (subresource === 'scale' && kind.subresources.scale !== undefined) return scale(door, kind, at, () => object, context);
  if (subresource !== undefined && subresource !== 'status') {
    const outcome = await runAction(door, kind, { ...at, action: subresource, verb: 'update', body: () => cloneJson(object) }, context);
    return outcome === undefined ? object : objectOf(kind, outcome);
  }
  if (subresource === 'status' && kind.subresources.status !== true) throw resourceUnknown();
  const outcome = await updateObject(door, kind, { ...at, subresource, change: replaceWith(cloneJson(object)), optimistic: true }, context);
  return objectOf(kind, outcome);
}

async function patchAny(door: Door, kind: Kind, name: string, patch: { type: PatchType; body: Json }, options: WriteOptions & InNamespace, context: WriteContext): Promise<KubeObject> {
  const at = { namespace: placeOf(kind, options.namespace), name };
  const { subresource } = options;
  if (subresource === 'scale' && kind.subresources.scale !== undefined) return scale(door, kind, at, (current) => patched(kind, current, { type: patch.type === 'strategic' ? 'merge' : patch.type, body: patch.body }), context);
  if (subresource === 'status' && kind.subresources.status !== true) throw resourceUnknown();
  if (subresource !== undefined && subresource !== 'status') {
    const outcome = await runAction(door, kind, { ...at, action: subresource, verb: 'patch', body: (live) => patched(kind, live, patch) }, context);
    return objectOf(kind, outcome!);
  }
  const { outcome } = await patchObject(door, kind, { ...at, subresource, type: patch.type, body: patch.body }, context);
  return objectOf(kind, outcome);
}

async function scale(door: Door, kind: Kind, at: { namespace?: string; name: string }, change: (current: KubeObject) => unknown, context: WriteContext): Promise<KubeObject> {
  const paths = kind.subresources.scale!;
  const outcome = await updateObject(door, kind, { ...at, subresource: 'scale', change: (live) => withScale(paths, live, change(scaleOf(paths, live))) }, context);
  return frozen(scaleOf(paths, asKind(kind, outcome.object)));
}

function objectOf(kind: Kind, outcome: Outcome): KubeObject {
  return outcome.stored === undefined ? frozen(asKind(kind, outcome.object)) : asKind(kind, outcome.object);
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key in value) frozen(value[key]);
  }
  return value;
}

function deleteRequestOf(options: DeleteOptions): DeleteRequest {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return { gracePeriodSeconds, propagationPolicy, preconditions };
}

