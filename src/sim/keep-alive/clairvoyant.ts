/**
 * The bound of what keeps units: one who knows when each is invoked next, and keeps the shortest idle times whole and the others not at all. It does not load before an invocation,
 * since who knows its minute needs no memory at all for that.
 */
import type { KeepAlivePolicy } from './policies.ts';
import type { InvocationTrace } from './trace.ts';

interface Gap { readonly key: string; readonly idle: number }

/** `idleMinutes`: all that it may keep idle. `rate75`: or the least that it takes for three of four units to start cold in no more than that part of their invoked minutes. */
export function clairvoyant({ units }: InvocationTrace, wanted: { readonly idleMinutes: number } | { readonly rate75: number }): KeepAlivePolicy {
  const gaps = units.map(({ id, minutes }) => minutes.slice(1).map((minute, index): Gap => ({ key: keyOf(id, minutes[index]!), idle: minute - minutes[index]! - 1 })).sort(shortest));
  const kept = new Set(('rate75' in wanted ? ofThreeInFour(gaps, wanted.rate75) : within(gaps.flat().sort(shortest), wanted.idleMinutes)).map(({ key }) => key));
  const warm = new Set<string>();
  return {
    invoked(id, minute) {
      if (kept.has(keyOf(id, minute))) warm.add(id);
      else warm.delete(id);
    },
    next: () => new Set(warm),
  };
}

function within(gaps: readonly Gap[], mostIdle: number): readonly Gap[] {
  let [idle, count] = [0, 0];
  while (count < gaps.length && idle + gaps[count]!.idle <= mostIdle) idle += gaps[count++]!.idle;
  return gaps.slice(0, count);
}

/** The units that take the least for it. */
function ofThreeInFour(gaps: readonly (readonly Gap[])[], rate: number): readonly Gap[] {
  const needed = gaps.map((each) => each.slice(0, Math.ceil((1 - rate) * each.length - 1e-9)));
  const idleOf = (each: readonly Gap[]): number => each.reduce((sum, { idle }) => sum + idle, 0);
  return needed.toSorted((one, other) => idleOf(one) - idleOf(other)).slice(0, Math.ceil(0.75 * needed.length)).flat();
}

function shortest(one: Gap, other: Gap): number {
  return one.idle - other.idle;
}

function keyOf(id: string, minute: number): string {
  return `${id} ${minute}`;
}
