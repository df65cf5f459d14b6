/** What happens to a Workload beside its turn: deactivation, stopped queues, limits of time, admission checks, pods that do not become ready. Source: Kueue, core/workload_controller. */
import { ClusterQueue } from '../../api/kueue/cluster-queue.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import { JOB_UID, PODS_READY_TIMEOUT } from '../../api/kueue/names.ts';
import type { AdmissionCheckState, WorkloadStatus } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { rfc3339 } from '../../base/clock.ts';
import { watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/index.ts';
import { conditionOf, evicted, is, isReserved, reasonOf, released, sinceSeconds, withStatus } from './conditions.ts';
import { checksOf } from './activity.ts';
import { BACKOFF, type WaitForPodsReady } from './configuration.ts';
import { durationSeconds } from './duration.ts';
import { timeAfter } from './owned.ts';

/** `wait`: for queues whose annotation says nothing of it. */
export const workloadLife = (wait: WaitForPodsReady | undefined): Controller<Workload> => ({
  name: 'workload-life',
  for: Workload,
  watches: [watching(ClusterQueue, (queue, caches) => keysIn(caches, (each) => each.status?.admission?.clusterQueue === queue.metadata.name)), watching(LocalQueue, (queue, caches) => keysIn(caches, (each) => each.metadata.namespace === queue.metadata.namespace && each.spec.queueName === queue.metadata.name))],
  async reconcile(_key, workload, context) {
    if (workload === undefined || is(workload, 'Finished') || workload.metadata.deletionTimestamp !== undefined) return;
    return isOrphan(workload) ? finishOrphan(workload, context) : live(workload, wait, context);
  },
});

/** Its job was deleted without what it made: nobody would tell of its end. */
function isOrphan({ metadata }: Workload): boolean {
  return metadata.labels?.[JOB_UID] !== undefined && (metadata.ownerReferences?.length ?? 0) === 0;
}

/** Source: Kueue, FinalizeOrphanedWorkload. */
async function finishOrphan(workload: Workload, { client, clock }: ReconcileContext): Promise<void> {
  const status = withStatus(workload.status, 'Finished', 'True', 'OwnerNotFound', "The workload's owner no longer exists", { nowMs: clock.nowMs(), generation: workload.metadata.generation });
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
}

function keysIn(caches: Caches, which: (workload: Workload) => boolean): string[] {
  return caches.of(Workload).list().filter((each) => !is(each, 'Finished') && which(each)).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

async function live(workload: Workload, wait: WaitForPodsReady | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  const nowMs = context.clock.nowMs();
  if (!isReserved(workload)) return resume(workload, context);
  if (is(workload, 'Evicted')) return;
  const queue = context.caches.of(ClusterQueue).get(workload.status?.admission?.clusterQueue ?? '');
  const localQueue = context.caches.of(LocalQueue).get(`${workload.metadata.namespace}/${workload.spec.queueName}`);
  if (workload.spec.active === false) return evictInactive(workload, context);
  if (queue?.spec?.stopPolicy === 'HoldAndDrain') return evict(workload, 'ClusterQueueStopped', 'The ClusterQueue is stopped', context);
  if (localQueue?.spec?.stopPolicy === 'HoldAndDrain') return evict(workload, 'LocalQueueStopped', 'The LocalQueue is stopped', context);
  if (!is(workload, 'Admitted')) {
    const stopped = [queue?.spec?.stopPolicy, localQueue?.spec?.stopPolicy].some((each) => each === 'Hold');
    // Nothing of it runs yet.
    if (stopped) return void (await context.client.update(Workload, { ...workload, status: released(workload, 'Pending', 'The queue is stopped', nowMs) }, { subresource: 'status' }));
    return checks(workload, queue, context);
  }
  return (await checksTurned(workload, context)) ? undefined : limits(workload, waitIn(queue, wait), context);
}

/** The annotation of the queue says its own time. */
function waitIn(queue: ClusterQueue | undefined, wait: WaitForPodsReady | undefined): WaitForPodsReady | undefined {
  const timeoutSeconds = durationSeconds(queue?.metadata.annotations?.[PODS_READY_TIMEOUT]);
  return timeoutSeconds === undefined ? wait : { ...BACKOFF, ...wait, timeoutSeconds, recoverySeconds: timeoutSeconds };
}

/** What one check rejects is deactivated, what one wants tried again is evicted; of those that run already, too. Gives whether it was so. */
async function checksTurned(workload: Workload, context: ReconcileContext): Promise<boolean> {
  const states = workload.status?.admissionChecks ?? [];
  const rejected = states.filter(({ state }) => state === 'Rejected');
  const retried = states.filter(({ state }) => state === 'Retry');
  if (rejected.length > 0) {
    const message = toldOf(rejected, 'Rejected');
    context.events.event(workload, 'Warning', 'AdmissionCheckRejected', `Deactivated due to ${message}`);
    await deactivate(workload, 'AdmissionCheck', message, context);
  } else if (retried.length > 0) {
    const seconds = Math.max(...retried.map(({ requeueAfterSeconds = 0 }) => requeueAfterSeconds));
    const requeueState = { ...workload.status?.requeueState, ...(seconds > 0 && { requeueAt: timeAfter(context.clock.nowMs(), seconds) }) };
    await evict({ ...workload, status: { ...workload.status, ...(Object.keys(requeueState).length > 0 && { requeueState }) } }, 'AdmissionCheck', `Evicted due to ${toldOf(retried, 'Retry')}`, context);
  }
  return rejected.length + retried.length > 0;
}

/** Which checks turned, each with its own word. Source: Kueue, buildAdmissionChecksMessage. */
function toldOf(turned: readonly AdmissionCheckState[], state: AdmissionCheckState['state']): string {
  const each = [...turned].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, message }) => `${JSON.stringify(name)}${message === '' ? '' : ` (${message})`}`);
  return `AdmissionCheck${turned.length > 1 ? 's' : ''} in ${state} state: ${each.join('; ')}`;
}

