/**
 * Loads of our own making, of many shapes: what recorded ones may not show. None is like another, each has a seed that was chosen before anybody looked, and no policy knows of
 * them. The same name gives the same load.
 */
import { generator, normal } from '../random.ts';
import { scaled, STEP_SECONDS, type LoadTrace } from './trace.ts';

const DAY_MINUTES = 1_440;
const MINUTE_STEPS = 60 / STEP_SECONDS;
const START_MS = Date.UTC(2024, 0, 1);
const USUAL_DAYS = 14;

/** What is asked for in a minute, in any unit. */
type Shape = (random: () => number, days: number) => (minute: number) => number;

export const SHAPES: Readonly<Record<string, Shape>> = {
  /** Two peaks on working days, little at nights and weekends. */
  office: (random) => (minute) => {
    const at = hour(minute);
    return (0.1 + (isWeekend(minute) ? 0.25 : 1) * (peak(at, 10, 2) + 0.8 * peak(at, 15, 2.2))) * noise(random, 0.06);
  },
  /** Evenings, more so at the end of the week. */
  evening: (random) => (minute) => (0.3 + (1 + 0.15 * (Math.floor(minute / DAY_MINUTES) % 7)) * peak(hour(minute), 20.5, 3)) * noise(random, 0.08),
  /** A service that becomes three times as big. */
  growth: (random, days) => (minute) => (1 + 0.5 * wave(minute, 14)) * 3 ** (minute / (days * DAY_MINUTES)) * noise(random, 0.05),
  /** Flat, with a burst of a few minutes some times a day. */
  bursts: (random) => {
    let burst = 0;
    return () => {
      burst = random() < 1 / 240 ? 0.5 + 2.5 * random() : burst * 0.85;
      return (1 + burst) * noise(random, 0.1);
    };
  },
  /** A few times a week five to twenty times the load comes within two minutes, and goes in half an hour. */
  'flash-crowds': (random) => {
    let [crowd, wanted] = [0, 0];
    return (minute) => {
      if (random() < 1 / (2.5 * DAY_MINUTES)) wanted = 5 + 15 * random();
      crowd = wanted > crowd ? Math.min(wanted, crowd + wanted / 2) : crowd * 0.93;
      if (crowd >= wanted) wanted = 0;
      return (1 + 0.3 * wave(minute, 15) + crowd) * noise(random, 0.08);
    };
  },
  /** Work that is there or not, for minutes to hours. */
  'on-off': (random) => {
    let [on, until] = [false, 0];
    return (minute) => {
      if (minute >= until) [on, until] = [!on, minute + 10 + Math.round(-60 * Math.log(1 - random()))];
      return (on ? 1 : 0.1) * noise(random, 0.07);
    };
  },
  /** Every minute is another, and some are many times the others. */
  'heavy-tailed': (random) => {
    let level = 0;
    return (minute) => {
      level = 0.9 * level + 0.25 * normal(random);
      return (1 + 0.4 * wave(minute, 13)) * Math.exp(level) * (random() < 0.01 ? (1 - random()) ** -0.6 : 1);
    };
  },
  /** Another level, and another cycle, every few hours. */
  regimes: (random) => {
    let [level, cycle, until] = [1, 0.3, 0];
    return (minute) => {
      if (minute >= until) [level, cycle, until] = [2.5 ** (2 * random() - 1), 0.6 * random(), minute + Math.round(-400 * Math.log(1 - random()))];
      return level * (1 + cycle * wave(minute, 12)) * noise(random, 0.06);
    };
  },
  /** It goes up and down, and nobody knows why. */
  wandering: (random) => {
    let level = 0;
    return () => {
      level += 0.02 * normal(random) - 0.0006 * level;
      return Math.exp(level) * noise(random, 0.04);
    };
  },
  /** Few requests, each of which counts: the noise of numbers. */
  counts: (random) => (minute) => poisson(random, 12 * (1 + 0.7 * wave(minute, 15))),
  /** What starts with the hour, and a little with the half. */
  clockwork: (random) => (minute) => {
    const past = minute % 60;
    return (1 + 0.4 * wave(minute, 14) + 1.5 * Math.exp(-past / 4) + (past >= 30 ? 0.5 * Math.exp(-(past - 30) / 3) : 0)) * noise(random, 0.06);
  },
  /** Two quick days and nights of customers in several parts of the world, and holidays. */
  worldwide: (random, days) => {
    const holiday = Math.floor(random() * days);
    return (minute) => (Math.floor(minute / DAY_MINUTES) === holiday ? 0.5 : 1) * (1 + 0.5 * wave(minute, 9) + 0.4 * wave(minute, 15) ** 3 + 0.3 * wave(minute, 3) ** 2) * noise(random, 0.05);
  },
};

/** Throws an Error that lists the names when one is unknown. `half` has a seed of its own: 0 to try things on, 1 to judge. */
export function shapedLoad(name: string, { half = 0, days = USUAL_DAYS }: { half?: 0 | 1; days?: number } = {}): LoadTrace {
  const shape = SHAPES[name];
  if (shape === undefined) throw new Error(`there is no shape '${name}'; there are ${Object.keys(SHAPES).join(', ')}`);
  const at = shape(generator(1_000 * (Object.keys(SHAPES).indexOf(name) + 1) + half), days);
  const byMinute = Array.from({ length: days * DAY_MINUTES + 1 }, (_, minute) => Math.max(0, at(minute)));
  const load = Float64Array.from({ length: days * DAY_MINUTES * MINUTE_STEPS }, (_, step) => {
    const [minute, part] = [Math.floor(step / MINUTE_STEPS), (step % MINUTE_STEPS) / MINUTE_STEPS];
    return byMinute[minute]! * (1 - part) + byMinute[minute + 1]! * part;
  });
  return { name: `shape-${name}-${half}`, startMs: START_MS, load: scaled(load) };
}

function hour(minute: number): number {
  return (minute % DAY_MINUTES) / 60;
}

function isWeekend(minute: number): boolean {
  return Math.floor(minute / DAY_MINUTES) % 7 >= 5;
}

/** 1 at its hour, nothing some hours off. */
function peak(at: number, middle: number, width: number): number {
  const off = Math.abs(((at - middle + 36) % 24) - 12);
  return Math.exp(-0.5 * (off / width) ** 2);
}

/** A day's, with its top at an hour. */
function wave(minute: number, top: number): number {
  return Math.cos(((hour(minute) - top) / 24) * 2 * Math.PI);
}

function noise(random: () => number, share: number): number {
  return 1 + share * normal(random);
}

/** By Knuth's method: for means that are small. */
function poisson(random: () => number, mean: number): number {
  let [count, product] = [0, random()];
  for (const least = Math.exp(-mean); product > least; product *= random()) count++;
  return count;
}
