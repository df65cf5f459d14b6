import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPrice, PRICES, type Search } from './price-search.ts';
import type { Tally } from './shadow.ts';

const tally = (violated: number, replicas: number): Tally => ({ violated, replicas, changes: 0 });
/** Each price has half of the violations of the one before, and a replica more. */
const falling = PRICES.map((_, index) => tally(0.064 / 2 ** index, 20 + index));

function find(tallies: readonly Tally[], more: Partial<Search> = {}): ReturnType<typeof findPrice> {
  const own = more.own ?? more.careful ?? tally(0.004, 24);
  return findPrice(tallies, { floor: tally(0.03, 30), careful: tally(0.004, 40), own, hindsightReplicas: 30, meanNeed: 20, steps: 100_000, ...more });
}

const near = (price: number, expected: number): void => assert.ok(Math.abs(price / expected - 1) < 0.02, `${price}, not ${expected}`);

describe('the price', () => {
  it('is the one that has too few as seldom as the careful one', () => near(find(falling, { own: tally(0.004, 24) }).price, PRICES[4]));
  it('or as is asked for, whatever it costs', () => {
    near(find(falling, { underProvisioned: 0.016, own: tally(0.016, 22) }).price, PRICES[2]);
    near(find(falling, { underProvisioned: 0.0005, own: tally(0.0005, 27), floor: tally(0.03, 20), hindsightReplicas: 18 }).price, PRICES[7]);
  });
  it('is no dearer than a little more than the floor, nor than who knew the load', () => {
    assert.ok(find(falling, { own: tally(0.03, 21), floor: tally(0.03, 22) }).price < PRICES[3]);
    assert.ok(find(falling, { own: tally(0.03, 21), hindsightReplicas: 20 }).price < PRICES[3]);
  });
  it('buys nothing where nothing is to be had: what nobody foresees stays, at any price', () => {
    const surprises = PRICES.map((_, index) => tally(Math.max(0.001, 0.064 / 4 ** index), 20 + index / 2));
    const { price } = find(surprises, { careful: tally(0, 40), own: tally(0.001, 21.5) });
    near(price, PRICES[3]);
    near(find(surprises, { underProvisioned: 0, own: tally(0.001, 21.5) }).price, PRICES[7] * 8);
  });
  it('is higher where the decisions that count have too few more often, and lower where they are dear', () => {
    near(find(falling, { own: tally(0.006, 24) }).price, 1.5 * PRICES[4]);
    near(find(falling, { own: tally(0.4, 24) }).price, 2 * PRICES[4]);
    const dear = find(falling, { own: tally(0.004, 33) });
    assert.ok(dear.isDear && dear.price < PRICES[4] / 1.5);
  });
  it('is trusted where it would have done no worse than the floor', () => {
    assert.equal(find(falling).isTrusted, true);
    assert.equal(find(PRICES.map(() => tally(0.05, 25))).isTrusted, false);
    assert.equal(find(PRICES.map(() => tally(0.004, 32))).isTrusted, false);
  });
});
