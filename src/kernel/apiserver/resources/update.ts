/** update: a change of what is stored, optimistic or tried again (upstream: registry/generic/registry Store.Update, GuaranteedUpdate). */
import { conflict, MODIFIED, notFound } from '../../../api/errors.ts';
import { invalid, invalidObject } from '../../../api/field-error.ts';
import type { Kind } from '../../../api/kind.ts';
import { cloneJson, equalJson, isJsonObject } from '../../../api/json.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { resetFieldsOf, sameObject, updateManagedFields } from '../../../api/merge/apply/index.ts';
import { rfc3339 } from '../../../base/clock.ts';
import type { AdmissionRequest } from '../../../sdk/module.ts';
import { isStoreError, type Stored } from '../../store/store.ts';
import { outcomeOf, type Door, type Outcome, type WriteContext } from '../door.ts';
import { apiVersionOfKind, keyOf, schemaOfKind } from '../kind-table.ts';
import { betweenSteps } from './between-steps.ts';
import { convertedOne, toStored } from './conversion.ts';
import { asKind, isKeptRight } from './convert.ts';
import { admitted } from './admitted.ts';
import { confirmed } from './confirmed.ts';
import { createObject } from './create.ts';
import { withVersions } from './versions.ts';
import { distinctOwners } from './distinct-owners.ts';
import { identify } from './identify.ts';
import { finalizersOf } from './namespaces.ts';
import { orWithoutManagers } from './or-without-managers.ts';
import { applyDefaults, validateChange } from './schema-steps.ts';

export interface UpdateInput {
  namespace?: string;
  name: string;
  /** '' for the object itself, `status`, or an action. */
  subresource?: string;
  /** As which admission knows the request; default the kind's own, with the subresource. */
  resource?: string;
  /**
   * The whole object as it shall be, from the stored one (frozen, in the version of the kind). Called again when another write came first;
   * must give a fresh value each time, whose metadata and fields at the top are not frozen.
   */
  change(live: KubeObject): unknown;
  /** What the client sent, where that is not the object; asked after `change`. */
  sentBody?(): KubeObject;
  /** The change says by itself who owns which field. */
  keepManagedFields?: boolean;
  /** The version in the changed object is the client's wish, not a copy from the stored one: a conflict is the client's to solve. */
  optimistic?: boolean;
}

const TRIES = 30;

/** Rejects with NotFound, Conflict, Invalid. A change that changes nothing writes nothing. */
export function updateObject(door: Door, kind: Kind, input: UpdateInput, context: WriteContext): Promise<Outcome> {
  return confirmed(door, () => update(door, kind, input, context));
}

async function update(door: Door, kind: Kind, input: UpdateInput, context: WriteContext): Promise<Outcome> {
  const key = keyOf(kind, input.namespace, input.name);
  for (let tries = 1; ; tries++) {
    const live = door.store.newest(key);
    if (live === undefined) {
      if (kind.rules.allowCreateOnUpdate !== true || input.optimistic !== true) throw notFound(kind, input.name);
      context.mayCreate?.();
      const made = await createObject(door, kind, { namespace: input.namespace, name: input.name, object: asNew(kind, input.name, input.change({ metadata: {} })) }, context);
      return Object.assign(made, { created: true as const });
    }
    const shown = await convertedOne(kind, live);
    const liveObject = asKind(kind, shown.object);
    const pace = betweenSteps(context, live.bytes.length);
    if (pace !== undefined) await pace();
    const changed = input.change(liveObject);
    const made = changed instanceof Promise ? await changed : changed;
    if (pace !== undefined) await pace();
    const next = identify(kind, made, input, context);
    const optimistic = checkVersion(kind, next, live) && input.optimistic === true;
    try {
      return await updateOnce(door, kind, { key, live, shown, liveObject, next, subresource: input.subresource ?? '', resource: input.resource, body: input.sentBody?.(), keepManagedFields: input.keepManagedFields === true }, context);
    } catch (error) {
      if (isStoreError(error, 'missing')) throw notFound(kind, input.name);
      if (!isStoreError(error, 'modified')) throw error;
      if (optimistic || tries === TRIES) throw conflict(kind, input.name, MODIFIED);
    }
  }
}

