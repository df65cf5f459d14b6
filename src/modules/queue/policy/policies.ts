/** The queueing policies by name: each is a set of options for an admission. */
import { createLikenessPredictor } from '../prediction/likeness.ts';
import type { AdmissionOptions } from './admission-options.ts';
import type { TrialOptions } from './trials.ts';
import type { YieldingOptions } from './yielding.ts';
import { byArrival, byExpectedSeconds, byPriority } from './pending.ts';
import type { SharePreemptionOptions } from './share-preemption.ts';

export type PolicyName = 'FIFO' | 'BestEffortFIFO' | 'ShortestJobFirst' | 'Priority' | 'FairShare';

/** One fiftieth of the machine tells the jobs that end at once, about one in eight of those recorded, from the others; at most twice a job. */
const TRIALS: TrialOptions = { share: 0.02, lengthsSeconds: [60, 600] };
/** For queues that want shares kept by stopping jobs: each at most three times, and one twenty-fifth of all work lost to it. */
export const SHARE_PREEMPTION: SharePreemptionOptions = { mostPerJob: 3, lostPart: 0.04 };
/** For jobs that keep what they did when they are stopped: each yields at most ten times, and to who has a quarter of what it has left. */
export const YIELDING: YieldingOptions = { mostPerJob: 10, times: 4 };
/** Where waits are bounded, each stop makes the next one twice as hard to get: the stops of the largest jobs are then not used up before those that wait need them. */
const TIMES_GROW = 2;
/** Most jobs are little work: nine in ten of those recorded are a twentieth to an eighth of it. So much goes to the shortest, whoever waits. */
const PASSING_SHARE = 0.05;
const WEEK_SECONDS = 7 * 86_400;
/** An hour of waiting is worth one point of priority. */
const AGEING_SECONDS = 3_600;

export const POLICIES: Readonly<Record<PolicyName, () => Omit<AdmissionOptions, 'capacity'>>> = {
  /** In the order of arrival; none goes past another. */
  FIFO: () => ({ predictor: createLikenessPredictor(), order: byArrival, backfill: 'none' }),
  /** In the order of arrival; who fits goes past those who do not. */
  BestEffortFIFO: () => ({ predictor: createLikenessPredictor(), order: byArrival, backfill: 'skip' }),
  /** The shortest by what is expected, with trials of those that nobody knows; no wait much longer than in the order of arrival. */
  ShortestJobFirst: () => ({ predictor: createLikenessPredictor(), order: byExpectedSeconds, backfill: 'easy', patience: 0.9, passingShare: PASSING_SHARE, trials: TRIALS }),
  Priority: () => ({ predictor: createLikenessPredictor(), order: byPriority(AGEING_SECONDS), backfill: 'easy' }),
  /** The tenant that has and had the least is next; its shortest job first. */
  FairShare: () => ({
    predictor: createLikenessPredictor(), order: byExpectedSeconds, fairShare: { halfLifeSeconds: WEEK_SECONDS, pastPart: 0.5 }, backfill: 'easy', trials: TRIALS,
  }),
};

/**
 * ShortestJobFirst whose resumable jobs yield, each at most so often. `bounded`: nobody waits much longer than anybody would under EASY; without it the mean is the
 * least, and the largest jobs wait until nobody much shorter is left, or until they have been stopped as often as they may.
 */
export function yieldingPolicy({ bounded, mostPerJob = YIELDING.mostPerJob }: { readonly bounded: boolean; readonly mostPerJob?: number }): Omit<AdmissionOptions, 'capacity'> {
  const { patience: _patience, ...rest } = POLICIES.ShortestJobFirst();
  return { ...rest, ...(bounded && { shadowBound: true }), yielding: { ...YIELDING, mostPerJob, ...(bounded && { timesGrow: TIMES_GROW }) } };
}
