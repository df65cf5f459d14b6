/**
 * Random runs that can be had again: each prints its seed, and LLMOS_SEED=N runs it with that one. LLMOS_TORTURE=1, which
 * `npm run test:torture` sets, makes every budget the long one.
 */
export interface Random {
  /** 0 <= n < below. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** An independent stream, so that one part's draws do not move another's. */
  fork(): Random;
}

const IS_LONG = process.env['LLMOS_TORTURE'] === '1';

/** The budget of this run: a number of rounds, operations or ms. */
export function budget(quick: number, long: number): number {
  return IS_LONG ? long : quick;
}

/** mulberry32 */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  const int = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  return {
    int,
    chance: (probability) => int(1_000_000) < probability * 1_000_000,
    pick: <T>(list: readonly T[]): T => list[int(list.length)] as T,
    fork: () => randomOf(int(0x7fffffff)),
  };
}

/** Runs a body with a seed, new or that of LLMOS_SEED; what fails says how to have it again. */
export async function withSeed(name: string, body: (random: Random, seed: number) => Promise<void> | void): Promise<void> {
  const given = process.env['LLMOS_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(given);
  console.log(`${name}: seed ${seed}`);
  try {
    await body(randomOf(seed), seed);
  } catch (error) {
    const failure = error as Error;
    failure.message = `${failure.message}\n${name}: have it again with LLMOS_SEED=${seed}${IS_LONG ? ' LLMOS_TORTURE=1' : ''}`;
    throw failure;
  }
}
