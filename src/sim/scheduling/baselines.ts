/** What a policy is compared with: the usual ways of batch systems, and bounds that only a clairvoyant could reach. */
import type { AdmissionOptions } from '../../modules/queue/policy/admission-options.ts';
import type { Job } from '../../modules/queue/policy/job.ts';
import { byArrival, byExpectedSeconds } from '../../modules/queue/policy/pending.ts';
import { POLICIES, SHARE_PREEMPTION, yieldingPolicy } from '../../modules/queue/policy/policies.ts';
import { createLastTwoPredictor } from '../../modules/queue/prediction/last-two.ts';
import { userEstimates, type RunTimePredictor } from '../../modules/queue/prediction/predictor.ts';
import type { JobTrace, RecordedJob } from './trace.ts';

export interface Contender {
  readonly summary: string;
  options(trace: JobTrace): Omit<AdmissionOptions, 'capacity'>;
  /** Its jobs are taken to be resumable: stopped ones lose at most what they did in so many seconds. */
  readonly checkpointSeconds?: number;
  /** It may know true run times. */
  readonly clairvoyant?: boolean;
}

/** Estimates of the users where the trace has them, else the mean of the tenant's last two jobs. */
function usual(trace: JobTrace): RunTimePredictor {
  return trace.hasEstimates ? userEstimates : createLastTwoPredictor();
}

const truth: RunTimePredictor = { expect: (job) => (job as RecordedJob).runSeconds, learn: () => undefined };

const BASELINES: Readonly<Record<string, Contender>> = {
  fcfs: { summary: 'in the order of arrival', options: (trace) => ({ predictor: usual(trace), order: byArrival, backfill: 'none' }) },
  easy: { summary: 'in the order of arrival, backfilled (EASY)', options: (trace) => ({ predictor: usual(trace), order: byArrival, backfill: 'easy' }) },
  'sjf-estimates': { summary: 'shortest first by the usual estimates, backfilled', options: (trace) => ({ predictor: usual(trace), order: byExpectedSeconds, backfill: 'easy' }) },
  'sjf-clairvoyant': { summary: 'shortest first by true run times, backfilled', clairvoyant: true, options: () => ({ predictor: truth, order: byExpectedSeconds, backfill: 'easy' }) },
  drf: { summary: 'dominant resource fairness, backfilled', options: (trace) => ({ predictor: usual(trace), order: byArrival, fairShare: { halfLifeSeconds: 1, pastPart: 0 }, backfill: 'easy' }) },
};

/** Policies with a part that a queue has to ask for. */
const VARIANTS: Readonly<Record<string, Contender>> = {
  'ShortestJobFirst+resume': {
    summary: 'ShortestJobFirst, of jobs that make checkpoints and are stopped for much shorter ones; waits are bounded by those of EASY',
    checkpointSeconds: 600,
    options: () => yieldingPolicy({ bounded: true }),
  },
  'ShortestJobFirst+resume+unbounded': { summary: 'the same for the least mean: no wait is bounded', checkpointSeconds: 600, options: () => yieldingPolicy({ bounded: false }) },
  'FairShare+preemption': { summary: 'FairShare, which stops jobs of those that have more than their share', options: () => ({ ...POLICIES.FairShare(), sharePreemption: SHARE_PREEMPTION }) },
};

/** All that can be named: the baselines and the policies. */
export const CONTENDERS: Readonly<Record<string, Contender>> = {
  ...BASELINES,
  ...Object.fromEntries(Object.entries(POLICIES).map(([name, options]) => [name, { summary: `the policy ${name}`, options }])),
  ...VARIANTS,
};

/** The jobs as the contender may see them: a clairvoyant's bounds are true, and some are resumable. */
export function asSeenBy(contender: Contender, jobs: readonly RecordedJob[]): readonly RecordedJob[] {
  const { checkpointSeconds } = contender;
  if (checkpointSeconds !== undefined) return jobs.map((job): RecordedJob => ({ ...job, checkpointSeconds }));
  return contender.clairvoyant === true ? jobs.map((job): RecordedJob & Job => ({ ...job, estimateSeconds: job.runSeconds })) : jobs;
}
