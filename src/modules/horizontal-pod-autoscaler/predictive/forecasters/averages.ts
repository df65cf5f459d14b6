/** The load stays as it was on average: over a minute and a half, five, fifteen. Hard to beat where nothing repeats. */
import { HALF_LIFE_MINUTES } from '../series.ts';
import type { Forecaster } from './forecaster.ts';

export function average(index: number): Forecaster {
  return { name: `average-${HALF_LIFE_MINUTES[index]}m`, predict: ({ averages }) => averages[index]! };
}
