/** All forecasters of a service. */
import { average } from './averages.ts';
import { createAutoregression } from './autoregression.ts';
import { createBoostedTrees, type Learning } from './boosted-trees.ts';
import type { Forecaster } from './forecaster.ts';
import { createHarmonic } from './harmonic.ts';
import { createHoltWinters } from './holt-winters.ts';
import { createLevelShift } from './level-shift.ts';
import { seasonalDay, seasonalWeek } from './seasonal-naive.ts';
import { trend } from './trend.ts';

const DAY_MS = 86_400_000;
/** How many there are. */
export const FORECASTERS = 12;

export function createForecasters(stepMs: number, aheadMs: number, learning?: Learning): Forecaster[] {
  return [
    createAutoregression(stepMs, 4 * DAY_MS), createAutoregression(stepMs, 12 * DAY_MS), average(0), average(1), average(2),
    seasonalDay, seasonalWeek, trend, createHoltWinters(stepMs), createHarmonic(stepMs), createLevelShift(), createBoostedTrees(aheadMs, learning),
  ];
}
