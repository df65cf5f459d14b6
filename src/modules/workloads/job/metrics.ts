/** What the Job controller counts, under upstream's names and labels (pkg/controller/job/metrics). Of the whole process: a controller that is loaded again counts on. */
import { countIndexes, parseIndexes } from '../../../api/batch/indexes.ts';
import type { Job, JobStatus } from '../../../api/generated/batch-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { createCounter, createHistogram, family, labelText, type Histogram } from '../../../base/exposition.ts';
import { judgeFailure } from './failure-policy.ts';
import type { Verdict } from './verdict.ts';

/** What a round did: waited for pods that it made to show, looked, or made or removed pods. */
export type RoundAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted';

/** From 4 ms to 65 s. */
const BOUNDS = Array.from({ length: 15 }, (_each, power) => 0.004 * 2 ** power);

const rounds = createCounter('job_controller_job_syncs_total', 'Rounds of the Job controller');
const finished = createCounter('job_controller_jobs_finished_total', 'Jobs that ended');
const podsFinished = createCounter('job_controller_job_pods_finished_total', 'Pods of Jobs that ended and were counted');
const indexesFinished = createCounter('job_controller_job_finished_indexes_total', 'Indexes of Indexed Jobs that ended, by whether each has a limit of its own');
const podsMade = createCounter('job_controller_job_pods_creation_total', 'Pods that were made for Jobs');
const judged = createCounter('job_controller_pod_failures_handled_by_failure_policy_total', 'Failed pods for which a rule of their Job said what follows');
const durations = new Map<string, Histogram>();

export const jobMetrics = {
  round(job: Job, { action, failed, seconds }: { action: RoundAction; failed: boolean; seconds: number }): void {
    const labels = { completion_mode: modeOf(job), result: failed ? 'error' : 'success', action };
    rounds.add(labels);
    const text = labelText(labels);
    let histogram = durations.get(text);
    if (histogram === undefined) durations.set(text, (histogram = createHistogram(BOUNDS)));
    histogram.observe(seconds);
  },
  ended(job: Job, { type, reason = '' }: Verdict): void {
    finished.add({ completion_mode: modeOf(job), result: type === 'SuccessCriteriaMet' ? 'succeeded' : 'failed', reason });
  },
  /** What of `after` is not in `before`, the status that was read. */
  counted(job: Job, before: JobStatus, after: JobStatus): void {
    const completion_mode = modeOf(job);
    podsFinished.add({ completion_mode, result: 'succeeded' }, Math.max(0, (after.succeeded ?? 0) - (before.succeeded ?? 0)));
    podsFinished.add({ completion_mode, result: 'failed' }, Math.max(0, (after.failed ?? 0) - (before.failed ?? 0)));
    if (completion_mode !== 'Indexed') return;
    const backoffLimit = job.spec?.backoffLimitPerIndex === undefined ? 'global' : 'perIndex';
    const more = (field: 'completedIndexes' | 'failedIndexes'): number => Math.max(0, indexesIn(job, after[field]) - indexesIn(job, before[field]));
    indexesFinished.add({ status: 'succeeded', backoffLimit }, more('completedIndexes'));
    indexesFinished.add({ status: 'failed', backoffLimit }, more('failedIndexes'));
  },
  made(replaces: 'new' | 'recreate_terminating_or_failed' | 'recreate_failed', { done, wanted }: { done: number; wanted: number }): void {
    podsMade.add({ reason: replaces, status: 'succeeded' }, done);
    podsMade.add({ reason: replaces, status: 'failed' }, wanted - done);
  },
  /** A pod that is counted for good, or let go of. */
  judged(job: Job, pod: Pod): void {
    const { action } = pod.status?.phase === 'Failed' ? judgeFailure(job.spec?.podFailurePolicy, pod) : {};
    if (action !== undefined) judged.add({ action });
  },
};

export function jobMetricsText(): string {
  const name = 'job_controller_job_sync_duration_seconds';
  return [rounds, finished, podsFinished, indexesFinished, podsMade, judged].map((each) => each.text()).join('')
    + family(name, 'histogram', 'How long a round of the Job controller takes', [...durations].map(([labels, histogram]) => histogram.lines(name, labels)));
}

function indexesIn({ spec }: Job, text: string | undefined): number {
  return countIndexes(parseIndexes(text, spec?.completions ?? 0));
}

function modeOf({ spec }: Job): string {
  return spec?.completionMode ?? 'NonIndexed';
}
