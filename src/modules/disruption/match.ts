/** Which budgets speak of a pod. */
import type { Pod } from '../../api/core/pod.ts';
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import type { Caches } from '../../sdk/index.ts';

export function budgetsOf(pod: Pod, caches: Caches): PodDisruptionBudget[] {
  return caches.of(PodDisruptionBudget).list(pod.metadata.namespace ?? '').filter(({ spec }) => matcherOfSelector(spec?.selector).matches(pod.metadata.labels));
}