interface Step {
  key: string;
  live: Stored;
  /** The same as the kind says it. */
  shown: Stored;
  liveObject: KubeObject;
  next: KubeObject;
  subresource: string;
  resource: string | undefined;
  body: KubeObject | undefined;
  keepManagedFields: boolean;
}

async function updateOnce(door: Door, kind: Kind, step: Step, context: WriteContext): Promise<Outcome> {
  const { live, liveObject, subresource } = step;
  const pace = betweenSteps(context, live.bytes.length);
  if (pace !== undefined) await pace();
  const next = subresource === 'status' ? withStatusOf(kind, liveObject, step.next) : step.next;
  keepSystemFields(next, liveObject);
  distinctOwners(next.metadata, context.warnings, { afterAdmission: false });
  if (subresource !== 'status') applyDefaults(kind, next);
  else kind.rules.prepareForStatusUpdate?.(next, liveObject);
  if (pace !== undefined) await pace();
  // Before admission, as with create.
  if (!step.keepManagedFields) {
    const recorded = recordManager(door, kind, next, liveObject, step, rfc3339(door.clock.nowMs()), context.manager);
    if (recorded !== undefined) await recorded;
  }
  const request: AdmissionRequest = { operation: 'UPDATE', kind, namespace: next.metadata.namespace, name: next.metadata.name, object: next, oldObject: liveObject, user: context.user, dryRun: context.dryRun, warnings: context.warnings, fieldManager: context.manager, ...(context.options === undefined ? {} : { options: context.options }), ...(context.annotate === undefined ? {} : { annotate: context.annotate }), ...(context.deadline === undefined ? {} : { deadline: context.deadline }) };
  if (subresource !== '') request.subresource = subresource;
  if (step.resource !== undefined) request.resource = step.resource;
  if (step.body !== undefined) request.body = step.body;
  if (pace !== undefined) await pace();
  await admitted(door, request);
  await door.admissions.allocate(request);
  if (subresource === '') prepare(kind, next, liveObject);
  // What is kept in an old version is written anew, as storage migrations want it.
  if (sameObject(next, liveObject) && isKeptRight(kind, live)) {
    await door.admissions.validate(request);
    return unchanged(door, step.shown, context);
  }
  if (kind.subresources.actions?.[subresource]?.keepsGeneration !== true) raiseGeneration(kind, next, liveObject);
  if (pace !== undefined) await pace();
  validateChange(kind, next, liveObject, subresource, context);
  if (pace !== undefined) await pace();
  await door.admissions.validate(request);
  context.deadline?.throwIfAborted();
  if (context.dryRun) {
    if (kind.conversion !== undefined) await toStored(kind, next); // what could not be kept is told of
    return { object: next };
  }
  if (mayVanish(kind, next)) return outcomeOf(await convertedOne(kind, await door.store.delete(step.key, { revision: live.revision, object: await toStored(kind, next) })));
  const store = async (): Promise<Stored> => door.store.update(step.key, await toStored(kind, next), { revision: live.revision });
  return outcomeOf(await convertedOne(kind, await (step.keepManagedFields ? store() : orWithoutManagers(next, store))));
}

/** What was read may not be on the disk yet. */
async function unchanged(door: Door, live: Stored, context: WriteContext): Promise<Outcome> {
  if (!context.dryRun && door.store.revision < live.revision) await door.store.confirmed();
  return outcomeOf(live);
}

