/** The load goes on as it went on at this time yesterday, or a week ago, from where it is now. */
import type { Forecaster } from './forecaster.ts';

export const seasonalDay: Forecaster = { name: 'seasonal-day', predict: ({ averages }, { dayRatio }) => averages[2]! * dayRatio };
export const seasonalWeek: Forecaster = { name: 'seasonal-week', predict: ({ averages }, { weekRatio }) => averages[2]! * weekRatio };
