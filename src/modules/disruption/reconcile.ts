/** The disruption controller: keeps the status of budgets, and takes back the mark of pods that were to be evicted and stayed. */
import { isDeepStrictEqual } from 'node:util';
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Pod } from '../../api/core/pod.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import type { PodDisruptionBudgetStatus } from '../../api/generated/policy-v1.ts';
import { isPodTerminal, podCondition } from '../../api/pod-readiness.ts';
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { keyOf, watching, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/index.ts';
import { budgetStatus, DELETION_TIMEOUT_MS, disruptedOf, expectedOf, failedStatus, type Expected } from './budget.ts';
import { budgetsOf } from './match.ts';
import { scalesOf } from './scales.ts';

export const disruptionController: Controller<PodDisruptionBudget> = {
  name: 'disruption',
  eventSource: 'controllermanager',
  for: PodDisruptionBudget,
  watches: [watching(Pod, (pod, caches) => budgetsOf(pod, caches).map(keyOf))],
  reads: [ReplicaSet, Deployment, StatefulSet, ReplicationController],
  reconcile: (_key, budget, context) => reconcile(budget, context),
};

async function reconcile(budget: PodDisruptionBudget | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  if (budget === undefined) return;
  const matcher = matcherOfSelector(budget.spec?.selector);
  const pods = context.caches.of(Pod).list(budget.metadata.namespace ?? '').filter(({ metadata }) => matcher.matches(metadata.labels));
  const nowMs = context.clock.nowMs();
  if (pods.length === 0) context.events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
  let expected: Expected;
  try {
    expected = await expectedOf(budget, pods, () => scalesOf(pods, context.caches));
  } catch (error) {
    const message = (error as Error).message;
    context.events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${message}`);
    await write(budget, failedStatus(budget, message, nowMs), context);
    throw error;
  }
  if (expected.unmanaged.length > 0) tellUnmanaged(budget, context);
  const disrupted = disruptedOf(budget, pods, nowMs);
  for (const pod of disrupted.spared) context.events.event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`);
  await write(budget, budgetStatus(budget, pods, expected, { disrupted, nowMs }), context);
  return disrupted.waitMs === undefined ? undefined : { requeueAfterMs: disrupted.waitMs };
}

function tellUnmanaged(budget: PodDisruptionBudget, { events }: ReconcileContext): void {
  events.event(budget, 'Warning', 'UnmanagedPods', 'Pods selected by this PodDisruptionBudget were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, '
    + 'which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.');
}

/** A budget that changed meanwhile, by an eviction for instance, is refused: the next round sees it. */
async function write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus, { client }: ReconcileContext): Promise<void> {
  if (isDeepStrictEqual(status, budget.status)) return;
  await ifThere(client.update(PodDisruptionBudget, { ...budget, status }, { subresource: 'status' }));
}

/** A pod that bears DisruptionTarget and was not deleted in two minutes bears it no more. */
export const staleDisruptionController: Controller<Pod> = {
  name: 'stale-pod-disruption',
  eventSource: 'controllermanager',
  for: Pod,
  reconcile: (_key, pod, context) => clearStale(pod, context),
};

async function clearStale(pod: Pod | undefined, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  const condition = pod === undefined ? undefined : podCondition(pod, 'DisruptionTarget');
  if (pod === undefined || condition?.status !== 'True' || condition.reason === 'TerminationByKubelet' || pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod)) return;
  const leftMs = Date.parse(condition.lastTransitionTime ?? '') + DELETION_TIMEOUT_MS - clock.nowMs();
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  const cleared = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: rfc3339(clock.nowMs()) };
  const conditions = pod.status!.conditions!.map((each) => (each === condition ? cleared : each));
  await ifThere(client.update(Pod, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status' }));
}