/** True when the client named a version, so that a conflict is its to solve. Throws Invalid where it must (upstream: registry/generic/registry/store.go, Update). */
function checkVersion(kind: Kind, next: KubeObject, live: Stored): boolean {
  const { resourceVersion, uid } = next.metadata;
  const name = next.metadata.name ?? '';
  const liveUid = live.object.metadata.uid;
  if (uid !== undefined && uid !== '' && uid !== liveUid) {
    throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${liveUid ?? ''}`);
  }
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0') {
    if (kind.rules.allowUnconditionalUpdate === false) throw invalidObject({ group: kind.group, kind: kind.plural }, name, [invalid('metadata.resourceVersion', 0, 'must be specified for an update')]);
    return false;
  }
  if (resourceVersion !== String(live.revision)) throw conflict(kind, name, MODIFIED);
  return true;
}

const METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

/** The path /status writes the status; of most built-in kinds also the metadata (upstream: their status strategies keep the spec alone), with or without a version. */
function withStatusOf(kind: Kind, live: KubeObject, sent: KubeObject): KubeObject {
  const { statusKeeps = [] } = kind.rules;
  const { status } = sent as { status?: unknown };
  const next = { ...live, metadata: { ...live.metadata, managedFields: sent.metadata.managedFields } } as KubeObject & { status?: unknown };
  for (const field of METADATA) {
    if (statusKeeps === 'metadata' || statusKeeps.includes(field as never)) continue;
    if (sent.metadata[field] === undefined) delete next.metadata[field];
    else Object.assign(next.metadata, { [field]: sent.metadata[field] });
  }
  if (status === undefined || status === null) delete next.status;
  else next.status = status;
  return next;
}

function keepSystemFields(next: KubeObject, live: KubeObject): void {
  const { metadata } = next;
  const old = live.metadata;
  metadata.name = old.name;
  if (old.namespace !== undefined) metadata.namespace = old.namespace;
  if (old.generateName !== undefined && metadata.generateName === undefined) metadata.generateName = old.generateName;
  metadata.resourceVersion = old.resourceVersion;
  for (const field of ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generation'] as const) {
    if (old[field] === undefined) delete metadata[field];
    else (metadata as Record<string, unknown>)[field] = old[field];
  }
}

function prepare(kind: Kind, next: KubeObject, live: KubeObject): void {
  if (kind.subresources.status === true) {
    const old = (live as { status?: unknown }).status;
    if (old === undefined) delete (next as { status?: unknown }).status;
    // Its top is ours, so that rules may set fields there; what is below stays the frozen old value.
    else (next as { status?: unknown }).status = isJsonObject(old) ? { ...old } : old;
  }
  // What prepareForUpdate keeps from the old object is frozen there and shared here: it must not be changed later.
  kind.rules.prepareForUpdate?.(next, live);
}

function recordManager(door: Door, kind: Kind, next: KubeObject, live: KubeObject, step: Step, now: string, manager: string): void | Promise<void> {
  const { subresource } = step;
  const sent = next.metadata.managedFields;
  return withVersions(door, kind, (inVersion) => {
    if (sent !== undefined) next.metadata.managedFields = sent;
    updateManagedFields({ schema: schemaOfKind(kind), live, next, manager, apiVersion: apiVersionOfKind(kind), subresource, now, reset: resetFieldsOf(kind, subresource), isServed: (apiVersion) => door.kinds.servesAt(kind, apiVersion), inVersion });
  });
}

function raiseGeneration(kind: Kind, next: KubeObject, live: KubeObject): void {
  if (kind.rules.generation === false || live.metadata.generation === undefined) return;
  const desired = ({ metadata: _metadata, ...rest }: KubeObject & { status?: unknown }): unknown => (kind.subresources.status === true ? { ...rest, status: undefined } : rest);
  if (!equalJson(desired(next), desired(live))) next.metadata.generation = live.metadata.generation + 1;
}

/** The last finalizer is gone, and nobody waits for the grace period any more. */
function mayVanish(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && finalizersOf(kind, object).length === 0;
}

/** What is replaced though it is not there: its version counts for nothing, but who names a uid means an object that is gone (upstream: registry/rest/update.go, Preconditions). */
function asNew(kind: Kind, name: string, value: unknown): unknown {
  const { metadata } = value as KubeObject;
  if (!isJsonObject(metadata)) return value;
  if (typeof metadata.uid === 'string' && metadata.uid !== '') throw conflict(kind, name, `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: `);
  delete metadata.resourceVersion;
  return value;
}

/** PUT: the client sends the whole object. */
export function replaceWith(object: KubeObject): (live: KubeObject) => KubeObject {
  let first = true;
  const kept = object.metadata?.resourceVersion ? undefined : cloneJson(object);
  return () => {
    if (!first && kept !== undefined) return cloneJson(kept);
    first = false;
    return object;
  };
}
