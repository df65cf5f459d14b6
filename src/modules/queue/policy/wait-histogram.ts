/** How long many have waited, to within a hundredth: what part of them has waited for longer than what. */

/** Each bucket is so much wider than the one before it. */
const STEP = 1.01;
const LOG_STEP = Math.log(STEP);

export class WaitHistogram {
  readonly #counts: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `times`: -1 takes one out again. */
  add(seconds: number, times = 1): void {
    const bucket = seconds < 1 ? 0 : 1 + Math.floor(Math.log(seconds) / LOG_STEP);
    while (this.#counts.length <= bucket) this.#counts.push(0);
    this.#counts[bucket]! += times;
    this.#size += times;
  }

  /** How many have waited for longer than so many seconds, to within a hundredth of them. */
  countAbove(seconds: number): number {
    let count = 0;
    for (let bucket = this.#counts.length - 1; bucket > 0 && STEP ** bucket > seconds; bucket--) count += this.#counts[bucket]!;
    return count;
  }

  /** The most seconds of which it is sure that at least the part `above` of all has waited for as long; 0 where none has. */
  exceededBy(above: number): number {
    let left = above * this.#size;
    for (let bucket = this.#counts.length - 1; bucket > 0; bucket--) {
      left -= this.#counts[bucket]!;
      if (left < 0) return STEP ** (bucket - 1);
    }
    return 0;
  }
}
