/**
 * The worth of a minute at which our own policy has as many cold starts as another, or as many idle minutes, so that the two can be compared at one of these without
 * interpolating: what one of them is over the other bends, and a straight line between two worths lies on its far side.
 */
import { learned } from './policies.ts';
import { simulateKeepAlive } from './simulate.ts';
import type { InvocationTrace } from './trace.ts';

/** Cold starts grow with the worth, idle minutes fall. */
type Wanted = { readonly coldStarts: number } | { readonly idleMinutes: number };

const [LEAST_WORTH, MOST_WORTH] = [5e-4, 0.1];
const MOST_STEPS = 10;
const NEAR = 0.005;

/** At most what is wanted, where any worth gives that: the logarithms of both are nearly in proportion, so it is sought between the nearest worths on both sides. */
export function worthOf(trace: InvocationTrace, wanted: Wanted): number {
  const [key, value] = 'coldStarts' in wanted ? (['coldStarts', wanted.coldStarts] as const) : (['idleMinutes', wanted.idleMinutes] as const);
  const at = (worth: number): Tried => ({ worth, over: Math.log((simulateKeepAlive(trace, learned({ price: worth }))[key] + 1) / (value + 1)) });
  let [kept, passed] = (key === 'coldStarts' ? [at(LEAST_WORTH), at(MOST_WORTH)] : [at(MOST_WORTH), at(LEAST_WORTH)]) as [Tried, Tried];
  for (let step = 0; step < MOST_STEPS && kept.over < -NEAR && passed.over > 0; step++) {
    const part = Math.max(0.05, Math.min(0.95, kept.over / (kept.over - passed.over)));
    const tried = at(kept.worth ** (1 - part) * passed.worth ** part);
    if (tried.over > 0) passed = tried;
    else kept = tried;
  }
  return kept.worth;
}

interface Tried { readonly worth: number; readonly over: number }
