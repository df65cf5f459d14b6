/** Runs a keep-alive policy over recorded invocations, a minute at a time. */
import type { KeepAlivePolicy } from './policies.ts';
import type { InvocationTrace } from './trace.ts';

export interface KeepAliveRun {
  /** Invoked while not warm; the first of a unit, which no policy can know of, is not counted. */
  readonly coldStarts: number;
  readonly firstStarts: number;
  readonly invokedMinutes: number;
  /** Warm and not invoked. */
  readonly idleMinutes: number;
  readonly idleMemoryMiBMinutes: number;
  /** Of three of four units at most: cold starts over invocations (in minutes), the first left out; and with the first. */
  readonly rate75: number;
  readonly rate75WithFirst: number;
  readonly wallMs: number;
}

const USUAL_MEMORY_MIB = 128;

/** An invocation takes no time: what is warm in a minute without one is idle. */
export function simulateKeepAlive({ units, minutes }: InvocationTrace, policy: KeepAlivePolicy): KeepAliveRun {
  const beganMs = performance.now();
  const byMinute = Array.from({ length: minutes }, (): number[] => []);
  for (const [index, unit] of units.entries()) for (const minute of unit.minutes) byMinute[minute]!.push(index);
  const indexes = new Map(units.map(({ id }, index) => [id, index]));
  const [seen, cold] = [new Uint8Array(units.length), new Uint32Array(units.length)];
  let [idleMinutes, idleMemoryMiBMinutes, warm] = [0, 0, new Set<string>()];
  for (let minute = 0; minute < minutes; minute++) {
    for (const index of byMinute[minute]!) {
      const { id, facts } = units[index]!;
      if (!warm.delete(id) && seen[index] === 1) cold[index]!++;
      seen[index] = 1;
      policy.invoked(id, minute, facts);
    }
    for (const id of warm) {
      idleMinutes++;
      idleMemoryMiBMinutes += units[indexes.get(id)!]!.facts.memoryMiB ?? USUAL_MEMORY_MIB;
    }
    warm = policy.next(minute);
  }
  const rate = (first: number): number => {
    const rates = units.map((unit, index) => (cold[index]! + first) / Math.max(1, unit.minutes.length - 1 + first)).sort((one, other) => one - other);
    return rates[Math.ceil(0.75 * rates.length) - 1] ?? 0;
  };
  return {
    coldStarts: cold.reduce((sum, each) => sum + each, 0), firstStarts: units.length, invokedMinutes: units.reduce((sum, unit) => sum + unit.minutes.length, 0), idleMinutes, idleMemoryMiBMinutes,
    rate75: rate(0), rate75WithFirst: rate(1), wallMs: performance.now() - beganMs,
  };
}
