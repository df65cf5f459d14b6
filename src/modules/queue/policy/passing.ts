/** The part of the work that goes to the first ones all the same while others have waited for too long. */
import type { Entry } from './job.ts';

/** What those who may pass do not use of their share is kept for so long. */
const KEPT_SECONDS = 3_600;

export class Passing {
  readonly #share: number;
  #left = 0;

  /** `share`: of all work, 0 to 1. */
  constructor(share: number) {
    this.#share = share;
  }

  /** So much work was served, in dominant shares times seconds. */
  served(work: number): void {
    this.#left = Math.max(this.#left, Math.min(this.#left + this.#share * work, this.#share * KEPT_SECONDS));
  }

  allows(work: number): boolean {
    return work <= this.#left;
  }

  /** One passes, that is expected to be so much work. */
  begins(entry: Entry, work: number): void {
    this.#left -= work;
    entry.passedWork = work;
  }

  /** Who passed others and took longer than expected leaves less for the next ones to pass. */
  ended({ passedWork }: Entry, work: number): void {
    if (passedWork > 0) this.#left += passedWork - work;
  }
}
