/** What happens to a Workload beside its turn: deactivation, stopped queues, limits of time, admission checks, pods that do not become ready. Source: Kueue, core/workload_controller. */
import { ClusterQueue } from '../../api/kueue/cluster-queue.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import { PODS_READY_TIMEOUT } from '../../api/kueue/names.ts';
import type { WorkloadStatus } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/index.ts';
import { conditionOf, evicted, is, isReserved, released, sinceSeconds, withStatus } from './conditions.ts';
import { durationSeconds } from './duration.ts';
import { timeAfter } from './owned.ts';

/** Of one whose pods did not become ready: 60 s, doubled each time, at most an hour. Source: Kueue, waitForPodsReady.requeuingStrategy. */
const BACKOFF_SECONDS = 60;
const MOST_BACKOFF_SECONDS = 3_600;

export const workloadLife: Controller<Workload> = {
  name: 'workload-life',
  for: Workload,
  watches: [watching(ClusterQueue, (queue, caches) => keysIn(caches, (each) => each.status?.admission?.clusterQueue === queue.metadata.name)), watching(LocalQueue, (queue, caches) => keysIn(caches, (each) => each.metadata.namespace === queue.metadata.namespace && each.spec.queueName === queue.metadata.name))],
  async reconcile(_key, workload, context) {
    if (workload === undefined || is(workload, 'Finished') || workload.metadata.deletionTimestamp !== undefined) return;
    return live(workload, context);
  },
};

function keysIn(caches: Caches, which: (workload: Workload) => boolean): string[] {
  return caches.of(Workload).list().filter((each) => !is(each, 'Finished') && which(each)).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

async function live(workload: Workload, context: ReconcileContext): Promise<ReconcileResult | void> {
  const nowMs = context.clock.nowMs();
  if (!isReserved(workload)) return resume(workload, context);
  if (is(workload, 'Evicted')) return;
  const queue = context.caches.of(ClusterQueue).get(workload.status?.admission?.clusterQueue ?? '');
  const localQueue = context.caches.of(LocalQueue).get(`${workload.metadata.namespace}/${workload.spec.queueName}`);
  if (workload.spec.active === false) return evict(workload, 'Deactivated', conditionOf(workload, 'DeactivationTarget')?.message ?? 'The workload is deactivated', context);
  if (queue?.spec?.stopPolicy === 'HoldAndDrain') return evict(workload, 'ClusterQueueStopped', 'The ClusterQueue is stopped', context);
  if (localQueue?.spec?.stopPolicy === 'HoldAndDrain') return evict(workload, 'LocalQueueStopped', 'The LocalQueue is stopped', context);
  if (!is(workload, 'Admitted')) {
    const stopped = [queue?.spec?.stopPolicy, localQueue?.spec?.stopPolicy].some((each) => each === 'Hold');
    // Nothing of it runs yet.
    if (stopped) return void (await context.client.update(Workload, { ...workload, status: released(workload, 'Pending', 'The queue is stopped', nowMs) }, { subresource: 'status' }));
    return checks(workload, context);
  }
  return limits(workload, queue, context);
}

/** Checks that others answer: all ready admit it, one that asks for another try evicts it, one that rejects it deactivates it. */
async function checks(workload: Workload, context: ReconcileContext): Promise<void> {
  const states = workload.status?.admissionChecks ?? [];
  const rejected = states.filter(({ state }) => state === 'Rejected');
  if (rejected.length > 0) return deactivate(workload, 'AdmissionCheck', `Admission check(s): ${rejected.map(({ name }) => name).join(',')}, were rejected`, context);
  if (states.some(({ state }) => state === 'Retry')) return evict(workload, 'AdmissionCheck', 'At least one admission check is false', context);
  if (states.some(({ state }) => state !== 'Ready')) return;
  const nowMs = context.clock.nowMs();
  const status = withStatus(workload.status, 'Admitted', 'True', 'Admitted', 'The workload is admitted', { nowMs, generation: workload.metadata.generation });
  await context.client.update(Workload, { ...workload, status }, { subresource: 'status' });
  const waited = Math.max(0, Math.round(nowMs / 1_000 - (sinceSeconds(workload, 'QuotaReserved') ?? 0)));
  context.events.event(workload, 'Normal', 'Admitted', `Admitted by ClusterQueue ${workload.status?.admission?.clusterQueue}, wait time since reservation was ${waited}s`);
}

/** How long it may run, and how long it may take until all of its pods are ready. */
async function limits(workload: Workload, queue: ClusterQueue | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  const now = context.clock.nowMs() / 1_000;
  const admittedAt = sinceSeconds(workload, 'Admitted') ?? now;
  const waits: number[] = [];
  const { maximumExecutionTimeSeconds: most } = workload.spec;
  if (most !== undefined) {
    const left = most - (workload.status?.accumulatedPastExexcutionTimeSeconds ?? 0) - (now - admittedAt);
    if (left <= 0) return deactivate(workload, 'MaximumExecutionTimeExceeded', 'The maximum execution time was exceeded', context);
    waits.push(left);
  }
  const timeout = durationSeconds(queue?.metadata.annotations?.[PODS_READY_TIMEOUT]);
  if (timeout !== undefined && !is(workload, 'PodsReady')) {
    const since = conditionOf(workload, 'PodsReady')?.reason === 'WaitForRecovery' ? (sinceSeconds(workload, 'PodsReady') ?? admittedAt) : admittedAt;
    if (since + timeout <= now) return timeOut(workload, context);
    waits.push(since + timeout - now);
  }
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) * 1_000 + 5 };
}

