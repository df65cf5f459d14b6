/** For how long jobs may be passed over: patience.ts goes by work done, shadow-bound.ts by an EASY queue beside the real one. */
import type { Entry } from './job.ts';

export interface WaitBound {
  submitted(entry: Entry, now: number): void;
  /** It was found running. */
  adopted(entry: Entry, startedAt: number, now: number): void;
  /** It waits, for the first time or again. */
  waits(entry: Entry): void;
  /** It waits no longer. To be called before what it did and kept changes. */
  leaves(entry: Entry): void;
  /** `ranSeconds`: of one that ended, in all; undefined of one that was taken back. `work`: what it took, in dominant shares times seconds. */
  finished(entry: Entry, end: { readonly work: number; readonly ranSeconds: number | undefined; readonly now: number }): void;
  /** All work served so far. */
  served(work: number, now: number): void;
  /** To be called before it is asked about a time. */
  advance(now: number): void;
  /** When somebody will have waited for too long, where that alone has others stopped; Infinity for never. */
  readonly wakeAt: number;
  /** Whether one that had waited so long at a time has done so for too long. */
  isOverdue(entry: Entry, at: number): boolean;
  /** Whether one that runs began because it had waited for too long, by what is known now, and so is not to be stopped for others. */
  keeps(entry: Entry): boolean;
  /** Those that wait and have done so for too long, the longest first. */
  overdue(now: number): Iterable<Entry>;
  /** By what the expected run times of those are multiplied that would go past an overdue job; Infinity where none may. */
  cautionFor(entry: Entry, now: number): number;
}
