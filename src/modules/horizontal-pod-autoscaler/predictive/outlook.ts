/** The distribution of the load of one service a fixed time ahead, learned as the load comes. Pure; about 25 KB. */
import { Climate } from './climate.ts';
import { Distribution, emptyMade, LEVELS } from './distribution.ts';
import { emptyFeatures, readFeatures } from './features.ts';
import type { Forecaster } from './forecasters/forecaster.ts';
import type { Learning } from './forecasters/boosted-trees.ts';
import { createForecasters, FORECASTERS } from './forecasters/forecasters.ts';
import { LoadSeries } from './series.ts';

/** What is kept of a forecast beside its arrays: level, mean, hour, and how yesterday and last week went on. */
const FACTS = 5;
/** A load that is not seen whole is as big when its time has come, so often. */
const STAYS = 0.8;
/** Of one step: there are thousands of outlooks, and none keeps them. */
const beyond = new Float32Array(LEVELS.length);
const expected = new Float32Array(LEVELS.length);
const features = emptyFeatures();
const made = emptyMade(FORECASTERS);
const PARTS = [features.row, made.points, made.spreads, made.quantiles];
const WIDTH = FACTS + PARTS.reduce((sum, { length }) => sum + length, 0);
const CLIMATE_HALF_LIFE_MS = 7 * 86_400_000;

export class Outlook {
  readonly series: LoadSeries;
  readonly aheadMs: number;
  readonly forecasters: readonly Forecaster[];
  readonly #distribution: Distribution;
  /** Forecasts whose time has not come, by the step in which it will; a row each, since many small arrays take more than what is in them. Three digits do. */
  readonly #rows: Float16Array;
  readonly #madeMs: Float64Array;
  #isExpected = false;
  /** The newest, or what is believed of it where it was not seen. */
  load = 0;
  readonly #climate: Climate;

  /** `aheadMs`: how far ahead, at least one step. `learning`: who learns trees, and when. */
  constructor(stepMs: number, aheadMs: number, learning?: Learning) {
    this.series = new LoadSeries(stepMs);
    const steps = Math.max(1, Math.round(aheadMs / stepMs));
    this.aheadMs = steps * stepMs;
    this.forecasters = createForecasters(stepMs, this.aheadMs, learning);
    this.#distribution = new Distribution(FORECASTERS);
    this.#climate = new Climate(CLIMATE_HALF_LIFE_MS / stepMs);
    this.#rows = new Float16Array(steps * WIDTH);
    this.#madeMs = new Float64Array(steps).fill(Number.NaN);
  }

  /**
   * Adds the load at `nowMs` and gives the quantiles, at LEVELS, of the load `aheadMs` later. `capped`: more may have been asked for than could be served, so that
   * the load says nothing against those who expected more, and is believed to be as at other times at which it was so big; `isDear`: what is believed so is not paid for.
   */
  step(nowMs: number, load: number, { capped = false, isDear = false }: { capped?: boolean; isDear?: boolean } = {}): Float32Array {
    const { series } = this;
    series.add(nowMs, (this.load = this.#believe(load, capped)));
    for (const forecaster of this.forecasters) forecaster.observe?.(series);
    const slot = this.#slotOf(nowMs);
    const due = Math.abs(nowMs - this.#madeMs[slot]! - this.aheadMs) < series.stepMs / 2;
    this.#isExpected = due;
    if (due) {
      this.#recall(slot);
      expected.set(made.quantiles);
      if (!(capped && made.quantiles[1]! > load)) this.#learn(load, this.#madeMs[slot]!);
    }
    this.#madeMs[slot] = nowMs;
    readFeatures(series, this.aheadMs, features);
    made.level = features.level;
    made.mean = series.mean;
    made.hour = Math.floor((nowMs + this.aheadMs) / 3_600_000) % 24;
    for (const [index, forecaster] of this.forecasters.entries()) made.points[index] = forecaster.predict(series, features, this.aheadMs);
    this.#distribution.spread(made);
    if (capped && !isDear) this.#raise();
    this.#keep(slot);
    return made.quantiles;
  }

  /** Right after a step, and until the next of any outlook: the quantiles of the load that came, as they were forecast; undefined where they were not. */
  get expected(): ArrayLike<number> | undefined {
    return this.#isExpected ? expected : undefined;
  }

  /** What each forecaster says, and its weight in the median. */
  explain(): { name: string; load: number; weight: number }[] {
    const weights = this.#distribution.weights(1);
    this.#recall(this.#slotOf(this.series.nowMs));
    return this.forecasters.map(({ name }, index) => ({ name, load: made.points[index]!, weight: weights[index]! }));
  }

  /** The least of what it usually was where it was at least that. */
  #believe(load: number, capped: boolean): number {
    this.#climate.add(load, { capped });
    if (!capped) return load;
    this.#climate.beyond(load, { levels: LEVELS, stays: STAYS, into: beyond });
    return beyond[0]!;
  }

  #raise(): void {
    const { quantiles } = made;
    for (let level = 0; level < LEVELS.length; level++) quantiles[level] = Math.max(quantiles[level]!, beyond[level]!);
  }

  #learn(load: number, madeMs: number): void {
    this.#distribution.learn(made, load);
    for (const forecaster of this.forecasters) forecaster.learn?.(features, load, madeMs);
  }

  #slotOf(nowMs: number): number {
    return Math.round(nowMs / this.series.stepMs) % this.#madeMs.length;
  }

  #keep(slot: number): void {
    const { level, mean, hour } = made;
    let at = slot * WIDTH;
    for (const fact of [level, mean, hour, features.dayRatio, features.weekRatio]) this.#rows[at++] = fact;
    for (const part of PARTS) {
      this.#rows.set(part, at);
      at += part.length;
    }
  }

  #recall(slot: number): void {
    let at = slot * WIDTH;
    [made.level, made.mean, made.hour, features.dayRatio, features.weekRatio] = this.#rows.subarray(at, at + FACTS) as unknown as [number, number, number, number, number];
    features.level = made.level;
    at += FACTS;
    for (const part of PARTS) {
      part.set(this.#rows.subarray(at, at + part.length));
      at += part.length;
    }
  }
}
