import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assignDomains, type TopologyRequest } from './domains.ts';

const LEVELS = ['block', 'rack', 'host'];
/** Two blocks of two racks; room for so many pods on each of their hosts. */
const hosts = (rooms: Readonly<Record<string, number>>) => Object.entries(rooms).map(([path, count]) => ({ values: path.split('/'), count }));
const CLUSTER = hosts({ 'b1/r1/x1': 2, 'b1/r1/x2': 1, 'b1/r2/x3': 2, 'b1/r2/x4': 2, 'b2/r1/x5': 4, 'b2/r3/x6': 1 });
const told = (found: ReturnType<typeof assignDomains>): string => ('fits' in found ? `room for ${found.fits}` : found.map(({ values, count }) => `${values.at(-1)}:${count}`).join(' '));

const CASES: readonly [what: string, TopologyRequest, pods: number, expected: string][] = [
  ['one host, the fullest that will do', { mode: 'required', level: 'host' }, 2, 'x1:2'],
  ['no host has room for all', { mode: 'required', level: 'host' }, 5, 'room for 4'],
  ['one rack, the fullest that will do, over few of its hosts', { mode: 'required', level: 'rack' }, 3, 'x1:2 x2:1'],
  ['racks of one name in two blocks are two', { mode: 'required', level: 'rack' }, 5, 'room for 4'],
  ['one block', { mode: 'required', level: 'block' }, 5, 'x5:4 x6:1'],
  ['a larger one, over as few racks as will do', { mode: 'required', level: 'block' }, 6, 'x1:2 x3:2 x4:2'],
  ['rather in one host', { mode: 'preferred', level: 'host' }, 4, 'x5:4'],
  ['else in one rack or block', { mode: 'preferred', level: 'host' }, 5, 'x5:4 x6:1'],
  ['else over all', { mode: 'preferred', level: 'rack' }, 9, 'x1:2 x2:1 x3:2 x4:2 x5:2'],
  ['no more than there is', { mode: 'preferred', level: 'rack' }, 13, 'room for 12'],
  ['anywhere: few hosts', { mode: 'unconstrained' }, 5, 'x2:1 x5:4'],
  ['anywhere: no more than there is', { mode: 'unconstrained' }, 13, 'room for 12'],
];
for (const [what, request, pods, expected] of CASES) {
  it(what, () => {
    const found = assignDomains(LEVELS, CLUSTER, request, pods);
    if (!('fits' in found)) assert.equal(found.reduce((sum, { count }) => sum + count, 0), pods);
    assert.equal(told(found), expected);
  });
}
