/** How long a job will run, learned from jobs like it. */
import type { Job } from '../policy/job.ts';

export interface RunTimePredictor {
  /** The run time to expect in seconds, given that the job is known to run for longer than `knownSeconds`. */
  expect(job: Job, knownSeconds: number): number;
  /** A job has run to its end. */
  learn(job: Job, ranSeconds: number): void;
}

/** Trusts the user, whose estimate is an upper bound; without one a job is taken to run for ever. */
export const userEstimates: RunTimePredictor = {
  expect: (job) => job.estimateSeconds ?? Infinity,
  learn: () => undefined,
};
