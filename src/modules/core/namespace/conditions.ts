/** The conditions of a namespace that is being deleted, in upstream's words. Pure. */
import type { NamespaceCondition } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';

/** What is left in the namespace. */
export interface Remains {
  /** `pods.`, `deployments.apps` with how many there are. */
  counts: ReadonlyMap<string, number>;
  /** Finalizers that objects wait for, with how many objects. */
  finalizers: ReadonlyMap<string, number>;
  /** Errors of deletions. */
  failures: readonly string[];
}

export function deletionConditions(before: readonly NamespaceCondition[] | undefined, remains: Remains, nowMs: number): NamespaceCondition[] {
  const counts = [...remains.counts].sort().map(([resource, count]) => `${resource} has ${count} resource instances`);
  const finalizers = [...remains.finalizers].sort().map(([name, count]) => `${name} in ${count} resource instances`);
  const wanted: [string, string | undefined, string, string][] = [
    ['NamespaceDeletionDiscoveryFailure', undefined, 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', undefined, 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    ['NamespaceDeletionContentFailure', remains.failures.length === 0 ? undefined : `Failed to delete all resource types, ${remains.failures.length} remaining: ${remains.failures.join(', ')}`, 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    ['NamespaceContentRemaining', counts.length === 0 ? undefined : `Some resources are remaining: ${counts.join(', ')}`, 'ContentRemoved', 'All content successfully removed'],
    ['NamespaceFinalizersRemaining', finalizers.length === 0 ? undefined : `Some content in the namespace has finalizers remaining: ${finalizers.join(', ')}`, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ];
  return wanted.map(([type, problem, reason, fine]) => {
    const status = problem === undefined ? 'False' : 'True';
    const old = before?.find((each) => each.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : rfc3339(nowMs);
    return { type, status, lastTransitionTime, reason: problem === undefined ? reason : FAILED[type], message: problem ?? fine };
  });
}

const FAILED: Readonly<Record<string, string>> = {
  NamespaceDeletionContentFailure: 'ContentDeletionFailed', NamespaceContentRemaining: 'SomeResourcesRemain', NamespaceFinalizersRemaining: 'SomeFinalizersRemain',
};
