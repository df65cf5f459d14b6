/** Harmonic regression: waves of the day and the week on top of the present level, learned on line. */
import { LEVEL_FEATURE } from '../features.ts';
import { Ridge } from '../ridge.ts';
import type { Forecaster } from './forecaster.ts';

const DAY_MS = 86_400_000;
const PERIODS_MS = [DAY_MS, DAY_MS / 2, DAY_MS / 3, DAY_MS / 4, 7 * DAY_MS];
const SIZE = 2 + 2 * PERIODS_MS.length;
const HALF_LIFE_MS = 10 * DAY_MS;
const LEARN_EVERY = 4;
const SOLVE_EVERY = 80;

/** Of one call: there are thousands of services, and none keeps it. */
const row = new Float64Array(SIZE);

const PRIOR = Array.from({ length: SIZE }, (_, index) => (index === 0 ? 1 : 0));

export function createHarmonic(stepMs: number): Forecaster {
  const ridge = new Ridge(PRIOR, HALF_LIFE_MS / stepMs / LEARN_EVERY);
  let seen = 0;
  const fill = (average: number, nowMs: number): Float64Array => {
    row[0] = average;
    row[1] = 0.3;
    for (const [index, periodMs] of PERIODS_MS.entries()) {
      const angle = (2 * Math.PI * (nowMs % periodMs)) / periodMs;
      row[2 + 2 * index] = 0.3 * Math.sin(angle);
      row[3 + 2 * index] = 0.3 * Math.cos(angle);
    }
    return row;
  };
  return {
    name: 'harmonic',
    predict: ({ averages, nowMs }, { level }) => Math.max(0, ridge.predict(fill(averages[1]! / level, nowMs)) * level),
    learn({ row: lags, level }, load, madeMs) {
      if (seen++ % LEARN_EVERY === 0) ridge.add(fill(lags[LEVEL_FEATURE]!, madeMs), load / level, 1 / (0.3 + load / level));
      if (seen % SOLVE_EVERY === 0) ridge.solve(20);
    },
  };
}
