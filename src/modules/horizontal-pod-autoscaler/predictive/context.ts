/** In what state a service is when a decision is made: what the bandit's costs are a function of. Pure. */
import { chanceAbove } from './distribution.ts';
import type { LoadSeries } from './series.ts';

export const CONTEXT_SIZE = 9;
const WIDE = 9;
const MEDIAN = 1;
const WIDTH_SHARE = 0.002;
/** Of one step: there are thousands of services, and none keeps it. */
const row = new Float64Array(CONTEXT_SIZE);

/** How sure the forecast is, how surprising the load was, and where it goes. */
export class Context {
  #width = 0;

  /** `quantiles` of the load to come; `expected`: those that were forecast for now, where they are known. */
  read(series: LoadSeries, quantiles: ArrayLike<number>, expected?: ArrayLike<number>): Float64Array {
    const median = Math.max(quantiles[MEDIAN]!, 1e-3);
    const width = Math.max(0, quantiles[WIDE]! / median - 1);
    this.#width += (this.#width === 0 ? 1 : WIDTH_SHARE) * (width - this.#width);
    const now = series.back(0);
    const [minutes, hour] = [series.averages[1]! + 1e-3, series.averages[3]! + 1e-3];
    const chance = expected === undefined ? 0.5 : chanceAbove(expected, now);
    row[0] = 1;
    row[1] = bounded(Math.log((width + 1e-3) / (this.#width + 1e-3)));
    row[2] = chance < 0.03 ? 1 : 0;
    row[3] = chance < 0.2 ? 1 : 0;
    row[4] = chance > 0.97 ? 1 : 0;
    row[5] = bounded(3 * Math.log(median / minutes));
    row[6] = bounded(Math.log(minutes / hour));
    row[7] = bounded(Math.log((now + 1e-3) / minutes));
    row[8] = bounded(Math.log(minutes / (series.mean + 1e-3)));
    return row;
  }
}

function bounded(value: number): number {
  return Math.max(-2, Math.min(2, value));
}
