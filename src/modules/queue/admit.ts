/** The writes by which a Workload gets quota, or is asked to give it back. */
import { Workload } from '../../api/kueue/workload.ts';
import type { ClusterQueue, PodSetAssignment, WorkloadPrediction, WorkloadStatus } from '../../api/kueue/types.ts';
import { humanDuration } from '../../api/age.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { checksOf } from './activity.ts';
import { evicted, is, sinceSeconds, withStatus } from './conditions.ts';
import { quantityFor, submittedAt } from './demand.ts';
import type { LiveQueue } from './build.ts';
import type { Yielded } from './policy/job.ts';
import { wholeAssignments } from './slices.ts';
import type { PoolDecision } from './policy/pool.ts';
import type { QuotaPlacement } from './policy/quota-room.ts';

/** What is expected of a job, and by whom. */
export type Estimate = Pick<WorkloadPrediction, 'runSeconds' | 'keptSeconds' | 'source' | 'errorPercent'>;

export interface Admitted {
  placement: QuotaPlacement;
  /** Of a slice: the Workload that it replaces. */
  before?: Workload;
  estimate?: Estimate;
}

export async function admitted(workload: Workload, queue: ClusterQueue, { placement, before, estimate }: Admitted, { client, clock, events }: ModuleContext): Promise<void> {
  const name = queue.metadata.name ?? '';
  const nowMs = clock.nowMs();
  const now = { nowMs, generation: workload.metadata.generation };
  const flavors = new Set(placement.sets.flatMap((set) => [...set.flavors.values()]));
  const checks = checksOf(queue, flavors);
  let status: WorkloadStatus = { ...workload.status, admission: { clusterQueue: name, podSetAssignments: before === undefined ? placement.sets.map(assignmentOf) : wholeAssignments(workload, before, placement) } };
  if (before !== undefined) status.accumulatedPastExexcutionTimeSeconds = ranSeconds(before, nowMs);
  status = withStatus(status, 'QuotaReserved', 'True', 'QuotaReserved', `Quota reserved in ClusterQueue ${name}`, now);
  for (const type of ['Evicted', 'Preempted']) {
    const was = status.conditions?.find((each) => each.type === type && each.status === 'True');
    if (was !== undefined) status = withStatus(status, type, 'False', 'QuotaReserved', `Previously: ${was.message}`, now);
  }
  if (checks.length === 0) status = withStatus(status, 'Admitted', 'True', 'Admitted', 'The workload is admitted', now);
  // Who was let in before is asked for anew by those that it had: how often they tried is theirs to know.
  else status.admissionChecks = checks.map((each) => workload.status?.admissionChecks?.find((known) => known.name === each) ?? { name: each, state: 'Pending', message: '', lastTransitionTime: rfc3339(nowMs) });
  delete status.resourceRequests;
  const { runSeconds, keptSeconds, source, errorPercent } = estimate ?? status.prediction ?? {};
  if (runSeconds !== undefined && source !== undefined) status.prediction = { runSeconds, ...(keptSeconds !== undefined && { keptSeconds }), source, ...(errorPercent !== undefined && { errorPercent }), endTime: rfc3339(nowMs + runSeconds * 1_000) };
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
  const queuedSeconds = Math.max(0, Math.round(nowMs / 1_000 - (is(workload, 'Requeued') ? (sinceSeconds(workload, 'Requeued') ?? 0) : submittedAt(workload))));
  events.event(workload, 'Normal', 'QuotaReserved', `Quota reserved in ClusterQueue ${name}, wait time since queued was ${queuedSeconds}s`);
  if (checks.length === 0) events.event(workload, 'Normal', 'Admitted', `Admitted by ClusterQueue ${name}, wait time since reservation was 0s`);
}

/** What its job did until now. */
function ranSeconds(before: Workload, nowMs: number): number {
  return (before.status?.accumulatedPastExexcutionTimeSeconds ?? 0) + Math.max(0, Math.round(nowMs / 1_000 - (sinceSeconds(before, 'Admitted') ?? nowMs / 1_000)));
}

function assignmentOf({ name, count, flavors, usage, topology }: QuotaPlacement['sets'][number]): PodSetAssignment {
  const topologyAssignment = topology === undefined ? undefined : { levels: [...topology.levels], domains: topology.domains.map(({ values, count: pods }) => ({ values: [...values], count: pods })) };
  return { name, count, ...(topologyAssignment !== undefined && { topologyAssignment }), flavors: Object.fromEntries(flavors), resourceUsage: Object.fromEntries([...usage].map(([resource, amount]) => [resource, quantityFor(resource, amount)])) };
}

const WORDS: Readonly<Record<string, string>> = {
  InClusterQueue: 'prioritization in the ClusterQueue', InCohortReclamation: 'reclamation within the cohort', InCohortFairSharing: 'Fair Sharing within the cohort',
  InCohortReclaimWhileBorrowing: 'reclamation within the cohort while borrowing',
};

/** Why a resumable one had to yield, how often that may be, and that it goes on. */
function yieldedText(yielded: Yielded | undefined): string {
  if (yielded === undefined) return '';
  const { to, itsSeconds, leftSeconds, times, mostTimes } = yielded;
  const why = to === 'overdue' ? 'that one has waited for too long' : `that one is expected to run for ${humanDuration(itsSeconds * 1_000)}, and of this one ${humanDuration(leftSeconds * 1_000)} are left`;
  return `: ${why}; this one is resumable and goes on where it was, and yields at most ${mostTimes} times, of which this is number ${times}`;
}

const PREEMPTED = 'Preempted to accommodate the workload ';

/** For whom it was, of the message that a Workload has of it. */
export function preemptorOf(message: string): string | undefined {
  return message.startsWith(PREEMPTED) ? message.slice(PREEMPTED.length).split(' ', 1)[0] : undefined;
}

/** Stopped for another one, or because a trial of it is over. */
export async function evictedForOther(workload: Workload, decision: PoolDecision & { kind: 'stop' }, queue: LiveQueue, { client, clock, events }: ModuleContext): Promise<void> {
  const { preemption } = decision;
  const reason = preemption?.reason ?? 'InClusterQueue';
  const message = preemption === undefined
    ? `Its trial in ClusterQueue ${queue.name} is over: it runs for longer than others that wait`
    : `${PREEMPTED}${preemption.by.id} due to ${WORDS[reason]}${yieldedText(preemption.yielded)}`;
  const nowMs = clock.nowMs();
  const status = withStatus(evicted(workload, 'Preempted', message, { nowMs }), 'Preempted', 'True', reason, message, { nowMs, generation: workload.metadata.generation });
  await client.update(Workload, { ...workload, status }, { subresource: 'status' });
  events.event(workload, 'Normal', 'Preempted', message);
}
