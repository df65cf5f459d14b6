/** The load goes on as it went in the last minute, a little damped: the first to see a burst. */
import type { Forecaster } from './forecaster.ts';

const MINUTE_MS = 60_000;
const DAMPING = 0.7;

export const trend: Forecaster = {
  name: 'trend',
  predict(series, _features, aheadMs) {
    const [now, before] = [series.back(0), series.back(Math.round(MINUTE_MS / series.stepMs))];
    return Math.max(0, now + (now - before) * (aheadMs / MINUTE_MS) * DAMPING);
  },
};
