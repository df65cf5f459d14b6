/** patch: JSON patch, merge patch, strategic merge patch and server-side apply (upstream: endpoints/handlers/patch.go). */
import { ApiError, conflict } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import { cloneJson, goText, isJsonObject } from '../../../api/json.ts';
import type { Json, KubeObject } from '../../../api/meta.ts';
import { applyObject, resetFieldsOf } from '../../../api/merge/apply/index.ts';
import { jsonPatch } from '../../../api/merge/json-patch.ts';
import { mergePatch } from '../../../api/merge/merge-patch.ts';
import { strategicMergePatch } from '../../../api/merge/strategic.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { isStoreError } from '../../store/store.ts';
import type { Door, Outcome, WriteContext } from '../door.ts';
import { badRequest, invalidOptions } from '../errors.ts';
import { required } from '../../../api/field-error.ts';
import { apiVersionOfKind, keyOf, schemaOfKind } from '../kind-table.ts';
import { createObject } from './create.ts';
import { updateObject } from './update.ts';
import { withVersions } from './versions.ts';

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchInput {
  namespace?: string;
  name: string;
  subresource?: string;
  type: PatchKind;
  /** Parsed; not changed. */
  body: Json;
  force?: boolean;
}

export interface PatchOutcome {
  outcome: Outcome;
  created: boolean;
}

export async function patchObject(door: Door, kind: Kind, input: PatchInput, context: WriteContext): Promise<PatchOutcome> {
  if (input.type === 'apply') return applyPatch(door, kind, input, context);
  const change = (live: KubeObject): unknown => patched(kind, live, input);
  const isStrategic = input.type === 'strategic';
  const shownAs = (object: KubeObject): string => (isStrategic ? goText(input.body) : JSON.stringify(object)).slice(0, SHOWN_MOST);
  return { outcome: await updateObject(door, kind, { ...input, change }, { ...context, shownAs, isStrategic }), created: false };
}

const SHOWN_MOST = 10_000;

/** The stored object with the patch on it, as a fresh value. */
export function patched(kind: Kind, live: KubeObject, input: Pick<PatchInput, 'type' | 'body'>): unknown {
  const value = live as unknown as Json;
  switch (input.type) {
    case 'json':
      return jsonPatch(withStatus(kind, live, input.body) as unknown as Json, input.body);
    case 'merge':
      if (!isJsonObject(input.body)) throw badRequest('a merge patch is an object with the fields to change');
      return mergePatch(cloneJson(value), input.body);
    default:
      return strategicMergePatch(value, input.body, schemaOfKind(kind));
  }
}

/** In Go the status of a built-in object is a struct that is always there: a patch may add to it although nobody has written it yet. */
function withStatus(kind: Kind, live: KubeObject & { status?: Json }, operations: Json): KubeObject {
  const isLacking = live.status === undefined && kind.subresources.status === true && kind.isCustom !== true;
  return isLacking && Array.isArray(operations) && operations.some((each) => isJsonObject(each) && String(each['path']).startsWith('/status/')) ? { ...live, status: {} } as KubeObject : live;
}

/** Makes the object when it is not there; a race with another maker or remover is run again. */
async function applyPatch(door: Door, kind: Kind, input: PatchInput, context: WriteContext): Promise<PatchOutcome> {
  if (context.manager === '') throw invalidOptions('PatchOptions', required('fieldManager', 'is required for apply patch'));
  for (let tries = 1; ; tries++) {
    const missing = door.store.newest(keyOf(kind, input.namespace, input.name)) === undefined;
    try {
      if (!missing || (input.subresource ?? '') !== '') {
        const change = (live: KubeObject): unknown => applied(door, kind, live, input, context);
        return { outcome: await updateObject(door, kind, { ...input, keepManagedFields: true, change }, context), created: false };
      }
      context.mayCreate?.();
      const object = await applied(door, kind, undefined, input, context);
      if (object.metadata.uid) throw conflict(kind, input.name, `uid mismatch: the provided object specified uid ${object.metadata.uid}, and no existing object was found`);
      return { outcome: await createObject(door, kind, { namespace: input.namespace, name: input.name, object, keepManagedFields: true }, context), created: true };
    } catch (error) {
      const raced = isStoreError(error, 'missing') || (error instanceof ApiError && error.reason === (missing ? 'AlreadyExists' : 'NotFound'));
      if (!raced || tries === 5 || (input.subresource ?? '') !== '') throw error;
    }
  }
}

function applied(door: Door, kind: Kind, live: KubeObject | undefined, input: PatchInput, context: WriteContext): KubeObject | Promise<KubeObject> {
  return withVersions(door, kind, (inVersion) => applyObject({
    schema: schemaOfKind(kind), live, applied: input.body, manager: context.manager, force: input.force === true, apiVersion: apiVersionOfKind(kind),
    subresource: input.subresource ?? '', reset: resetFieldsOf(kind, input.subresource ?? ''), isServed: (apiVersion) => door.kinds.servesAt(kind, apiVersion), now: rfc3339(door.clock.nowMs()), inVersion,
    maxBytes: door.store.maxObjectBytes,
  }));
}
