/** What Jobs and pods do alike with their Workloads. */
import { rfc3339 } from '../../base/clock.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { WorkloadStatus } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { ReconcileContext } from '../../sdk/index.ts';
import { conditionOf, released, withStatus } from './conditions.ts';

/** Its end is the end of its claims. */
export async function finish(workload: Workload, reason: 'Succeeded' | 'Failed' | 'OutOfSync' | 'WorkloadSliceReplaced', message: string, owner: KubeObject, { client, clock, events }: ReconcileContext): Promise<void> {
  const status = withStatus(workload.status, 'Finished', 'True', reason, message, { nowMs: clock.nowMs(), generation: workload.metadata.generation });
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
  if (reason === 'WorkloadSliceReplaced') return events.event(workload, 'Normal', reason, message);
  events.event(owner, 'Normal', 'FinishedWorkload', `Workload '${workload.metadata.namespace}/${workload.metadata.name}' is declared finished`);
}

/** Source: Kueue, generatePodsReadyCondition. */
export function setPodsReady(workload: Workload, ready: boolean, nowMs: number): WorkloadStatus {
  const before = conditionOf(workload, 'PodsReady');
  const wasReady = before?.reason === 'Started' || before?.reason === 'Recovered' || before?.reason === 'WaitForRecovery';
  const status = ready ? 'True' : 'False';
  if (before?.status === status && (ready || before.reason !== 'Stopped')) return workload.status ?? {};
  const now = { nowMs, generation: workload.metadata.generation };
  if (ready) return withStatus(workload.status, 'PodsReady', 'True', wasReady ? 'Recovered' : 'Started', 'All pods reached readiness and the workload is running', now);
  return wasReady ? withStatus(workload.status, 'PodsReady', 'False', 'WaitForRecovery', 'At least one pod has failed, waiting for recovery', now) : withStatus(workload.status, 'PodsReady', 'False', 'WaitForStart', 'Not all pods are ready or succeeded', now);
}

/** Nothing of it runs any more: its quota is free, and it waits again, or for its back-off, or for good. */
export async function release(workload: Workload, reason: string, message: string, owner: KubeObject, { client, clock, events }: ReconcileContext): Promise<void> {
  const nowMs = clock.nowMs();
  const now = { nowMs, generation: workload.metadata.generation };
  let status = released(workload, 'Pending', message, nowMs);
  if (conditionOf(workload, 'PodsReady') !== undefined) status = withStatus(status, 'PodsReady', 'False', 'WaitForStart', 'The workload has no reservation', now);
  const isBack = reason === 'Preempted' || reason === 'AdmissionCheck';
  status = withStatus(status, 'Requeued', isBack ? 'True' : 'False', reason, message, now);
  delete status.reclaimablePods;
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
  events.event(owner, 'Normal', 'Stopped', message);
}

export function timeAfter(nowMs: number, seconds: number): string {
  return rfc3339(nowMs + seconds * 1_000 + 999);
}

