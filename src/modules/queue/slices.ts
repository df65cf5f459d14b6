/**
 * Elastic jobs: what is added to a running one waits as a Workload of its own, a slice, which asks for what is new and then stands for all of it in the place of the one before. Source: Kueue, workloadslicing.
 */
import { ELASTIC, SLICE_NAME, SLICE_REPLACES, SUBMITTED_AT } from '../../api/kueue/names.ts';
import type { PodSet, PodSetAssignment, Workload } from '../../api/kueue/types.ts';
import { keyOf, type Caches } from '../../sdk/index.ts';
import { Workload as WorkloadKind } from '../../api/kueue/workload.ts';
import { asksToBeElastic } from './asks.ts';
import { amountOf, quantityFor } from './demand.ts';
import { conditionOf, is, isReserved } from './conditions.ts';
import type { QuotaPlacement } from './policy/quota-room.ts';

export const REPLACED = 'WorkloadSliceReplaced';

/** Whether a newer slice stands in its place. */
export function isReplaced(workload: Workload): boolean {
  return is(workload, 'Finished') && conditionOf(workload, 'Finished')?.reason === REPLACED;
}

/** The key of the Workload in whose place it will be. */
export function replacesKeyOf({ metadata }: Workload): string | undefined {
  return metadata.annotations?.[SLICE_REPLACES];
}

/** That Workload, as long as it runs. */
export function replacedBy(workload: Workload, caches: Caches): Workload | undefined {
  const key = isReserved(workload) ? undefined : replacesKeyOf(workload);
  const found = key === undefined ? undefined : caches.of(WorkloadKind).get(key);
  return found === undefined || found.metadata.namespace !== workload.metadata.namespace || !isReserved(found) || is(found, 'Evicted') || is(found, 'Finished') ? undefined : found;
}

/** The slice that is to stand in the place of another one, with so many pods of each set. `submittedAt`: RFC 3339 in microseconds. */
export function sliceAfter(before: Workload, { name, podSets, submittedAt }: { name: string; podSets: PodSet[]; submittedAt: string }): Workload {
  const { namespace, labels, annotations, ownerReferences } = before.metadata;
  const own = { [SUBMITTED_AT]: submittedAt, [ELASTIC]: 'true', [SLICE_REPLACES]: keyOf(before), [SLICE_NAME]: annotations?.[SLICE_NAME] ?? before.metadata.name ?? '' };
  return { metadata: { name, namespace, labels, ownerReferences, annotations: { ...annotations, ...own } }, spec: { ...before.spec, podSets } };
}

/** The pod sets of the Workload, as wide as those of its job are now: templates of a job that runs are not as they were. */
export function scaledSets({ spec }: Workload, wanted: readonly PodSet[]): PodSet[] {
  return spec.podSets.map((each) => ({ ...each, count: wanted.find(({ name }) => name === each.name)?.count ?? each.count }));
}

/** Of the Workloads of a job those that count, the one that runs first; slices that others stand in the place of, or whose job stopped, do not. */
export function slicesInOrder(workloads: readonly Workload[]): Workload[] {
  const isPast = (each: Workload): boolean => isReplaced(each) || (asksToBeElastic(each) && is(each, 'Finished') && conditionOf(each, 'Finished')?.reason === 'OutOfSync');
  const now = workloads.filter((each) => !isPast(each));
  const isSlice = (each: Workload): boolean => now.some((other) => keyOf(other) === replacesKeyOf(each));
  return [...now.filter((each) => !isSlice(each)), ...now.filter(isSlice)];
}

/** How many pods of a set it stands for: what was admitted, or less where it was scaled down since. */
export function countOf({ spec }: Pick<Workload, 'spec'>, { name, count }: PodSetAssignment): number {
  const now = spec.podSets.find((each) => each.name === name)?.count ?? 0;
  return Math.min(count ?? now, now);
}

/** What part of its usage a set still holds: pods that are not needed any more, or were scaled away, hold nothing. */
export function keptPartOf({ spec, status }: Pick<Workload, 'spec' | 'status'>, assignment: PodSetAssignment): number {
  const whole = assignment.count ?? spec.podSets.find(({ name }) => name === assignment.name)?.count ?? 0;
  const kept = countOf({ spec }, assignment) - (status?.reclaimablePods?.find(({ name }) => name === assignment.name)?.count ?? 0);
  return whole === 0 ? 0 : Math.max(0, kept) / whole;
}

/** What the slice holds once it is admitted: the flavors of the one before, for all of its pods. */
export function wholeAssignments({ spec }: Workload, before: Workload, { sets }: QuotaPlacement): PodSetAssignment[] {
  return (before.status?.admission?.podSetAssignments ?? []).map((assignment): PodSetAssignment => {
    const { name, flavors, resourceUsage = {} } = assignment;
    const [held, added] = [countOf(before, assignment), sets.find((each) => each.name === name)];
    const part = held / Math.max(1, assignment.count ?? held);
    const usage = Object.keys(resourceUsage).map((resource) => [resource, quantityFor(resource, amountOf(resource, resourceUsage[resource]!) * part + (added?.usage.get(resource) ?? 0))] as const);
    return { name, count: held + (added?.count ?? 0), ...(flavors !== undefined && { flavors: { ...flavors } }), resourceUsage: Object.fromEntries(usage) };
  }).filter(({ name }) => spec.podSets.some((each) => each.name === name));
}
