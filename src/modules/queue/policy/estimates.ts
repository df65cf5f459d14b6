/** What is expected of jobs: by their owner's word, else by what was learned; and never more than their owner's bound. */
import type { RunTimePredictor } from '../prediction/predictor.ts';
import type { Entry } from './job.ts';

export class Estimates {
  readonly #predictor: RunTimePredictor;

  constructor(predictor: RunTimePredictor) {
    this.#predictor = predictor;
  }

  /** Notes in the entry what is expected of it, as of now. */
  note(entry: Entry): void {
    const { estimateSeconds } = entry.job;
    const expected = this.total(entry, entry.knownSeconds);
    entry.expectedSeconds = Math.max(0, expected - entry.doneSeconds);
    entry.boundSeconds = Math.max(1, (estimateSeconds ?? expected) - entry.doneSeconds);
  }

  /** The run time to expect of one that is known to run for longer than so many seconds. */
  total({ job }: Entry, knownSeconds: number): number {
    const { estimateSeconds, toldSeconds } = job;
    // Who has run for longer than was told may run as long again.
    const expected = toldSeconds === undefined ? this.#predictor.expect(job, knownSeconds) : toldSeconds > knownSeconds ? toldSeconds : 2 * knownSeconds;
    return Math.min(expected, estimateSeconds ?? Infinity);
  }
}
