import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assignLed, type LedCount } from './led-domains.ts';

const LEVELS = ['block', 'rack', 'host'];
/** Of each host: room for those that are led, and, where their leader has room, for how many beside it. */
const hosts = (rooms: Readonly<Record<string, readonly [count: number, besideLeader?: number]>>): LedCount[] => Object.entries(rooms).map(([path, [count, besideLeader]]) => ({ values: path.split('/'), count, besideLeader }));
const told = (found: ReturnType<typeof assignLed>): string => ('fits' in found ? `room for ${found.fits}` : `${found.leader.values.at(-1)} leads ${found.others.map(({ values, count }) => `${values.at(-1)}:${count}`).join(' ')}`);

/** Two racks of a block, and a large one in another. */
const CLUSTER = hosts({ 'b1/r1/x1': [2, 1], 'b1/r1/x2': [1, 0], 'b1/r2/x3': [3, 2], 'b2/r3/x4': [4, 3], 'b2/r3/x5': [2] });

const CASES: readonly [what: string, leaves: LedCount[], mode: 'required' | 'preferred', level: string, count: number, expected: string][] = [
  ['one host, the fullest that will do for both', CLUSTER, 'required', 'host', 2, 'x3 leads x3:2'],
  ['no host for both', CLUSTER, 'required', 'host', 4, 'room for 3'],
  ['one rack: the leader is where the most have room beside it', CLUSTER, 'required', 'rack', 2, 'x1 leads x1:1 x2:1'],
  ['a rack in which the leader has room on one host only', CLUSTER, 'required', 'rack', 5, 'x4 leads x4:3 x5:2'],
  ['no rack', CLUSTER, 'required', 'rack', 6, 'room for 5'],
  ['one block over its racks', CLUSTER, 'required', 'block', 4, 'x3 leads x1:2 x3:2'],
  ['rather one host', CLUSTER, 'preferred', 'host', 3, 'x4 leads x4:3'],
  ['else one rack', CLUSTER, 'preferred', 'host', 4, 'x4 leads x4:3 x5:1'],
  ['else over all', CLUSTER, 'preferred', 'host', 9, 'x4 leads x1:2 x2:1 x3:3 x4:3'],
  ['no more than there is beside a leader', CLUSTER, 'preferred', 'host', 12, 'room for 11'],
  ['the leader has room nowhere', hosts({ 'b1/r1/x1': [4], 'b1/r1/x2': [4] }), 'preferred', 'rack', 2, 'room for 0'],
  ['a leader that takes all of a host', hosts({ 'b1/r1/x1': [4, 0], 'b1/r1/x2': [4, 0], 'b1/r2/x3': [2, 0], 'b1/r2/x4': [2, 0] }), 'required', 'rack', 2, 'x3 leads x4:2'],
  ['not where it would cost those that it leads their room', hosts({ 'b1/r1/x1': [6, 3], 'b1/r1/x2': [2, 2] }), 'required', 'rack', 8, 'x2 leads x1:6 x2:2'],
];
for (const [what, leaves, mode, level, count, expected] of CASES) it(what, () => assert.equal(told(assignLed(LEVELS, leaves, { mode, level }, count)), expected));

it('gives both their place or none, in one domain of the level, and never more than there is room for', () => {
  let seed = 11;
  const random = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  let placed = 0;
  for (let round = 0; round < 4_000; round++) {
    const leaves = hosts(Object.fromEntries(Array.from({ length: 1 + random(10) }, (_, index) => {
      const room = random(6);
      const lost = random(4);
      return [`b${random(2)}/r${random(3)}/x${index}`, lost > room ? [room] : [room, room - lost]] as const;
    })));
    const [at, count] = [random(3), 1 + random(8)];
    const found = assignLed(LEVELS, leaves, { mode: 'required', level: LEVELS[at]! }, count);
    const within = [...Map.groupBy(leaves, ({ values }) => values.slice(0, at + 1).join('/')).values()];
    const roomIn = (of: readonly LedCount[]): number => Math.max(-1, ...of.flatMap(({ count: room, besideLeader }) => (besideLeader === undefined ? [] : [of.reduce((sum, each) => sum + each.count, 0) - room + besideLeader])));
    const most = Math.max(...within.map(roomIn));
    if ('fits' in found) {
      assert.deepEqual([found.fits, most < count], [Math.max(0, most), true]);
      continue;
    }
    placed++;
    const byName = new Map(leaves.map((each) => [each.values.join('/'), each]));
    const leads = found.leader.values.join('/');
    for (const { values, count: pods } of found.others) assert.ok(pods > 0 && pods <= (values.join('/') === leads ? byName.get(leads)!.besideLeader! : byName.get(values.join('/'))!.count));
    assert.equal(found.others.reduce((sum, each) => sum + each.count, 0), count);
    assert.equal(new Set([found.leader, ...found.others].map(({ values }) => values.slice(0, at + 1).join('/'))).size, 1);
  }
  assert.ok(placed > 1_000, `${placed} of 4000`);
});
