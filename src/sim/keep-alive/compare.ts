/** Keep-alive policies on one trace. */
import { clairvoyant } from './clairvoyant.ts';
import { fixed, hybridHistogram, learned, type KeepAlivePolicy } from './policies.ts';
import { simulateKeepAlive, type KeepAliveRun } from './simulate.ts';
import type { InvocationTrace } from './trace.ts';
import { worthOf } from './worth.ts';

/** What a minute is worth, for the frontier of our own policy. */
const PRICES = [0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.05];

export const KEEP_ALIVE_POLICIES: Readonly<Record<string, (trace: InvocationTrace) => KeepAlivePolicy>> = {
  ...Object.fromEntries([5, 10, 20, 30, 60, 120].map((minutes) => [`fixed-${minutes}`, () => fixed(minutes)])),
  'hybrid-histogram': hybridHistogram,
  'clairvoyant-at-fixed-10': (trace) => clairvoyant(trace, { idleMinutes: simulateKeepAlive(trace, fixed(10)).idleMinutes }),
  'clairvoyant-rate-75': (trace) => clairvoyant(trace, { rate75: 0.15 }),
  learned: () => learned(),
  ...Object.fromEntries(PRICES.map((price) => [`learned-at-${price}`, () => learned({ price })])),
  'learned-at-idle-of-fixed-10': (trace) => learned({ price: worthOf(trace, { idleMinutes: simulateKeepAlive(trace, fixed(10)).idleMinutes }) }),
  'learned-at-starts-of-hybrid': (trace) => learned({ price: worthOf(trace, { coldStarts: simulateKeepAlive(trace, hybridHistogram()).coldStarts }) }),
};

export interface KeepAliveComparison {
  readonly policy: string;
  readonly run: KeepAliveRun;
}

/** Throws an Error that lists the names when one is unknown. */
export function compareKeepAlive(trace: InvocationTrace, names: readonly string[]): KeepAliveComparison[] {
  return names.map((name) => {
    const create = KEEP_ALIVE_POLICIES[name];
    if (create === undefined) throw new Error(`there is no policy '${name}'; there are ${Object.keys(KEEP_ALIVE_POLICIES).join(', ')}`);
    return { policy: name, run: simulateKeepAlive(trace, create(trace)) };
  });
}

/** `of` of our own policy where its `at` is that of another, between its prices; undefined where it is nowhere. */
export function learnedWhere(comparisons: readonly KeepAliveComparison[], at: keyof KeepAliveRun, value: number, of: keyof KeepAliveRun): number | undefined {
  const own = comparisons.filter(({ policy }) => policy.startsWith('learned-at-')).map(({ run }) => run).toSorted((one, other) => one[at] - other[at]);
  const after = own.findIndex((run) => run[at] >= value);
  if (after <= 0) return undefined;
  const [low, high] = [own[after - 1]!, own[after]!];
  const part = high[at] === low[at] ? 0 : (value - low[at]) / (high[at] - low[at]);
  return low[of] + part * (high[of] - low[of]);
}
