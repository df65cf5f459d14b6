/**
 * What tells whether a unit (a function, a model) is invoked in the minute that comes: the histogram of its own idle times and that of others with its trigger, its last
 * idle times, the minutes an hour, a day and so on ago, and its group. Pure.
 */
export interface UnitFacts {
  /** Whether one waits for the trigger (`http`) or a clock (`timer`) is known of others with the same. */
  readonly trigger?: string;
  /** Those of a group (an application) often follow each other. */
  readonly group?: string;
  readonly memoryMiB?: number;
}

export interface Unit {
  readonly id: string;
  readonly facts: UnitFacts;
  lastMinute: number;
  /** How often it was idle for so many minutes. */
  readonly gaps: Map<number, number>;
  /** The newest last. */
  readonly recent: number[];
  count: number;
  /** Known for so long, and a little more. */
  minutes: number;
  /** The minutes of the last day in which it was invoked, a bit each. */
  readonly day: Uint8Array;
  /** Of the last hour: the part of minutes with an invocation. */
  rate: number;
  /** The same of the last hours, day and week. */
  readonly slowRates: Float64Array;
}

/** By age: how many reached it, and were invoked at it. */
interface Histogram { readonly ended: Float64Array; readonly reached: Float64Array }

/** Histograms of idle times of all units with one trigger. */
export interface Pool extends Histogram {
  /** The same of those alike alone: by the last idle time, by how often they are invoked, and by both. */
  readonly alike: readonly Histogram[];
  /** Known for so long. */
  minutes: number;
  lastMinute: number;
  /** Invocations by the minute of the hour: clocks strike for many at once. */
  readonly ofHour: Float64Array;
  /** What is learned of these units alone, beside what is of all. */
  readonly weights: Float64Array;
  readonly squares: Float64Array;
}

export const FEATURES = 34;
const BOUNDS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 20, 24, 30, 32, 40, 50, 60, 61, 75, 90, 120, 180, 240, 360, 480, 720, 1_440, Infinity];
const PERIODS = [5, 10, 15, 20, 30, 60, 120, 1_440];
const DAY_MINUTES = 1_440;
const MOST_GAPS = 256;
const RATE_SHARE = 0.02;
/** So that the first invocation is no habit. */
const FIRST_MINUTES = 20;
const SLOW_SHARES = [0.004, 0.0007, 0.0001];
const CLASSES = 8;
/** So many units of all stand in where few are alike. */
const FEW = 50;
const LEAST_CHANCE = 1e-5;

export function createUnit(id: string, facts: UnitFacts, minute: number): Unit {
  const unit: Unit = { id, facts, lastMinute: minute, gaps: new Map(), recent: [], count: 0, minutes: FIRST_MINUTES, day: new Uint8Array(DAY_MINUTES / 8), rate: 0, slowRates: new Float64Array(SLOW_SHARES.length) };
  setBit(unit, minute, true);
  return unit;
}

export function createPool(): Pool {
  return { ...createHistogram(1), alike: [CLASSES, CLASSES, CLASSES ** 2].map(createHistogram), minutes: 0, lastMinute: -1, ofHour: new Float64Array(60), weights: new Float64Array(FEATURES), squares: new Float64Array(FEATURES).fill(1) };
}

function createHistogram(classes: number): Histogram {
  return { ended: new Float64Array(classes * BOUNDS.length).fill(0.02), reached: new Float64Array(classes * BOUNDS.length).fill(1) };
}

/** Fills `row` for the minute that begins, with what was known before it. */
export function readRow(unit: Unit, { minute, pool, groupMinute, row }: { minute: number; pool: Pool; groupMinute: number | undefined; row: Float64Array }): void {
  const age = minute - unit.lastMinute;
  const common = Math.min(0.9, pool.ended[binOf(age)]! / pool.reached[binOf(age)]!);
  const gap = (minutes: number): number => unit.gaps.get(minutes) ?? 0;
  let reached = 0;
  for (const [minutes, count] of unit.gaps) if (minutes >= age) reached += count;
  const near = gap(age) + 0.3 * (gap(age - 1) + gap(age + 1));
  const own = logit(Math.min(0.97, (near + common) / (reached + (near > 0 ? 1.6 : 1))));
  const [last, before, third] = [unit.recent.at(-1) ?? -1, unit.recent.at(-2) ?? -1, unit.recent.at(-3) ?? -1];
  const group = groupMinute === undefined ? Infinity : minute - groupMinute;
  const truths = [
    age === last, age === before, age === last && age === before, age === last && last === before && before === third,
    ...PERIODS.map((period) => hasBit(unit, minute, period)), hasBit(unit, minute, 60) && hasBit(unit, minute, 120),
    age > last && last === before && last > 0, group <= 1 && age > 1, group <= 5 && age > group, unit.count < 3,
  ];
  const struck = strikes(pool, minute);
  const numbers = [1, logit(common), own, Math.log(unit.rate + 0.01), Math.min(age, 60) / 60, unit.count < 5 ? own : 0, Math.min(3, Math.log1p(reached)) / 3, struck, unit.count < 3 ? struck : 0, ...slowly(unit), unit.minutes < DAY_MINUTES ? 0 : Math.log(age) / 5, ...ofAlike(unit, pool, { age, common })];
  let at = 0;
  for (const number of numbers) row[at++] = number;
  for (const truth of truths) row[at++] = truth ? 1 : 0;
}

