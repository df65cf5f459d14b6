/**
 * Boosted trees over the last eight days in steps of five minutes: what follows a level, given what was before, this time yesterday and last week, the hour and the day of the
 * week. Learned anew every six hours, where it is told to: beside the way in a worker, or at once in the simulator.
 */
import { DAY_SLOTS, SLOT_MS, WEEK_SLOTS, type LoadSeries } from '../series.ts';
import type { Forecaster } from './forecaster.ts';
import { predictTrees, trainTrees, type TrainingSet, type Trees } from './trees.ts';

/** Undefined where it could not be learned. */
export type Trainer = (set: TrainingSet) => Trees | undefined | Promise<Trees | undefined>;

const EVERY_MS = 6 * 3_600_000;
const LEAST_ROWS = 288;
const WIDTH = 13;
const DAY_MS = 86_400_000;
/** Of one call: there are thousands of services, and none keeps it. */
const row = new Float32Array(WIDTH);

export interface Learning {
  /** Who learns trees. Default here and at once. */
  readonly train?: Trainer;
  /** When in the six hours, 0 to 1, so that a thousand services do not learn in one round. Default 0. */
  readonly phase?: number;
}

export function createBoostedTrees(aheadMs: number, { train = trainTrees, phase = 0 }: Learning = {}): Forecaster {
  const aheadSlots = Math.max(1, Math.round(aheadMs / SLOT_MS));
  let trees: Trees | undefined;
  let learnedMs = Number.NaN;

  function learn(series: LoadSeries): void {
    const last = Math.floor(series.nowMs / SLOT_MS) - aheadSlots - 1;
    const features: number[] = [];
    const answers: number[] = [];
    for (let slot = last - 7 * DAY_SLOTS; slot <= last; slot++) {
      const level = fill((number) => series.slot(number), slot, aheadSlots);
      const answer = series.slot(slot + aheadSlots);
      if (level === undefined || Number.isNaN(answer)) continue;
      features.push(...row);
      answers.push(answer / level);
    }
    if (answers.length < LEAST_ROWS) return;
    const learned = train({ features: Float32Array.from(features), width: WIDTH, answers: Float32Array.from(answers) });
    if (learned instanceof Promise) void learned.then((found) => (trees = found === undefined ? trees : packed(found)));
    else trees = learned === undefined ? trees : packed(learned);
  }

  return {
    name: 'boosted-trees',
    observe(series) {
      if (Number.isNaN(learnedMs)) learnedMs = series.nowMs - phase * EVERY_MS;
      if (series.nowMs - learnedMs < EVERY_MS) return;
      learnedMs = series.nowMs;
      learn(series);
    },
    predict(series) {
      if (trees === undefined) return series.averages[1]!;
      const now = Math.floor(series.nowMs / SLOT_MS);
      // The slot that runs is not whole: the average of late stands for it.
      const level = fill((number) => (number === now ? series.averages[0]! : series.slot(number)), now, aheadSlots);
      return level === undefined ? series.averages[1]! : Math.max(0, predictTrees(trees, row) * level);
    },
  };
}

/** Three digits do, and halve what is kept. */
function packed({ threshold, leaf, ...trees }: Trees): Trees {
  return { ...trees, threshold: Float16Array.from(threshold), leaf: Float16Array.from(leaf) };
}

/** Fills the row and gives the level that all are parts of; undefined where too little is known. */
function fill(at: (slot: number) => number, slot: number, ahead: number): number | undefined {
  const level = (at(slot) + at(slot - 1) + at(slot - 2)) / 3;
  if (!(level > 0)) return undefined;
  const known = (value: number): number => (Number.isNaN(value) ? 1 : Math.min(10, value / level));
  const follows = (ago: number): number => {
    const [before, after] = [at(slot - ago), at(slot - ago + ahead)];
    return before > 0 && !Number.isNaN(after) ? Math.min(10, after / before) : 1;
  };
  const timeMs = (slot + ahead) * SLOT_MS;
  row[0] = known(at(slot));
  row[1] = known(at(slot - 1));
  row[2] = known(at(slot - 3));
  row[3] = known(at(slot - 6));
  row[4] = known(at(slot - 12));
  row[5] = known(at(slot - 36));
  row[6] = follows(DAY_SLOTS);
  row[7] = follows(WEEK_SLOTS);
  row[8] = known(at(slot - DAY_SLOTS + ahead));
  row[9] = known(at(slot - WEEK_SLOTS + ahead));
  row[10] = (timeMs % DAY_MS) / DAY_MS;
  row[11] = Math.floor(timeMs / DAY_MS) % 7;
  row[12] = (timeMs % 3_600_000) / 3_600_000;
  return level;
}
