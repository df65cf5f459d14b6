/** The load of one service as forecasters see it: the newest values, averages over several times, and a week in steps of five minutes. Pure; about 6 KB. */
export const SLOT_MS = 300_000;
export const DAY_SLOTS = 288;
export const WEEK_SLOTS = 7 * DAY_SLOTS;
/** A day more than a week, so that what followed this time last week is there. */
const KEPT_SLOTS = 8 * DAY_SLOTS;
const NEWEST = 128;
/** After a longer pause nothing is said of what was before, but for the slots. */
const LONGEST_GAP_STEPS = 240;
/** Half-lives of the averages, in minutes. */
export const HALF_LIFE_MINUTES = [1.5, 5, 15, 60, 240] as const;

export class LoadSeries {
  readonly stepMs: number;
  readonly averages = new Float64Array(HALF_LIFE_MINUTES.length);
  /** Of the last four weeks, by half. */
  mean = 0;
  /** How many values there are. */
  length = 0;
  nowMs = 0;
  readonly #newest = new Float32Array(NEWEST);
  /** Three digits do for what was days ago. */
  readonly #slots = new Float16Array(KEPT_SLOTS).fill(Number.NaN);
  readonly #shares: readonly number[];
  readonly #meanShare: number;
  #slot = { number: -1, sum: 0, count: 0 };

  constructor(stepMs: number) {
    this.stepMs = stepMs;
    this.#shares = HALF_LIFE_MINUTES.map((minutes) => 1 - 0.5 ** (stepMs / (60_000 * minutes)));
    this.#meanShare = stepMs / (28 * 86_400_000);
  }

  /** Adds the load at `nowMs`; what was missed meanwhile is filled in evenly, unless it is long. */
  add(nowMs: number, load: number): void {
    const missed = this.length === 0 ? 0 : Math.round((nowMs - this.nowMs) / this.stepMs) - 1;
    if (missed > 0 && missed <= LONGEST_GAP_STEPS) {
      const [before, beganMs] = [this.back(0), this.nowMs];
      for (let step = 1; step <= missed; step++) this.#push(beganMs + step * this.stepMs, before + ((load - before) * step) / (missed + 1));
    }
    this.#push(nowMs, load);
  }

  /** The load `steps` ago; that of the begin, where it was later. */
  back(steps: number): number {
    return this.#newest[(this.length - 1 - Math.min(steps, this.length - 1, NEWEST - 1)) & (NEWEST - 1)]!;
  }

  /** The mean around a moment of the last week, over three slots; NaN when nothing is known. */
  around(atMs: number): number {
    const middle = Math.floor(atMs / SLOT_MS);
    let [sum, count] = [0, 0];
    for (let number = middle - 1; number <= middle + 1; number++) {
      const value = this.slot(number);
      if (Number.isNaN(value)) continue;
      sum += value;
      count++;
    }
    return count === 0 ? Number.NaN : sum / count;
  }

  /** The mean of a slot (its time over SLOT_MS) that has passed; NaN when it is not known. */
  slot(number: number): number {
    return number < this.#slot.number && number > this.#slot.number - KEPT_SLOTS ? this.#slots[number % KEPT_SLOTS]! : Number.NaN;
  }

  #push(nowMs: number, load: number): void {
    this.nowMs = nowMs;
    this.#newest[this.length & (NEWEST - 1)] = load;
    this.length++;
    for (const [index, share] of this.#shares.entries()) this.averages[index]! += Math.max(share, 1 / this.length) * (load - this.averages[index]!);
    this.mean += Math.max(this.#meanShare, 1 / this.length) * (load - this.mean);
    this.#fill(Math.floor(nowMs / SLOT_MS), load);
  }

  #fill(number: number, load: number): void {
    const slot = this.#slot;
    if (number !== slot.number) {
      if (slot.count > 0) this.#slots[slot.number % KEPT_SLOTS] = slot.sum / slot.count;
      for (let passed = Math.max(slot.number + 1, number - KEPT_SLOTS); passed <= number; passed++) this.#slots[passed % KEPT_SLOTS] = Number.NaN;
      [slot.number, slot.sum, slot.count] = [number, 0, 0];
    }
    slot.sum += load;
    slot.count++;
  }
}
