/** What would have been, had another policy decided: its replicas in thought under the load that came. Nobody need try it to know. Pure. */
import { Replicas } from './replicas.ts';

export interface Tally {
  /** Parts of time: in which the ready replicas were too busy. */
  violated: number;
  /** Mean replicas. */
  replicas: number;
  /** A step. */
  changes: number;
}

/** Shared by those that are alike, of which there are thousands. */
export interface ShadowRates {
  /** The load that a replica carries. */
  readonly limit: number;
  /** How much a step counts. */
  readonly share: number;
  /** Changes are told by the day, so that what they cost follows soon. */
  readonly changeShare: number;
}

/** `halfLifeSteps`: what was so long ago counts half; of changes `daySteps`. */
export function shadowRates({ limit, halfLifeSteps, daySteps }: { limit: number; halfLifeSteps: number; daySteps: number }): ShadowRates {
  return { limit, share: 1 - 0.5 ** (1 / halfLifeSteps), changeShare: 1 - 0.5 ** (1 / daySteps) };
}

export class Shadow {
  readonly fleet: Replicas;
  readonly tally: Tally = { violated: 0, replicas: 0, changes: 0 };
  readonly #rates: ShadowRates;
  #steps = 0;

  constructor(total: number, startMs: number, rates: ShadowRates) {
    this.fleet = new Replicas(total, startMs);
    this.#rates = rates;
  }

  /** Before the decision: what came of the ones before. Tells whether there are too few now. */
  advance(nowMs: number, load: number): boolean {
    this.fleet.advance(nowMs);
    const { limit, share: least, changeShare } = this.#rates;
    const violated = load > limit * this.fleet.ready + 1e-9 ? 1 : 0;
    const share = Math.max(least, 1 / ++this.#steps);
    this.tally.violated += share * (violated - this.tally.violated);
    this.tally.replicas += share * (this.fleet.total - this.tally.replicas);
    this.tally.changes -= Math.max(changeShare, 1 / this.#steps) * this.tally.changes;
    return violated === 1;
  }

  set(wanted: number, nowMs: number): void {
    if (wanted !== this.fleet.total) this.tally.changes += Math.max(this.#rates.changeShare, 1 / this.#steps);
    this.fleet.set(wanted, nowMs);
  }
}
