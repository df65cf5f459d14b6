/** A regression on lags, averages and on what followed at this time yesterday and last week; learned on line, straight for the time ahead. */
import { FEATURES, LEVEL_FEATURE } from '../features.ts';
import { Ridge } from '../ridge.ts';
import type { Forecaster } from './forecaster.ts';

const SOLVE_EVERY = 40;
const PRIOR_ROWS = 10;

/** What has learned nothing says that the level stays. */
const PRIOR = Array.from({ length: FEATURES }, (_, index) => (index === LEVEL_FEATURE ? 1 : 0));

/** `halfLifeMs`: what was learned so long ago counts half. */
export function createAutoregression(stepMs: number, halfLifeMs: number): Forecaster {
  const ridge = new Ridge(PRIOR, halfLifeMs / stepMs / 2);
  let rows = 0;
  return {
    name: `autoregression-${Math.round(halfLifeMs / 86_400_000)}d`,
    predict: (_series, { row, level }) => Math.max(0, ridge.predict(row) * level),
    learn({ row, level }, load) {
      // Neighbours are nearly the same: every second is enough.
      if (rows++ % 2 === 0) ridge.add(row, load / level, 1 / (0.3 + load / level));
      if (rows % SOLVE_EVERY === 0) ridge.solve(PRIOR_ROWS);
    },
  };
}
