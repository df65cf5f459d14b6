/**
 * Series: the last points of one container or of the machine, of bounded number, and the rate between two of them.
 * Cpu in cores = cpu time used between two moments / time between them.
 */
import type { Usage } from './read-usage.ts';

/** At one point every 15 s: five minutes. */
const MOST_POINTS = 20;
/** What a rate is taken over, when there is that much. */
const WINDOW_MS = 10_000;
/** A rate over less is noise. */
const LEAST_WINDOW_MS = 1_000;

export interface Point {
  timeMs: number;
  usage: Usage;
}

export interface Rate {
  timeMs: number;
  windowMs: number;
  /** Billionths of a core. */
  nanoCores: number;
  usage: Usage;
}

export interface Series {
  /** The newest last. The first may be the begin of the container, with nothing used. */
  readonly points: readonly Point[];
  add(point: Point): void;
  /** As add, but takes the place of the newest when that is younger than `everyMs`, so that reading often keeps no more. */
  refresh(point: Point, everyMs: number): void;
  /** Over the last 10 s or more, or since the begin; undefined in the first second. */
  rate(): Rate | undefined;
}

export function series(begin?: Point): Series {
  const points: Point[] = begin === undefined ? [] : [begin];
  const add = (point: Point): void => {
    points.push(point);
    if (points.length > MOST_POINTS) points.shift();
  };
  return {
    points, add,
    refresh(point, everyMs) {
      const before = points.at(-2);
      if (before !== undefined && point.timeMs - before.timeMs < everyMs) points[points.length - 1] = point;
      else add(point);
    },
    rate() {
      const last = points.at(-1);
      if (last === undefined || points.length < 2) return undefined;
      const first = points.findLast((point) => last.timeMs - point.timeMs >= WINDOW_MS) ?? points[0]!;
      const windowMs = last.timeMs - first.timeMs;
      if (windowMs < LEAST_WINDOW_MS) return undefined;
      return { timeMs: last.timeMs, windowMs, nanoCores: Math.max(0, Math.round(((last.usage.cpuNs - first.usage.cpuNs) / windowMs) * 1_000)), usage: last.usage };
    },
  };
}
