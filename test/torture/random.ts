/**
 * Random runs that can be had again: each prints its seed, and LLMOS_SEED=N runs it with that one. LLMOS_TORTURE=1, which
 * `npm run test:torture` sets, makes every budget the long one.
 */
import { randomOf, type Random } from '../../src/api/testing/random.ts';

export { randomOf, type Random };

const IS_LONG = process.env['LLMOS_TORTURE'] === '1';

/** The budget of this run: a number of rounds, operations or ms. */
export function budget(quick: number, long: number): number {
  return IS_LONG ? long : quick;
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
