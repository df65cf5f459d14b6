/** The next steps of a StatefulSet: pods in order of their ordinals, or all at once when it is Parallel (upstream: stateful_set_control.go). Pure. */
import type { StatefulSet } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { isPodAvailable, isPodReady, isPodTerminal } from '../../../api/pod-readiness.ts';
import { REVISION_HASH } from '../history.ts';
import { isInRange, missingIdentity, ordinalOf, podOfOrdinal, startOf, type Version } from './identity.ts';

export interface Observed {
  set: StatefulSet;
  /** The version that the pods below the partition have. */
  current: Version;
  update: Version;
  /** Its own. */
  pods: readonly Pod[];
  nowMs: number;
  /** Whether a claim of the pod still belongs to an earlier pod of that name, and will go with it. */
  hasStaleClaim(pod: Pod): boolean;
}

export interface StatefulPlan {
  create: Pod[];
  remove: Pod[];
  /** Pods whose labels lack their identity. */
  identify: Pod[];
  /** Pods whose claims must be there and owned as the retention policy says. */
  claims: Pod[];
}

export function planStatefulSet(observed: Observed): StatefulPlan {
  const plan: StatefulPlan = { create: [], remove: [], identify: [], claims: [] };
  const { set } = observed;
  if (set.metadata.deletionTimestamp !== undefined) return plan;
  const slots = slotsOf(observed);
  const condemned = observed.pods.filter((each) => ordinalOf(each) >= 0 && !isInRange(each, set)).sort((left, right) => ordinalOf(right) - ordinalOf(left));
  const isOrdered = set.spec?.podManagementPolicy !== 'Parallel';
  for (const slot of slots) if (!settleSlot(observed, slot, plan) && isOrdered) return plan;
  plan.claims.push(...condemned);
  const firstUnhealthy = [...slots.map((slot) => slot.pod), ...condemned.toReversed()].find((pod) => pod === undefined || !isHealthy(pod));
  for (const pod of condemned) if (!condemn(observed, pod, { isOrdered, isFirstUnhealthy: pod === firstUnhealthy }, plan) && isOrdered) return plan;
  if (set.spec?.updateStrategy?.type !== 'OnDelete') plan.remove.push(...outdated(observed, slots, plan));
  return plan;
}

interface Slot {
  ordinal: number;
  pod: Pod | undefined;
}

function slotsOf({ set, pods }: Observed): Slot[] {
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  return Array.from({ length: set.spec?.replicas ?? 1 }, (_, index) => ({ ordinal: startOf(set) + index, pod: byOrdinal.get(startOf(set) + index) }));
}

/** Gives whether the next ordinal may have its turn. */
function settleSlot(observed: Observed, { ordinal, pod }: Slot, plan: StatefulPlan): boolean {
  if (pod === undefined) {
    const made = podOfOrdinal(observed.set, ordinal, versionFor(observed, ordinal));
    if (!observed.hasStaleClaim(made)) plan.create.push(made);
    return false;
  }
  const isDeleting = pod.metadata.deletionTimestamp !== undefined;
  if (isPodTerminal(pod)) {
    if (!isDeleting) plan.remove.push(pod);
    return false;
  }
  if (pod.status?.phase === 'Pending') plan.claims.push(pod);
  if (isDeleting || !isRunningAndReady(pod) || !isAvailable(pod, observed)) return false;
  if (missingIdentity(pod) !== undefined) plan.identify.push(pod);
  plan.claims.push(pod);
  return true;
}

/** A pod that is too many goes when none above it is left; an unhealthy one below it is waited for. */
function condemn(observed: Observed, pod: Pod, { isOrdered, isFirstUnhealthy }: { isOrdered: boolean; isFirstUnhealthy: boolean }, plan: StatefulPlan): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  if (isOrdered && !isFirstUnhealthy && (!isRunningAndReady(pod) || !isAvailable(pod, observed))) return false;
  plan.remove.push(pod);
  return false;
}

/** Pods of another version, from the highest ordinal down to the partition; no more of them than may be unavailable. Of a Parallel set those that serve nobody cost nothing (upstream: updateStatefulSetAfterInvariantEstablished). */
function outdated(observed: Observed, slots: readonly Slot[], plan: StatefulPlan): Pod[] {
  const { set, update } = observed;
  const { partition = 0, maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const serves = (pod: Pod): boolean => isHealthy(pod) && isAvailable(pod, observed);
  const isOld = (pod: Pod): boolean => revisionOf(pod) !== update.revision && pod.metadata.deletionTimestamp === undefined && !plan.remove.includes(pod);
  const due = slots.slice(partition).toReversed().flatMap(({ pod }) => (pod !== undefined && isOld(pod) ? [pod] : []));
  const missing = slots.filter(({ pod }) => pod === undefined || !serves(pod)).length;
  const left = Math.max(0, scaled(maxUnavailable, slots.length) - missing);
  if (set.spec?.podManagementPolicy !== 'Parallel') return due.slice(0, left);
  return [...due.filter((pod) => !serves(pod)), ...due.filter(serves).slice(0, left)];
}

/** Rounded down, but never below one. */
function scaled(value: number | string, total: number): number {
  return Math.max(1, typeof value === 'number' ? value : Math.floor(((Number.parseInt(value, 10) || 0) * total) / 100));
}

function versionFor({ set, current, update }: Observed, ordinal: number): Version {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return update;
  return ordinal < startOf(set) + (rollingUpdate?.partition ?? set.status?.currentReplicas ?? 0) ? current : update;
}

export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION_HASH] ?? '';
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

function isHealthy(pod: Pod): boolean {
  return isRunningAndReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

function isAvailable(pod: Pod, { set, nowMs }: Pick<Observed, 'set' | 'nowMs'>): boolean {
  return isPodAvailable(pod, { minReadySeconds: set.spec?.minReadySeconds ?? 0, nowMs });
}