/** Checks that others answer: when all are ready it is admitted. The list follows that of the queue. */
async function checks(workload: Workload, queue: ClusterQueue | undefined, context: ReconcileContext): Promise<void> {
  const before = workload.status?.admissionChecks ?? [];
  const flavors = new Set((workload.status?.admission?.podSetAssignments ?? []).flatMap((each) => Object.values(each.flavors ?? {})));
  const names = queue === undefined ? before.map(({ name }) => name) : checksOf(queue, flavors);
  if (names.length !== before.length || !names.every((name) => before.some((each) => each.name === name))) {
    const admissionChecks = names.map((name) => before.find((each) => each.name === name) ?? { name, state: 'Pending' as const, message: '', lastTransitionTime: rfc3339(context.clock.nowMs()) });
    return void (await context.client.update(Workload, { ...workload, status: { ...workload.status, admissionChecks } }, { subresource: 'status' }));
  }
  if (await checksTurned(workload, context)) return;
  if (before.some(({ state }) => state !== 'Ready')) return;
  const nowMs = context.clock.nowMs();
  const status = withStatus(workload.status, 'Admitted', 'True', 'Admitted', 'The workload is admitted', { nowMs, generation: workload.metadata.generation });
  await context.client.update(Workload, { ...workload, status }, { subresource: 'status' });
  const waited = Math.max(0, Math.round(nowMs / 1_000 - (sinceSeconds(workload, 'QuotaReserved') ?? 0)));
  context.events.event(workload, 'Normal', 'Admitted', `Admitted by ClusterQueue ${workload.status?.admission?.clusterQueue}, wait time since reservation was ${waited}s`);
}

/** How long it may run, and how long it may take until all of its pods are ready. */
async function limits(workload: Workload, wait: WaitForPodsReady | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  const now = context.clock.nowMs() / 1_000;
  const admittedAt = sinceSeconds(workload, 'Admitted') ?? now;
  const waits: number[] = [];
  const { maximumExecutionTimeSeconds: most } = workload.spec;
  if (most !== undefined) {
    const left = most - (workload.status?.accumulatedPastExexcutionTimeSeconds ?? 0) - (now - admittedAt);
    if (left <= 0) {
      context.events.event(workload, 'Warning', 'MaximumExecutionTimeExceeded', `The maximum execution time (${most}s) exceeded`);
      return deactivate(workload, 'MaximumExecutionTimeExceeded', 'exceeding the maximum execution time', context);
    }
    waits.push(left);
  }
  if (wait !== undefined && !is(workload, 'PodsReady')) {
    const until = recovers(workload) ? (sinceSeconds(workload, 'PodsReady') ?? admittedAt) + wait.recoverySeconds : admittedAt + wait.timeoutSeconds;
    if (until <= now) return timeOut(workload, wait, context);
    waits.push(until - now);
  }
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) * 1_000 + 5 };
}

/** All or nothing: what did not come up whole gives back what it held, and tries again later. */
async function timeOut(workload: Workload, { backoffBaseSeconds, backoffMostSeconds, backoffLimit }: WaitForPodsReady, context: ReconcileContext): Promise<void> {
  const count = (workload.status?.requeueState?.count ?? 0) + 1;
  if (count > backoffLimit) return deactivate(workload, 'RequeuingLimitExceeded', 'exceeding the maximum number of re-queuing retries', context);
  const seconds = Math.min(backoffMostSeconds, backoffBaseSeconds * 2 ** (count - 1));
  const requeueState = { count, requeueAt: timeAfter(context.clock.nowMs(), seconds) };
  await evict({ ...workload, status: { ...workload.status, requeueState } }, 'PodsReadyTimeout', `Exceeded the PodsReady timeout ${workload.metadata.namespace}/${workload.metadata.name}`, context, recovers(workload) ? 'WaitForRecovery' : 'WaitForStart');
}

function recovers(workload: Workload): boolean {
  return conditionOf(workload, 'PodsReady')?.reason === 'WaitForRecovery';
}

async function evict(workload: Workload, reason: string, message: string, { client, clock, events }: ReconcileContext, cause = ''): Promise<void> {
  await client.update(Workload, { ...workload, status: evicted(workload, reason, message, { nowMs: clock.nowMs(), cause }) }, { subresource: 'status' });
  events.event(workload, 'Normal', `EvictedDueTo${reasonOf(reason, cause)}`, message);
}

/** Says why it was deactivated, where that was not its user's doing. */
async function evictInactive(workload: Workload, context: ReconcileContext): Promise<void> {
  const target = conditionOf(workload, 'DeactivationTarget');
  const { requeueState: _over, ...rest } = workload.status ?? {};
  const status = { ...rest, conditions: rest.conditions?.filter((each) => each !== target) };
  await evict({ ...workload, status }, 'Deactivated', `The workload is deactivated${target === undefined ? '' : ` due to ${target.message}`}`, context, target?.reason);
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
