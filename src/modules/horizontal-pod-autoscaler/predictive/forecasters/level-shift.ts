/**
 * The load has one level until it shifts to another: the mean since the last shift. A shift is what two cumulative sums of errors, one up and one down, say.
 * Source: Page, Continuous inspection schemes, Biometrika 41, 1954.
 */
import type { Forecaster } from './forecaster.ts';

const SLACK = 0.5;
const ALARM = 8;
const LONGEST_MEMORY = 960;

export function createLevelShift(): Forecaster {
  let [mean, spread, count, up, down] = [Number.NaN, 0, 0, 0, 0];
  return {
    name: 'level-shift',
    observe(series) {
      const now = series.back(0);
      if (Number.isNaN(mean)) [mean, spread] = [now, 0.2 * now + 1e-3];
      const error = Math.max(-6, Math.min(6, (now - mean) / Math.max(spread, 1e-6)));
      up = Math.max(0, up + error - SLACK);
      down = Math.max(0, down - error - SLACK);
      if (up > ALARM || down > ALARM) {
        // The last minutes are of the new level.
        [mean, count, up, down] = [series.averages[0]!, 4, 0, 0];
      }
      count = Math.min(count + 1, LONGEST_MEMORY);
      spread += Math.max(0.005, 1 / (count + 50)) * (Math.abs(now - mean) - spread);
      mean += (now - mean) / count;
    },
    predict: () => Math.max(0, mean),
  };
}
