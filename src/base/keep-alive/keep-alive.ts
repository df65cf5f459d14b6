/**
 * Which units (functions, models) to keep warm, minute by minute. The chance that a unit is invoked in the next minute is learned on line, over all units together, from
 * their histograms and habits; a unit is warm where the chance is worth a minute of its memory. That is the least cold starts for given idle-warm memory, as far as the
 * chances are right, and it unloads and loads again in between as they say. What a minute is worth follows from a budget: the idle-warm memory that a fixed keep-alive
 * would take for the same invocations. No clock and no I/O; minutes are whole numbers. Histograms as in Shahrad et al., Serverless in the Wild, USENIX ATC 2020.
 */
import { createPool, createUnit, FEATURES, pass, readRow, type Pool, type Unit, type UnitFacts } from './features.ts';

export interface KeepAliveOptions {
  /** The chance at which a unit of mean memory is worth a minute; it is not searched for then. */
  readonly price?: number;
  /** Idle-warm memory as a fixed keep-alive of so many minutes would take. Default 10. */
  readonly asFixedMinutes?: number;
}

const FIRST_PRICE = 0.008;
const USUAL_MEMORY_MIB = 128;
const LEARNING_RATE = 0.15;
/** How fast the price follows the budget, a minute, and how far at once. */
const FOLLOW = 0.003;
const AT_ONCE = 2;
/** What was spent a day ago counts a half. */
const MEMORY = 0.5 ** (1 / 1_440);
const [LEAST_PRICE, MOST_PRICE] = [1e-4, 0.5];
const FIRST_WEIGHTS = [-1, 0.5, 0.5];

export class KeepAlive {
  readonly #options: Required<Omit<KeepAliveOptions, 'price'>>;
  readonly #fixedPrice: boolean;
  readonly #units = new Map<string, Unit>();
  readonly #pools = new Map<string, Pool>();
  readonly #groups = new Map<string, number>();
  readonly #common = { weights: new Float64Array(FEATURES), squares: new Float64Array(FEATURES).fill(1) };
  readonly #invoked = new Set<string>();
  #rows = new Map<Unit, { row: Float64Array; warm: boolean }>();
  #price: number;
  #base = FIRST_PRICE;
  #spent = { own: 1, fixed: 1 };
  #memory = { sum: 0, count: 0 };

  constructor({ price, asFixedMinutes = 10 }: KeepAliveOptions = {}) {
    this.#options = { asFixedMinutes };
    this.#fixedPrice = price !== undefined;
    this.#price = price ?? FIRST_PRICE;
    this.#common.weights.set(FIRST_WEIGHTS);
  }

  get price(): number {
    return this.#price;
  }

  /** In the minute that runs, once or more often. */
  invoked(id: string, minute: number, facts: UnitFacts = {}): void {
    this.#invoked.add(id);
    if (this.#units.has(id)) return;
    this.#memory.sum += facts.memoryMiB ?? USUAL_MEMORY_MIB;
    this.#memory.count++;
    this.#units.set(id, createUnit(id, facts, minute));
  }

  forget(id: string): void {
    const unit = this.#units.get(id);
    if (unit !== undefined) this.#rows.delete(unit);
    this.#units.delete(id);
  }

  /** The minute is over: gives the units to be warm in the next. Minutes follow each other. */
  next(minute: number): Set<string> {
    for (const [unit, { row, warm }] of this.#rows) this.#close(unit, { row, warm, minute });
    for (const id of this.#invoked) {
      const { group } = this.#units.get(id)?.facts ?? {};
      if (group !== undefined) this.#groups.set(group, minute);
    }
    this.#invoked.clear();
    if (!this.#fixedPrice) this.#follow();
    const warm = new Set<string>();
    for (const unit of this.#units.values()) if (this.#open(unit, minute + 1)) warm.add(unit.id);
    return warm;
  }

  #open(unit: Unit, minute: number): boolean {
    const kept = this.#rows.get(unit) ?? { row: new Float64Array(FEATURES), warm: false };
    const { group } = unit.facts;
    readRow(unit, { minute, pool: this.#poolOf(unit), groupMinute: group === undefined ? undefined : this.#groups.get(group), row: kept.row });
    kept.warm = this.#chance(kept.row, this.#poolOf(unit)) > (this.#price * (unit.facts.memoryMiB ?? USUAL_MEMORY_MIB) * this.#memory.count) / this.#memory.sum;
    this.#rows.set(unit, kept);
    return kept.warm;
  }

  #close(unit: Unit, { row, warm, minute }: { row: Float64Array; warm: boolean; minute: number }): void {
    const invoked = this.#invoked.has(unit.id);
    const memory = unit.facts.memoryMiB ?? USUAL_MEMORY_MIB;
    if (!invoked && warm) this.#spent.own += memory;
    if (!invoked && minute - unit.lastMinute <= this.#options.asFixedMinutes) this.#spent.fixed += memory;
    // As it is by now: what the units before have taught is not taught again.
    const pool = this.#poolOf(unit);
    const error = this.#chance(row, pool) - (invoked ? 1 : 0);
    for (let index = 0; index < FEATURES; index++) {
      const slope = error * row[index]!;
      if (slope === 0) continue;
      for (const { weights, squares } of [this.#common, pool]) {
        squares[index]! += slope * slope;
        weights[index]! -= (LEARNING_RATE * slope) / Math.sqrt(squares[index]!);
      }
    }
    pass(unit, pool, minute, invoked);
  }

  #chance(row: Float64Array, { weights }: Pool): number {
    let sum = 0;
    for (let index = 0; index < FEATURES; index++) sum += row[index]! * (this.#common.weights[index]! + weights[index]!);
    return 1 / (1 + Math.exp(-sum));
  }

  /** By what was spent too much, at once; and where that lasts, more and more. */
  #follow(): void {
    const over = Math.max(-1, Math.min(1, Math.log(this.#spent.own / this.#spent.fixed)));
    this.#base = bounded(this.#base * Math.exp(FOLLOW * over));
    this.#price = bounded(this.#base * Math.exp(AT_ONCE * over));
    for (const who of ['own', 'fixed'] as const) this.#spent[who] *= MEMORY;
  }

  #poolOf({ facts: { trigger = '' } }: Unit): Pool {
    let pool = this.#pools.get(trigger);
    if (pool === undefined) this.#pools.set(trigger, (pool = createPool()));
    return pool;
  }
}

function bounded(price: number): number {
  return Math.max(LEAST_PRICE, Math.min(MOST_PRICE, price));
}