/** All or nothing: what did not come up whole gives back what it held, and tries again later. */
async function timeOut(workload: Workload, context: ReconcileContext): Promise<void> {
  const count = (workload.status?.requeueState?.count ?? 0) + 1;
  const seconds = Math.min(MOST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** (count - 1));
  const requeueState = { count, requeueAt: timeAfter(context.clock.nowMs(), seconds) };
  await evict({ ...workload, status: { ...workload.status, requeueState } }, 'PodsReadyTimeout', `Exceeded the PodsReady timeout ${workload.metadata.namespace}/${workload.metadata.name}`, context);
}

async function evict(workload: Workload, reason: string, message: string, { client, clock, events }: ReconcileContext): Promise<void> {
  await client.update(Workload, { ...workload, status: evicted(workload, reason, message, clock.nowMs()) }, { subresource: 'status' });
  events.event(workload, 'Normal', `EvictedDueTo${reason}`, message);
}

/** It does not come back by itself: somebody sets spec.active again. */
async function deactivate(workload: Workload, reason: string, message: string, { client, clock }: ReconcileContext): Promise<void> {
  const status = withStatus(workload.status, 'DeactivationTarget', 'True', reason, message, { nowMs: clock.nowMs(), generation: workload.metadata.generation });
  const next = await client.update(Workload, { ...workload, status }, { subresource: 'status' });
  await client.update(Workload, { ...next, spec: { ...next.spec, active: false } });
}

/** What was set back waits again when its reason is over. */
async function resume(workload: Workload, { client, clock, caches }: ReconcileContext): Promise<ReconcileResult | void> {
  const requeued = conditionOf(workload, 'Requeued');
  if (requeued?.status !== 'False' || workload.spec.active === false) return;
  const nowMs = clock.nowMs();
  const requeueAt = Date.parse(workload.status?.requeueState?.requeueAt ?? '');
  if (requeueAt > nowMs) return { requeueAfterMs: requeueAt - nowMs + 5 };
  const reason = reasonOfReturn(workload, requeued.reason, caches);
  if (reason === undefined) return;
  const { requeueAt: _over, ...requeueState } = workload.status?.requeueState ?? {};
  let status: WorkloadStatus = { ...workload.status, ...(requeueState.count !== undefined && { requeueState }) };
  if (reason === 'Reactivated') delete status.requeueState;
  status = withStatus(status, 'Requeued', 'True', reason, RETURNS[reason]!, { nowMs, generation: workload.metadata.generation });
  status.conditions = status.conditions?.filter(({ type }) => type !== 'DeactivationTarget');
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
}

const RETURNS: Readonly<Record<string, string>> = {
  BackoffFinished: 'The workload backoff was finished', Reactivated: 'The workload was reactivated', ClusterQueueRestarted: 'The ClusterQueue was restarted after being stopped',
  LocalQueueRestarted: 'The LocalQueue was restarted after being stopped',
};

function reasonOfReturn({ metadata, spec }: Workload, left: string, caches: Caches): string | undefined {
  const localQueue = caches.of(LocalQueue).get(`${metadata.namespace}/${spec.queueName}`);
  const isStopped = (policy: string | undefined): boolean => policy !== undefined && policy !== 'None';
  if (left === 'PodsReadyTimeout') return 'BackoffFinished';
  if (left === 'ClusterQueueStopped') return isStopped(caches.of(ClusterQueue).get(localQueue?.spec?.clusterQueue ?? '')?.spec?.stopPolicy) ? undefined : 'ClusterQueueRestarted';
  if (left === 'LocalQueueStopped') return isStopped(localQueue?.spec?.stopPolicy) ? undefined : 'LocalQueueRestarted';
  return 'Reactivated';
}
