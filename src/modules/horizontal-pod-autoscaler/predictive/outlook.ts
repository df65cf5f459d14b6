/** The distribution of the load of one service a fixed time ahead, learned as the load comes. Pure; about 25 KB. */
import { Distribution, LEVELS, type Made } from './distribution.ts';
import { emptyFeatures, readFeatures, type Features } from './features.ts';
import type { Forecaster } from './forecasters/forecaster.ts';
import type { Learning } from './forecasters/boosted-trees.ts';
import { createForecasters } from './forecasters/forecasters.ts';
import { LoadSeries } from './series.ts';

interface Slot {
  madeMs: number;
  readonly features: Features;
  readonly made: Made;
}

export class Outlook {
  readonly series: LoadSeries;
  readonly aheadMs: number;
  readonly forecasters: readonly Forecaster[];
  readonly #distribution: Distribution;
  /** Forecasts whose time has not come, by the step in which it will. */
  readonly #slots: Slot[];
  #newest: Made;
  /** Of the load that came last, as they were forecast; undefined where they were not. */
  expected: ArrayLike<number> | undefined;
  readonly #expected = new Float32Array(LEVELS.length);

  /** `aheadMs`: how far ahead, at least one step. `learning`: who learns trees, and when. */
  constructor(stepMs: number, aheadMs: number, learning?: Learning) {
    this.series = new LoadSeries(stepMs);
    const steps = Math.max(1, Math.round(aheadMs / stepMs));
    this.aheadMs = steps * stepMs;
    this.forecasters = createForecasters(stepMs, this.aheadMs, learning);
    this.#distribution = new Distribution(this.forecasters.length);
    this.#slots = Array.from({ length: steps }, () => ({ madeMs: Number.NaN, features: emptyFeatures(), made: this.#distribution.empty() }));
    this.#newest = this.#slots[0]!.made;
  }

  /**
   * Adds the load at `nowMs` and gives the quantiles, at LEVELS, of the load `aheadMs` later. `capped`: more may have been asked for than could be served, so that
   * the load says nothing against those who expected more.
   */
  step(nowMs: number, load: number, { capped = false }: { capped?: boolean } = {}): Float32Array {
    const { series } = this;
    series.add(nowMs, load);
    for (const forecaster of this.forecasters) forecaster.observe?.(series);
    const slot = this.#slots[Math.round(nowMs / series.stepMs) % this.#slots.length]!;
    const due = Math.abs(nowMs - slot.madeMs - this.aheadMs) < series.stepMs / 2;
    this.expected = due ? this.#expected : undefined;
    this.#expected.set(slot.made.quantiles);
    if (due && !(capped && slot.made.quantiles[1]! > load)) this.#learn(slot, load);
    slot.madeMs = nowMs;
    readFeatures(series, this.aheadMs, slot.features);
    const { made, features } = slot;
    made.level = features.level;
    made.mean = series.mean;
    made.hour = Math.floor((nowMs + this.aheadMs) / 3_600_000) % 24;
    for (const [index, forecaster] of this.forecasters.entries()) made.points[index] = forecaster.predict(series, features, this.aheadMs);
    this.#distribution.spread(made);
    this.#newest = made;
    return made.quantiles;
  }

  /** What each forecaster says, and its weight in the median. */
  explain(): { name: string; load: number; weight: number }[] {
    const weights = this.#distribution.weights(1);
    return this.forecasters.map(({ name }, index) => ({ name, load: this.#newest.points[index]!, weight: weights[index]! }));
  }

  #learn(slot: Slot, load: number): void {
    this.#distribution.learn(slot.made, load);
    for (const forecaster of this.forecasters) forecaster.learn?.(slot.features, load, slot.madeMs);
  }
}
