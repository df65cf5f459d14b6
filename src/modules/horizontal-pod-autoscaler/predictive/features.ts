/** What of a series may tell the load some time ahead, as parts of a level, so that a small service and a big one look alike. Pure. */
import { DAY_SLOTS, SLOT_MS, WEEK_SLOTS, type LoadSeries } from './series.ts';

const LAG_SECONDS = [0, 15, 60, 120, 300, 600, 1_800] as const;
export const FEATURES = 18;
/** The place of the average of five minutes, which is what a regression that has learned nothing says. */
export const LEVEL_FEATURE = LAG_SECONDS.length + 1;

export interface Features {
  /** What the others are parts of; above 0. */
  level: number;
  readonly row: Float32Array;
  /** How the load of this time yesterday (and a week ago) went on: 1.2 is a fifth more; 1 when not known. */
  dayRatio: number;
  weekRatio: number;
}

export function emptyFeatures(): Features {
  return { level: 1, row: new Float32Array(FEATURES), dayRatio: 1, weekRatio: 1 };
}

/** Fills `into` for the load `aheadMs` from now. */
export function readFeatures(series: LoadSeries, aheadMs: number, into: Features): void {
  const { averages, stepMs } = series;
  const level = Math.max(averages[3]!, 0.3 * averages[4]!, 0.05);
  const { row } = into;
  let at = 0;
  for (const seconds of LAG_SECONDS) row[at++] = series.back(Math.round((seconds * 1_000) / stepMs)) / level;
  for (const average of averages) row[at++] = average / level;
  const day = continuation(series, DAY_SLOTS, aheadMs, level);
  const week = continuation(series, WEEK_SLOTS, aheadMs, level);
  const now = averages[1]! / level;
  for (const { rise, ratio } of [day, week]) {
    row[at++] = rise / level;
    row[at++] = now * (ratio - 1);
  }
  row[at++] = 0.1;
  row[at] = mostOf(series, 300_000) / level;
  into.level = level;
  into.dayRatio = day.ratio;
  into.weekRatio = week.ratio;
}

function continuation(series: LoadSeries, agoSlots: number, aheadMs: number, level: number): { rise: number; ratio: number } {
  const thenMs = series.nowMs - agoSlots * SLOT_MS;
  const [before, after] = [series.around(thenMs), between(series, thenMs + aheadMs)];
  if (Number.isNaN(before) || Number.isNaN(after)) return { rise: 0, ratio: 1 };
  return { rise: after - before, ratio: Math.min(3, (after + 0.1 * level) / (before + 0.1 * level)) };
}

function between(series: LoadSeries, atMs: number): number {
  const part = (atMs % SLOT_MS) / SLOT_MS;
  return series.around(atMs) * (1 - part) + series.around(atMs + SLOT_MS) * part;
}

function mostOf(series: LoadSeries, overMs: number): number {
  let most = 0;
  for (let steps = 0; steps * series.stepMs <= overMs; steps += 4) most = Math.max(most, series.back(steps));
  return most;
}
