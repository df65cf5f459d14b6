/**
 * Exponential smoothing of level and damped slope, with the season of a day as a ratio. Source: Gardner and McKenzie, Forecasting trends in time series, Management
 * Science 31, 1985.
 */
import type { Forecaster } from './forecaster.ts';

const LEVEL_MINUTES = 3;
const SLOPE_MINUTES = 10;
const DAMPED_MINUTES = 15;

export function createHoltWinters(stepMs: number): Forecaster {
  const stepMinutes = stepMs / 60_000;
  const [levelShare, slopeShare, kept] = [1 - 0.5 ** (stepMinutes / LEVEL_MINUTES), 1 - 0.5 ** (stepMinutes / SLOPE_MINUTES), 0.5 ** (stepMinutes / DAMPED_MINUTES)];
  let [level, slope] = [Number.NaN, 0];
  return {
    name: 'holt-winters',
    observe(series) {
      const now = series.back(0);
      if (Number.isNaN(level)) level = now;
      const expected = level + slope * kept;
      const next = expected + levelShare * (now - expected);
      slope = slope * kept + slopeShare * (next - level - slope * kept);
      level = next;
    },
    predict({ stepMs: step }, { dayRatio }, aheadMs) {
      const steps = aheadMs / step;
      return Math.max(0, (level + (slope * kept * (1 - kept ** steps)) / (1 - kept)) * dayRatio);
    },
  };
}
