/** delete: at once, after a grace period, or when the last finalizer is gone (upstream: registry/rest BeforeDelete, Store.Delete). */
import { conflict, notFound } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { rfc3339 } from '../../../base/clock.ts';
import type { AdmissionRequest } from '../../../sdk/module.ts';
import { isStoreError, type Stored } from '../../store/store.ts';
import { outcomeOf, type Door, type Outcome, type WriteContext } from '../door.ts';
import { badRequest, invalidOptions } from '../errors.ts';
import { invalid, notSupported } from '../../../api/field-error.ts';
import { keyOf } from '../kind-table.ts';
import { confirmed } from './confirmed.ts';
import { asKind } from './convert.ts';
import { convertedOne } from './conversion.ts';
import { checkNamespaceDelete, finalizersOf, markNamespace } from './namespaces.ts';

export interface DeleteRequest {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  orphanDependents?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string };
}

export interface DeletedObject {
  namespace?: string;
  name: string;
  /** Admission has seen what deletes it, an eviction, and is not asked again. */
  admitted?: boolean;
  /** One of a collection that goes: admission is not told its name, as nobody named it (upstream: endpoints/handlers/delete.go, DeleteCollection). */
  unnamed?: boolean;
}

export interface DeleteOutcome extends Outcome {
  /** False when the object stays until its finalizers or its grace period are over. */
  gone: boolean;
}

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
const TRIES = 30;
/** The last second that RFC 3339 can say. */
const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Rejects with NotFound, Conflict (preconditions), BadRequest. */
export function deleteObject(door: Door, kind: Kind, at: DeletedObject, options: DeleteRequest, context: WriteContext): Promise<DeleteOutcome> {
  return confirmed(door, () => remove(door, kind, at, options, context));
}

async function remove(door: Door, kind: Kind, at: DeletedObject, options: DeleteRequest, context: WriteContext): Promise<DeleteOutcome> {
  checkOptions(options);
  checkNamespaceDelete(kind, at.name);
  const key = keyOf(kind, at.namespace, at.name);
  for (let tries = 1; ; tries++) {
    const live = door.store.newest(key);
    if (live === undefined) throw notFound(kind, at.name);
    checkPreconditions(kind, at.name, live.object, options);
    try {
      return await deleteOnce(door, kind, { key, live, admitted: at.admitted === true, unnamed: at.unnamed === true }, options, context);
    } catch (error) {
      if (isStoreError(error, 'missing')) throw notFound(kind, at.name);
      if (!isStoreError(error, 'modified') || tries === TRIES) throw error;
    }
  }
}

async function deleteOnce(door: Door, kind: Kind, { key, live, admitted, unnamed }: { key: string; live: Stored; admitted: boolean; unnamed: boolean }, options: DeleteRequest, context: WriteContext): Promise<DeleteOutcome> {
  const { object } = live;
  if (!admitted) await askAdmission(door, kind, { live, unnamed }, options, context);
  context.deadline?.throwIfAborted();
  const next = marked(kind, object, options, door.clock.nowMs());
  const wanted = next ?? object;
  if (wanted.metadata.deletionTimestamp === undefined || ((wanted.metadata.deletionGracePeriodSeconds ?? 0) === 0 && finalizersOf(kind, wanted).length === 0)) {
    if (context.dryRun) return { object: wanted, gone: true };
    return withGone(outcomeOf(await convertedOne(kind, await door.store.delete(key, { revision: live.revision }))), true);
  }
  if (next === undefined) {
    if (!context.dryRun && door.store.revision < live.revision) await door.store.confirmed();
    return withGone(outcomeOf(await convertedOne(kind, live)), false);
  }
  if (context.dryRun) return { object: next, gone: false };
  return withGone(outcomeOf(await convertedOne(kind, await door.store.update(key, next, { revision: live.revision }))), false);
}

async function askAdmission(door: Door, kind: Kind, { live, unnamed }: { live: Stored; unnamed: boolean }, options: DeleteRequest, context: WriteContext): Promise<void> {
  const { namespace, name } = live.object.metadata;
  const request: AdmissionRequest = { operation: 'DELETE', kind, namespace, ...(unnamed ? {} : { name }), object: undefined, oldObject: asKind(kind, (await convertedOne(kind, live)).object), user: context.user, dryRun: context.dryRun, warnings: context.warnings, fieldManager: context.manager, options: { ...options }, ...(context.annotate === undefined ? {} : { annotate: context.annotate }), ...(context.deadline === undefined ? {} : { deadline: context.deadline }) };
  await door.admissions.admit(request);
  await door.admissions.validate(request);
}

