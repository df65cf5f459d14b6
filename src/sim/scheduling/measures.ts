/** What a run is judged by. */
import type { Run } from './simulate.ts';

export interface Measures {
  readonly jobs: number;
  /**
   * The mean of the bounded slowdowns, each max(1, (wait + run) / max(run, 10 s)).
   * Source: Feitelson and Rudolph, Metrics and benchmarking for parallel job scheduling, JSSPP 1998.
   */
  readonly boundedSlowdown: number;
  /** From submission to completion, less the run itself: what stopped runs cost is waiting too. */
  readonly meanWaitSeconds: number;
  readonly p99WaitSeconds: number;
  readonly longestWaitSeconds: number;
  readonly meanCompletionSeconds: number;
  /** Done work over capacity, from the first submission to the last one: 0 to 1. */
  readonly utilisation: number;
  /** The part of all work done in vain. */
  readonly lostPart: number;
  readonly stops: number;
  readonly mostStops: number;
  /** Jain's index over the tenants, 0 to 1. */
  readonly fairness: number;
  readonly decisionsPerSecond: number;
}

const LEAST_RUN_SECONDS = 10;

export function measure(run: Run, capacity: number): Measures {
  const waits: number[] = [];
  let [slowdowns, completions, stops, mostStops, last, first] = [0, 0, 0, 0, 0, Infinity];
  for (const { job, finishedAt, stops: own } of run.outcomes) {
    const completion = finishedAt - job.submittedAt;
    waits.push(completion - job.runSeconds);
    slowdowns += Math.max(1, completion / Math.max(job.runSeconds, LEAST_RUN_SECONDS));
    completions += completion;
    stops += own;
    mostStops = Math.max(mostStops, own);
    last = Math.max(last, finishedAt);
    first = Math.min(first, job.submittedAt);
  }
  waits.sort((left, right) => left - right);
  const jobs = Math.max(1, waits.length);
  return {
    jobs: waits.length,
    boundedSlowdown: slowdowns / jobs,
    meanWaitSeconds: waits.reduce((sum, wait) => sum + wait, 0) / jobs,
    p99WaitSeconds: waits[Math.floor(0.99 * waits.length)] ?? 0,
    longestWaitSeconds: waits.at(-1) ?? 0,
    meanCompletionSeconds: completions / jobs,
    utilisation: run.doneWork / (capacity * Math.max(1, last - first)),
    lostPart: run.lostWork / Math.max(1, run.doneWork + run.lostWork),
    stops,
    mostStops,
    fairness: run.fairness,
    decisionsPerSecond: (run.decisions * 1_000) / run.wallMs,
  };
}
