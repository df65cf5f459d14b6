/** Actions: subresources that are a pure change of their parent, such as pods/binding (see Kind.subresources.actions). */
import { ApiError, isApiError, type Status } from '../../../api/errors.ts';
import { cloneJson } from '../../../api/json.ts';
import type { Action, Kind } from '../../../api/kind.ts';
import { apiVersionOf, type KubeObject } from '../../../api/meta.ts';
import { isJsonObject } from '../../../api/json.ts';
import type { Door, Outcome, WriteContext } from '../door.ts';
import { badRequest } from '../errors.ts';
import { checkPreconditions, deleteObject, type DeleteRequest } from './delete.ts';
import { updateObject } from './update.ts';

/** So often an object that changes between what judged it and its deletion is judged anew. Source: upstream, EvictionsRetry. */
const TRIES = 20;

export interface ActionInput {
  namespace?: string;
  name: string;
  action: string;
  verb: 'create' | 'update' | 'patch';
  /** As which admission knows the request; default the parent's subresource. */
  resource?: string;
  /** The body from the parent as it is, for a patch. Ours to keep. */
  body: (live: KubeObject) => unknown;
}

/** The parent as it is afterwards; undefined when the action answers with a Status. */
export async function runAction(door: Door, kind: Kind, input: ActionInput, context: WriteContext): Promise<Outcome | undefined> {
  const action = kind.subresources.actions?.[input.action];
  if (action === undefined || !action.verbs.includes(input.verb)) throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
  // What is made at a subresource is judged before its parent is looked for.
  if (input.verb === 'create') checkBody(action, input, { metadata: {} });
  let body: KubeObject = { metadata: {} };
  const change = (live: KubeObject): KubeObject => {
    body = checkBody(action, input, live);
    const next = cloneJson(live);
    const wanted = body.metadata.resourceVersion;
    if (wanted) next.metadata.resourceVersion = wanted;
    if (body.metadata.uid) next.metadata.uid = body.metadata.uid;
    action.apply(next, cloneJson(body), door.clock.nowMs());
    return next;
  };
  const sent = (): KubeObject => ({ ...cloneJson(body), apiVersion: apiVersionOf(action.body.group, action.body.version), kind: action.body.kind, metadata: { ...body.metadata, name: input.name, ...(input.namespace === undefined ? {} : { namespace: input.namespace }) } });
  // What is made at an action is a body of its own, whose parent's managers upstream leaves as they are (pods/binding).
  const about = { namespace: input.namespace, name: input.name, subresource: input.action, ...(input.resource === undefined ? {} : { resource: input.resource }), keepManagedFields: input.verb === 'create', ...(input.verb === 'create' ? { sentBody: sent } : {}) };
  if (action.deletes === true) {
    // What the change notes on the object is there when the deletion begins: its watchers see why.
    const options = (input.body({ metadata: {} }) as { deleteOptions?: DeleteRequest & { dryRun?: string[] } } | undefined)?.deleteOptions ?? {};
    const wet = { ...context, dryRun: context.dryRun || options.dryRun?.includes('All') === true };
    for (let tries = 1; ; tries++) {
      const { object } = await updateObject(door, kind, { ...about, change: (live) => (checkPreconditions(kind, input.name, live, options), change(live)) }, wet);
      // Only as it was judged: a pod that was not ready then, and is by now, is one more that its budget has to do without.
      const preconditions = wet.dryRun ? options.preconditions : { ...options.preconditions, resourceVersion: object.metadata.resourceVersion };
      try {
        await deleteObject(door, kind, { namespace: input.namespace, name: input.name, admitted: true }, { ...options, ...(preconditions === undefined ? {} : { preconditions }) }, wet);
        return undefined;
      } catch (error) {
        if (wet.dryRun || options.preconditions?.resourceVersion !== undefined || tries === TRIES || !isApiError(error, 'Conflict')) throw error;
      }
    }
  }
  const outcome = await updateObject(door, kind, { ...about, change }, context);
  return action.answers === 'status' ? undefined : outcome;
}

function checkBody(action: Action<KubeObject>, input: ActionInput, live: KubeObject): KubeObject {
  const body = input.body(live);
  const wanted = apiVersionOf(action.body.group, action.body.version);
  if (!isJsonObject(body)) throw badRequest(`the body of the request must be a ${action.body.kind} object (${wanted})`);
  const { kind, apiVersion, metadata } = body as unknown as KubeObject;
  if (kind !== undefined && kind !== action.body.kind) throw badRequest(`the body of the request must be a ${action.body.kind} object (${wanted}), not ${String(kind)} (${String(apiVersion)})`);
  const meta = isJsonObject(metadata) ? metadata : {};
  if (meta.name !== undefined && meta.name !== '' && meta.name !== input.name) throw badRequest(`name in URL does not match name in ${action.body.kind} object`);
  if (input.namespace !== undefined && meta.namespace !== undefined && meta.namespace !== '' && meta.namespace !== input.namespace) throw badRequest(`namespace in URL does not match namespace in ${action.body.kind} object`);
  return { ...(body as unknown as KubeObject), metadata: meta as KubeObject['metadata'] };
}

export function success(details?: Status['details'], code = 200): Status {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code };
  if (details !== undefined) status.details = details;
  // Upstream leaves the code out of a success that it answers with 200.
  if (code === 200) delete (status as Partial<Status>).code;
  return status;
}
