import assert from 'node:assert/strict';
import { it } from 'node:test';
import { QuotaNode, type QuotaOptions } from './quota-tree.ts';

const node = (name: string, nominal: number, more: Partial<QuotaOptions> & { borrow?: number; lend?: number } = {}): QuotaNode =>
  new QuotaNode({ name, nominal: [nominal], borrowingLimit: [more.borrow ?? Infinity], lendingLimit: [more.lend ?? Infinity], ...(more.parent !== undefined && { parent: more.parent }) });

it('without a cohort there is what is its own', () => {
  const alone = node('alone', 10);
  alone.take(0, 4);
  assert.deepEqual([alone.available(0), alone.potential(0), alone.isBorrowing(0, 7)], [6, 10, false]);
});

it('queues of a cohort borrow what others leave, within their limits', () => {
  const cohort = node('cohort', 0);
  const [a, b] = [node('a', 10, { parent: cohort, borrow: 3 }), node('b', 10, { parent: cohort })];
  assert.deepEqual([a.available(0), b.available(0), a.potential(0), b.potential(0)], [13, 20, 13, 20]);
  b.take(0, 15);
  assert.deepEqual([a.available(0), b.available(0), a.unborrowed(0), b.isBorrowing(0)], [5, 5, 5, true]);
  a.take(0, 5);
  b.take(0, -15);
  assert.deepEqual([a.available(0), b.available(0)], [8, 15]);
});

it('what is not lent is nobody else\'s', () => {
  const cohort = node('cohort', 0);
  const [a, b] = [node('a', 10, { parent: cohort, lend: 4 }), node('b', 10, { parent: cohort })];
  assert.deepEqual([a.available(0), b.available(0)], [20, 14]);
  b.take(0, 14);
  assert.deepEqual([a.available(0), b.available(0)], [6, 0]);
  a.take(0, 6);
  assert.equal(a.available(0), 0);
});

it('cohorts of cohorts have quota and limits of their own', () => {
  const root = node('root', 5);
  const [left, right] = [node('left', 0, { parent: root, borrow: 6, lend: 2 }), node('right', 0, { parent: root })];
  const [a, b] = [node('a', 10, { parent: left }), node('b', 10, { parent: right })];
  assert.deepEqual([a.available(0), b.available(0)], [16, 17]);
  a.take(0, 16);
  assert.deepEqual([a.available(0), b.available(0)], [0, 9]);
  a.take(0, -16);
  assert.deepEqual([a.available(0), b.available(0)], [16, 17]);
});

it('shares: of what could be lent, the most of any resource, for the weight', () => {
  const tree = (weight: number): QuotaNode => {
    const cohort = new QuotaNode({ name: 'cohort', nominal: [0, 0, 0], borrowingLimit: [Infinity, Infinity, Infinity], lendingLimit: [Infinity, Infinity, Infinity] });
    const member = (nominal: number[], own = 1): QuotaNode => new QuotaNode({ name: 'q', parent: cohort, nominal, borrowingLimit: [Infinity, Infinity, Infinity], lendingLimit: [Infinity, Infinity, Infinity], weight: own });
    member([10, 6, 100]);
    return member([2, 2, 0], weight);
  };
  // cpu of two flavors, and memory.
  const resources = [[0, 1], [2]];
  const taking = (node: QuotaNode, ...amounts: number[]): number => {
    for (const [index, amount] of amounts.entries()) node.take(index, amount);
    return node.share(resources);
  };
  assert.deepEqual([taking(tree(1), 2, 2), taking(tree(1), 4, 5), taking(tree(1), 4, 5, 50), taking(tree(2), 4, 5, 50), taking(tree(0), 1), taking(tree(0), 3)], [0, 0.25, 0.5, 0.25, 0, Infinity]);
});