function withGone(outcome: Outcome, gone: boolean): DeleteOutcome {
  return Object.assign(outcome, { gone });
}

/** The object with the marks of a deletion that cannot happen at once; undefined when nothing is to be written. */
function marked(kind: Kind, object: KubeObject, options: DeleteRequest, nowMs: number): KubeObject | undefined {
  const finalizers = finalizersAfter(kind, object.metadata.finalizers ?? [], options);
  const old = object.metadata;
  const graceSeconds = graceOf(kind, object, options);
  const already = old.deletionTimestamp !== undefined;
  const shorter = already && graceSeconds < (old.deletionGracePeriodSeconds ?? 0);
  const changed = finalizers.length !== (old.finalizers ?? []).length || finalizers.some((each) => !old.finalizers?.includes(each));
  // While a pod's grace lasts nothing but a shorter one counts (upstream: BeforeDelete, gracefulPending).
  const isPending = already && kind.rules.gracePeriodSeconds !== undefined && old.deletionGracePeriodSeconds !== undefined;
  if (already && !shorter && (isPending || !changed)) return undefined;
  const next = { ...object, metadata: { ...old, finalizers } } as KubeObject;
  if (finalizers.length === 0) delete next.metadata.finalizers;
  const blocked = graceSeconds > 0 || finalizersOf(kind, next).length > 0;
  if (!already && !blocked) return undefined;
  if (!already || shorter) {
    // A shorter grace counts from now, and never ends after the one before.
    const endMs = Math.min(nowMs + graceSeconds * 1_000, LATEST_MS);
    next.metadata.deletionTimestamp = already ? rfc3339(Math.min(endMs, Date.parse(old.deletionTimestamp!))) : rfc3339(endMs);
    next.metadata.deletionGracePeriodSeconds = graceSeconds;
    if (!already && old.generation !== undefined) next.metadata.generation = old.generation + 1;
    markNamespace(kind, next);
  }
  return next;
}

function graceOf(kind: Kind, object: KubeObject, options: DeleteRequest): number {
  return kind.rules.gracePeriodSeconds?.(object, options.gracePeriodSeconds) ?? 0;
}

/** The garbage collector reads the propagation policy from finalizers. */
function finalizersAfter(kind: Kind, finalizers: readonly string[], options: DeleteRequest): string[] {
  if (kind.rules.ownsNothing === true) return finalizers.filter((each) => each !== FOREGROUND && each !== ORPHAN);
  const decided = finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN);
  const usual = kind.rules.orphansDependents === true && !decided ? 'Orphan' : undefined;
  const policy = options.propagationPolicy ?? (options.orphanDependents === undefined ? usual : options.orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((each) => each !== FOREGROUND && each !== ORPHAN);
  if (policy === 'Foreground') return [...others, FOREGROUND];
  return policy === 'Orphan' ? [...others, ORPHAN] : others;
}

function checkOptions(options: DeleteRequest): void {
  const { propagationPolicy: policy, gracePeriodSeconds, orphanDependents } = options;
  if (policy !== undefined && policy !== 'Foreground' && policy !== 'Background' && policy !== 'Orphan') {
    throw invalidOptions('DeleteOptions', notSupported('propagationPolicy', policy, ['Background', 'Foreground', 'Orphan']));
  }
  if (policy !== undefined && orphanDependents !== undefined) throw invalidOptions('DeleteOptions', invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (gracePeriodSeconds !== undefined && !Number.isSafeInteger(gracePeriodSeconds)) throw badRequest('gracePeriodSeconds must be a whole number of seconds');
}

/** Rejects with Conflict when the object is not the one that the client means. */
export function checkPreconditions(kind: Kind, name: string, { metadata }: KubeObject, options: DeleteRequest): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const itsUid = metadata.uid ?? '';
  if (uid !== undefined && uid !== itsUid) throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${itsUid}`);
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(kind, name, `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`);
  }
}