/** How often it was invoked over long times, which says little before it is known for so long. */
function slowly({ slowRates, minutes }: Unit): number[] {
  return SLOW_SHARES.map((share, index) => 0.5 * Math.min(1, share * minutes) * Math.log(slowRates[index]! + share / 2));
}

/** After the minute: was it invoked in it? */
export function pass(unit: Unit, pool: Pool, minute: number, invoked: boolean): void {
  const age = minute - unit.lastMinute;
  if (minute > pool.lastMinute) {
    pool.minutes++;
    pool.lastMinute = minute;
  }
  for (const [index, place] of classesOf(unit).entries()) {
    const at = place * BOUNDS.length + binOf(age);
    pool.alike[index]!.reached[at]!++;
    if (invoked) pool.alike[index]!.ended[at]!++;
  }
  pool.reached[binOf(age)]!++;
  if (invoked) {
    pool.ended[binOf(age)]!++;
    pool.ofHour[minute % 60]!++;
  }
  unit.rate += RATE_SHARE * ((invoked ? 1 : 0) - unit.rate);
  unit.minutes++;
  for (const [index, share] of SLOW_SHARES.entries()) unit.slowRates[index]! += Math.max(share, 1 / unit.minutes) * ((invoked ? 1 : 0) - unit.slowRates[index]!);
  setBit(unit, minute, invoked);
  if (!invoked) return;
  if (unit.gaps.size >= MOST_GAPS && !unit.gaps.has(age)) halve(unit.gaps);
  unit.gaps.set(age, (unit.gaps.get(age) ?? 0) + 1);
  unit.recent.push(age);
  if (unit.recent.length > 3) unit.recent.shift();
  unit.count++;
  unit.lastMinute = minute;
}

/** What was rare is forgotten. */
function halve(gaps: Map<number, number>): void {
  for (const [minutes, count] of gaps) {
    if (count <= 1) gaps.delete(minutes);
    else gaps.set(minutes, count / 2);
  }
  if (gaps.size >= MOST_GAPS) gaps.clear();
}

/** The chance at this age of those alike: what follows on a short idle time is another matter than what follows on a long one. Few of them say no more than all do, and of the first day none. */
function ofAlike(unit: Unit, { alike, minutes }: Pool, { age, common }: { age: number; common: number }): number[] {
  if (minutes < DAY_MINUTES) return [0, 0, 0];
  return classesOf(unit).map((place, index) => {
    const at = place * BOUNDS.length + binOf(age);
    const { ended, reached } = alike[index]!;
    return logit(Math.max(LEAST_CHANCE, Math.min(0.9, (ended[at]! + FEW * common) / (reached[at]! + FEW))));
  });
}

/** Of each of the pool's histograms of those alike: which of its classes the unit is of. Idle times and rates are in equal steps of their logarithms, up to a day and to one in four minutes. */
function classesOf({ recent, count, minutes }: Unit): [number, number, number] {
  const idle = classOf(Math.log2(recent.at(-1) ?? Infinity) / 1.5);
  const often = classOf(Math.log2((2_000 * count) / minutes) / 1.2);
  return [idle, often, idle * CLASSES + often];
}

function classOf(value: number): number {
  return Math.max(0, Math.min(CLASSES - 1, Math.floor(value)));
}

/** How much more than usual is invoked in this minute of an hour: a logarithm. */
function strikes({ ofHour }: Pool, minute: number): number {
  const mean = ofHour.reduce((sum, each) => sum + each, 0) / 60;
  return Math.max(-2, Math.min(2, Math.log((ofHour[minute % 60]! + 5) / (mean + 5))));
}

function binOf(age: number): number {
  let bin = 0;
  while (BOUNDS[bin]! < age) bin++;
  return bin;
}

function logit(chance: number): number {
  return Math.log(chance / (1 - chance));
}

function setBit(unit: Unit, minute: number, value: boolean): void {
  const at = minute % DAY_MINUTES;
  const mask = 1 << (at & 7);
  if (value) unit.day[at >> 3]! |= mask;
  else unit.day[at >> 3]! &= ~mask;
}

/** Was it invoked so many minutes before? A day ago is the bit that this minute takes the place of. */
function hasBit(unit: Unit, minute: number, ago: number): boolean {
  const at = (minute - ago) % DAY_MINUTES;
  return at >= 0 && (unit.day[at >> 3]! & (1 << (at & 7))) !== 0;
}
