/** What waits for admission, and what is decided about it. All times are seconds on the clock of the caller. */
import type { Resources } from './resources.ts';
import type { Placement } from './room.ts';

export interface Job {
  readonly id: string;
  readonly submittedAt: number;
  /** In the order of the capacity; where there are several ways to place it, the first of them. */
  readonly request: Resources;
  /** Whose share it counts against: a user, a team, a namespace. */
  readonly tenant: string;
  /** Greater goes first, where the policy asks for it. */
  readonly priority: number;
  /** The user's own upper bound of the run time, where there is one. */
  readonly estimateSeconds?: number;
  /** How long it will run by its owner's own word, which is taken before all predictions. */
  readonly toldSeconds?: number;
  /** It is resumable: when it is stopped it keeps what it did, but for at most what it did since its last checkpoint, of which it makes one every so many seconds. Without it, it begins anew. */
  readonly checkpointSeconds?: number;
  /** What it did and kept before it came here, in seconds. */
  readonly doneSeconds?: number;
  /** How often it was stopped for others before it came here. */
  readonly timesPreempted?: number;
  /** Groups of jobs that run for a like time, from the most general to the most special, such as its user, then its user and image. */
  readonly likeness: readonly string[];
}

/** What is lost of a run of so many seconds when it is stopped: all, or of a resumable job what it did since its last checkpoint. */
export function lostSecondsOf({ checkpointSeconds }: Job, ranSeconds: number): number {
  if (checkpointSeconds === undefined) return ranSeconds;
  return checkpointSeconds > 0 ? ranSeconds % checkpointSeconds : 0;
}

export type Decision =
  /** `trialSeconds`: it is stopped again after so long, unless it may stay then. */
  | { readonly kind: 'start'; readonly job: Job; readonly placement: Placement; readonly trialSeconds?: number }
  /** It goes back to the queue; what it did is lost. */
  | { readonly kind: 'stop'; readonly job: Job; readonly reason: 'TrialOver' | 'Preempted'; readonly preemption?: Preemption };

/** Who a job was stopped for, and why, in the words of Kueue's condition Preempted. */
export interface Preemption {
  readonly by: Job;
  readonly reason: 'InClusterQueue' | 'InCohortReclamation' | 'InCohortReclaimWhileBorrowing' | 'InCohortFairSharing';
  /** It is resumable, and yields to a much shorter one or to one that has waited for too long. */
  readonly yielded?: Yielded;
}

/** What was expected when one yielded to another. */
export interface Yielded {
  readonly to: 'shorter' | 'overdue';
  /** What the other one has to do, and what is left of this one, in seconds. */
  readonly itsSeconds: number;
  readonly leftSeconds: number;
  /** The how manyth time it was, of how many at most. */
  readonly times: number;
  readonly mostTimes: number;
}

/** A job as the admission sees it. */
export interface Entry {
  /** Of one that runs its priority may be changed. */
  job: Job;
  /** The place in the order of arrival, from 0. */
  readonly arrival: number;
  /** What it takes while it runs, and what it had while a trial that is over is judged. */
  placement: Placement | undefined;
  state: 'pending' | 'running' | 'finished';
  /** The run time to expect, in seconds; of a resumable one what is left of it. */
  expectedSeconds: number;
  /** What backfilling counts with: the user's bound where there is one, else what is expected. */
  boundSeconds: number;
  /** It is known to run for longer than this: an earlier try did. */
  knownSeconds: number;
  startedAt: number;
  /** When its place is counted on to be free. */
  expectedEnd: number;
  /** The length of the trial that it is in, 0 outside of one. */
  trialSeconds: number;
  trialsTaken: number;
  /** What it did in earlier runs and kept. */
  doneSeconds: number;
  /** Of a resumable one that runs: what is expected to be left of its run, as of the last look. */
  remainingSeconds: number;
  /** Of the same: it yields to who has no more to do than this, what it loses by that counted in, in seconds. */
  yieldsToSeconds: number;
  /** How often it was stopped, after trials too. */
  preemptions: number;
  /** How often it was stopped for others. */
  timesPreempted: number;
  /** Dominant share times expected seconds: what it adds to the work that waits. */
  expectedWork: number;
  /** The work it was expected to be when it went past others that waited for too long; 0 when it did not. */
  passedWork: number;
  /** The dominant share that it asks for. */
  readonly share: number;
}

/** How long one that runs has done so, in all its runs that count, in seconds. */
export function ranSecondsOf({ doneSeconds, startedAt }: Entry, now: number): number {
  return doneSeconds + now - startedAt;
}

/** Of a job that has just come. */
export function entryOf(job: Job, arrival: number, share: number): Entry {
  return {
    placement: undefined,
    job, arrival, state: 'pending', expectedSeconds: 0, boundSeconds: 0, knownSeconds: 0, startedAt: 0, expectedEnd: 0,
    trialSeconds: 0, trialsTaken: 0, timesPreempted: job.timesPreempted ?? 0, preemptions: 0, doneSeconds: job.doneSeconds ?? 0, remainingSeconds: 0, yieldsToSeconds: 0, expectedWork: 0, passedWork: 0,
    share,
  };
}
