/** Whether a pod may be evicted now: its budget must allow it, and is charged for it (upstream: registry/core/pod/storage/eviction.go). */
import type { Pod } from '../../api/core/pod.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { ApiError, isApiError } from '../../api/errors.ts';
import { isPodReady, isPodTerminal } from '../../api/pod-readiness.ts';
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Admission, ModuleContext } from '../../sdk/module.ts';
import { allowedCondition } from './budget.ts';
import { budgetsOf } from './match.ts';

const TRIES = 20;
/** Other evictions of the same budget are under way: a little longer each time. */
const PAUSE_MS = 5;
const MOST_DISRUPTED = 2_000;
const VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Looks at evictions before they are carried out. */
export const evictionBudget: Admission = {
  name: 'eviction-budget', kinds: [PodKind], operations: ['UPDATE'],
  async validate({ subresource, oldObject, dryRun }, context) {
    if (subresource !== 'eviction' || oldObject === undefined) return;
    await chargeBudget(oldObject as Pod, { dryRun }, context);
  },
};

/** Throws TooManyRequests when the budget does not allow it now, InternalError when the pod has several budgets. */
async function chargeBudget(pod: Pod, { dryRun }: { dryRun: boolean }, context: ModuleContext): Promise<void> {
  // Pods that serve nobody, and those that go already, disrupt nothing.
  if (isPodTerminal(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined) return;
  await context.caches.of(PodDisruptionBudget).ready();
  const [budget, ...more] = budgetsOf(pod, context.caches);
  if (budget === undefined) return;
  if (more.length > 0) throw new ApiError('InternalError', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  const { name = '', namespace } = budget.metadata;
  for (let tries = 1; ; tries++) {
    const fresh = await context.client.get(PodDisruptionBudget, name, { namespace });
    const charged = charge(fresh, pod, context.clock.nowMs());
    if (charged === undefined || dryRun) return;
    try {
      await context.client.update(PodDisruptionBudget, charged, { subresource: 'status' });
      return;
    } catch (error) {
      if (!isApiError(error, 'Conflict')) throw error;
      if (tries === TRIES) throw new ApiError('Timeout', `couldn't update PodDisruptionBudget "${name}" due to conflicts`, { retryAfterSeconds: 10 });
      await context.clock.sleep(PAUSE_MS * tries, context.signal);
    }
  }
}

/** The budget with one disruption less; undefined when the pod costs none. Pure. */
function charge(budget: PodDisruptionBudget, pod: Pod, nowMs: number): PodDisruptionBudget | undefined {
  const name = budget.metadata.name ?? '';
  const status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...budget.status };
  const podName = pod.metadata.name ?? '';
  if (!isPodReady(pod)) {
    if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return undefined;
    if (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0) return undefined;
  }
  // Charged before, by a try that did not come to its end.
  if (status.disruptedPods?.[podName] !== undefined) return undefined;
  if ((status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) throw violation(`The disruption budget ${name} is still being processed by the server.`, 10);
  const forbidden = (why: string): ApiError => new ApiError('Forbidden', `poddisruptionbudgets.policy "${name}" is forbidden: ${why}`, { name, group: 'policy', kind: 'poddisruptionbudgets' });
  if (Object.keys(status.disruptedPods ?? {}).length > MOST_DISRUPTED) throw forbidden('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (status.disruptionsAllowed <= 0) throw violation(refusal(budget), 0);
  const disruptionsAllowed = status.disruptionsAllowed - 1;
  const conditions = disruptionsAllowed > 0 ? status.conditions : allowedCondition(budget, { status: 'False', reason: 'InsufficientPods' }, nowMs);
  return { ...budget, status: { ...status, disruptionsAllowed, ...(conditions === undefined ? {} : { conditions }), disruptedPods: { ...status.disruptedPods, [podName]: rfc3339(nowMs) } } };
}

function refusal({ metadata, status }: PodDisruptionBudget): string {
  const failed = status?.conditions?.find(({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed');
  if (failed !== undefined) return `The disruption budget ${metadata.name} does not allow evicting pods currently because it failed sync: ${failed.message}`;
  return `The disruption budget ${metadata.name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`;
}

function violation(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError('TooManyRequests', VIOLATES, { ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}), causes: [{ reason: 'DisruptionBudget', message }] });
}
