/** Policies that keep units warm: what is in use, and our own. */
import { KeepAlive, type KeepAliveOptions } from '../../base/keep-alive/keep-alive.ts';
import type { UnitFacts } from '../../base/keep-alive/features.ts';

/** Told of the invocations of a minute, then asked who is to be warm in the next. */
export interface KeepAlivePolicy {
  invoked(id: string, minute: number, facts: UnitFacts): void;
  next(minute: number): Set<string>;
}

export function fixed(minutes: number): KeepAlivePolicy {
  return byAge(() => ({ from: 1, to: minutes }), () => undefined);
}

export function learned(options: KeepAliveOptions = {}): KeepAlivePolicy {
  return new KeepAlive(options);
}

const RANGE_MINUTES = 240;
const LEAST_IDLE_TIMES = 5;
const LEAST_VARIATION = 2;
const MARGIN = 0.1;

/**
 * The hybrid histogram policy: a histogram of idle times up to four hours for each unit; where it says something, the unit is loaded before the 5th percentile and kept to the
 * 99th, with margins of a tenth; else it is kept for the whole range. Source: Shahrad et al., Serverless in the Wild, USENIX ATC 2020, section 4.2 (without its ARIMA, which is for
 * idle times beyond the range).
 */
export function hybridHistogram(): KeepAlivePolicy {
  const histograms = new Map<string, { bins: Float64Array; within: number; beyond: number; window: { from: number; to: number } }>();
  const whole = { from: 1, to: RANGE_MINUTES };
  return byAge((id) => histograms.get(id)?.window ?? whole, (id, idleMinutes) => {
    const own = histograms.get(id) ?? { bins: new Float64Array(RANGE_MINUTES + 1), within: 0, beyond: 0, window: whole };
    histograms.set(id, own);
    if (idleMinutes > RANGE_MINUTES) own.beyond++;
    else {
      own.bins[idleMinutes]!++;
      own.within++;
    }
    own.window = windowOf(own.bins, own.within, own.beyond) ?? whole;
  });
}

function windowOf(bins: Float64Array, within: number, beyond: number): { from: number; to: number } | undefined {
  if (within + beyond < LEAST_IDLE_TIMES || beyond > within) return undefined;
  const mean = within / bins.length;
  const deviation = Math.sqrt(bins.reduce((sum, count) => sum + (count - mean) ** 2, 0) / bins.length);
  if (deviation / mean < LEAST_VARIATION) return undefined;
  let [sum, head, tail] = [0, -1, -1];
  for (const [minutes, count] of bins.entries()) {
    sum += count;
    if (head < 0 && sum >= 0.05 * within) head = minutes;
    if (tail < 0 && sum >= 0.99 * within) tail = minutes;
  }
  return { from: Math.max(1, Math.floor(head * (1 - MARGIN))), to: Math.ceil(tail * (1 + MARGIN)) };
}

/** Warm while the minutes since the last invocation are within a window. */
function byAge(windowOfUnit: (id: string) => { from: number; to: number }, idle: (id: string, minutes: number) => void): KeepAlivePolicy {
  const last = new Map<string, number>();
  return {
    invoked(id, minute) {
      const before = last.get(id);
      if (before !== undefined && before < minute) idle(id, minute - before);
      last.set(id, minute);
    },
    next(minute) {
      const warm = new Set<string>();
      for (const [id, at] of last) {
        const { from, to } = windowOfUnit(id);
        if (minute + 1 - at >= from && minute + 1 - at <= to) warm.add(id);
      }
      return warm;
    },
  };
}
