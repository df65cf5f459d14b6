/** What every forecaster is: it says the load some time ahead, and may learn from what came of it. How sure it is, others find out. */
import type { Features } from '../features.ts';
import type { LoadSeries } from '../series.ts';

export interface Forecaster {
  readonly name: string;
  /** The load that is expected `aheadMs` from the newest value of the series: a mean or a median, not negative. */
  predict(series: LoadSeries, features: Features, aheadMs: number): number;
  /** Called once a value, in order. */
  observe?(series: LoadSeries): void;
  /** What came of a prediction; `features` are those that it was made of, `madeMs` when. */
  learn?(features: Features, load: number, madeMs: number): void;
}
