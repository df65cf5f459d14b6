import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SetDemand } from './quota-room.ts';
import { TopologyUse, type Leaf, type TopologyFlavor } from './topology-use.ts';

const leaf = (values: string[], nodes: string[], cpu = 4_000 * nodes.length): Leaf => ({ values, nodes, free: new Map([['cpu', cpu], ['pods', 100]]) });
const flavorOf = (leaves: Leaf[]): TopologyFlavor => ({ topology: 't', levels: ['rack'], told: 1, leaves });
const pods = (count: number): SetDemand => ({ name: 'main', count, perPod: new Map([['cpu', 1_000]]) });

describe('nodes of several flavors', () => {
  // Both have the node b.
  const flavors: Record<string, TopologyFlavor> = { day: flavorOf([leaf(['r1'], ['a', 'b'])]), night: flavorOf([leaf(['r1'], ['b']), leaf(['r2'], ['c'])]) };
  const fits = (use: TopologyUse, flavor: string, count: number): boolean => typeof use.assign(flavor, [pods(count)], []) === 'object';
  const taking = (use: TopologyUse, flavor: string, count: number) => {
    const found = use.assign(flavor, [pods(count)], []);
    assert.ok(typeof found === 'object');
    const sets = [{ name: 'main', count, flavors: new Map(), usage: new Map(), topology: found[0]! }];
    use.take(sets);
    return sets;
  };

  it('are not given twice', () => {
    const use = new TopologyUse((name) => flavors[name]);
    assert.ok(fits(use, 'night', 8));
    const taken = taking(use, 'day', 3);
    assert.deepEqual([fits(use, 'day', 5), fits(use, 'day', 6), fits(use, 'night', 5), fits(use, 'night', 6)], [true, false, true, false]);
    assert.ok(use.has(taken));
    use.give(taken);
    assert.ok(fits(use, 'night', 8));
  });

  it('nor held by both', () => {
    const use = new TopologyUse((name) => flavors[name]);
    const night = use.assign('night', [pods(4)], []);
    taking(use, 'day', 8);
    assert.ok(typeof night === 'object');
    const at = (rack: string) => [{ name: 'main', count: 4, flavors: new Map(), usage: new Map(), topology: { ...night[0]!, domains: [{ values: [rack], count: 4 }] } }];
    assert.deepEqual([use.has(at('r1')), use.has(at('r2'))], [false, true]);
  });
});
