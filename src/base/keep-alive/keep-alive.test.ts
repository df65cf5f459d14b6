import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeepAlive } from './keep-alive.ts';

const DAY = 1_440;

/** Runs units that are invoked by a rule, and gives cold starts (beyond the first) and idle minutes of the second half. */
function run(policy: KeepAlive, units: Readonly<Record<string, (minute: number) => boolean>>, minutes: number): Record<string, { cold: number; idle: number }> {
  const tallies = Object.fromEntries(Object.keys(units).map((id) => [id, { cold: 0, idle: 0 }]));
  let warm = new Set<string>();
  for (let minute = 0; minute < minutes; minute++) {
    for (const [id, rule] of Object.entries(units)) {
      const tally = tallies[id]!;
      if (rule(minute)) {
        if (!warm.has(id) && minute >= minutes / 2) tally.cold++;
        policy.invoked(id, minute, { trigger: id.startsWith('timer') ? 'timer' : 'http' });
      } else if (warm.has(id) && minute >= minutes / 2) tally.idle++;
    }
    warm = policy.next(minute);
  }
  return tallies;
}

const timers = { 'timer-30': (minute: number): boolean => minute % 30 === 7, 'timer-60': (minute: number): boolean => minute % 60 === 0, 'timer-15': (minute: number): boolean => minute % 15 === 3 };

describe('keeping units warm', () => {
  it('what is asked for at random but often is kept for longer than what is seldom asked for', () => {
    let seed = 7;
    const next = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const often = Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`often-${index}`, (): boolean => next() < 1 / 40]));
    const seldom = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`seldom-${index}`, (): boolean => next() < 1 / 1_500]));
    const tallies = run(new KeepAlive({ price: 0.008 }), { ...often, ...seldom }, 4 * DAY);
    const of = (prefix: string, key: 'cold' | 'idle'): number => Object.entries(tallies).reduce((sum, [id, each]) => sum + (id.startsWith(prefix) ? each[key] : 0), 0);
    // One in forty minutes for four units over two days are 288 invocations; twelve seldom ones have 34560 minutes.
    assert.ok(of('often', 'cold') < 60 && of('seldom', 'idle') < 7_000, JSON.stringify(tallies));
  });
  it('what comes by the clock is loaded just before, and not kept', () => {
    for (const { cold, idle } of Object.values(run(new KeepAlive({ price: 0.02 }), timers, 2 * DAY))) {
      assert.equal(cold, 0);
      assert.ok(idle < 0.1 * DAY, `${idle}`);
    }
  });
  it('a higher price keeps less, and memory has its price', () => {
    let state = 5;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const arrivals = Array.from({ length: 2 * DAY }, () => random() < 0.05);
    const idleAt = (price: number, memoryMiB = 128): number => {
      const policy = new KeepAlive({ price });
      let [idle, warm] = [0, new Set<string>()];
      for (const [minute, invoked] of arrivals.entries()) {
        if (invoked) policy.invoked('http-1', minute, { memoryMiB });
        else if (warm.has('http-1')) idle++;
        if (minute % 2 === 0) policy.invoked('small', minute, { memoryMiB: 64 });
        warm = policy.next(minute);
      }
      return idle;
    };
    assert.ok(idleAt(0.001) > 2 * idleAt(0.2), `${idleAt(0.001)}, ${idleAt(0.2)}`);
    assert.ok(idleAt(0.03) > idleAt(0.03, 4_096));
  });
  it('spends what a fixed keep-alive would', () => {
    let state = 9;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const units = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`http-${index}`, () => random() < 0.004 * (1 + index)]));
    const policy = new KeepAlive({ asFixedMinutes: 10 });
    const last = new Map<string, number>();
    let [own, fixed, warm] = [0, 0, new Set<string>()];
    for (let minute = 0; minute < 3 * DAY; minute++) {
      for (const [id, rule] of Object.entries(units)) {
        if (rule()) {
          policy.invoked(id, minute);
          last.set(id, minute);
          continue;
        }
        if (minute < DAY) continue;
        if (warm.has(id)) own++;
        if (minute - (last.get(id) ?? -Infinity) <= 10) fixed++;
      }
      warm = policy.next(minute);
    }
    assert.ok(own < 1.15 * fixed && own > 0.85 * fixed, `${own} of ${fixed}`);
  });
  it('what is forgotten is not warm', () => {
    const policy = new KeepAlive({ price: 1e-4 });
    policy.invoked('a', 0);
    assert.deepEqual([...policy.next(0)], ['a']);
    policy.forget('a');
    assert.deepEqual([...policy.next(1)], []);
  });
});
