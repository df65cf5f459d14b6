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
  ['else over all, and of all racks below over the largest', { mode: 'preferred', level: 'rack' }, 9, 'x3:2 x4:2 x5:4 x6:1'],
  ['no more than there is', { mode: 'preferred', level: 'rack' }, 13, 'room for 12'],
  ['anywhere: a host that has room for all', { mode: 'unconstrained' }, 4, 'x5:4'],
  ['anywhere: the fullest hosts, so that the others stay whole', { mode: 'unconstrained' }, 5, 'x1:2 x2:1 x3:1 x6:1'],
  ['anywhere: no more than there is', { mode: 'unconstrained' }, 13, 'room for 12'],
];
for (const [what, request, pods, expected] of CASES) {
  it(what, () => {
    const found = assignDomains(LEVELS, CLUSTER, request, pods);
    if (!('fits' in found)) assert.equal(found.reduce((sum, { count }) => sum + count, 0), pods);
    assert.equal(told(found), expected);
  });
}

/** Those of Kueue's own table. Source: Kueue, tas_cache_test.go (TestFindTopologyAssignments). */
const THREE = hosts({ 'b1/r1/x1': 1, 'b1/r2/x2': 1, 'b1/r2/x3': 1, 'b1/r2/x4': 1, 'b2/r1/x5': 1, 'b2/r2/x6': 2 });
const RACKS = hosts({ 'b1/r1': 1, 'b1/r2': 3, 'b2/r1': 1, 'b2/r2': 2 });
const SCATTERED = hosts({ 'b1/r1/x1': 4, 'b1/r1/x2': 1, 'b1/r1/x3': 1, 'b2/r1/x4': 2, 'b2/r1/x5': 1 });
const BINARY = hosts({ 'b1/r1/x1': 1, 'b1/r1/x2': 1, 'b1/r2/x3': 1, 'b1/r2/x4': 1, 'b2/r1/x5': 1, 'b2/r1/x6': 1, 'b2/r2/x7': 1, 'b2/r2/x8': 1 });
const oneRack = (...rooms: number[]) => hosts(Object.fromEntries(rooms.map((room, index) => [`b1/r1/x${index + 1}`, room])));
const ownRacks = (rooms: Readonly<Record<string, number>>) => hosts(Object.fromEntries(Object.entries(rooms).map(([path, room]) => { const [block, host] = path.split('/'); return [`${block}/r-${host}/${host}`, room]; })));
const within = (level: string, size?: number, slice = 'host'): TopologyRequest => ({ mode: 'required', level, ...(size !== undefined && { slices: { level: slice, size } }) });
const near = (level: string, size?: number, slice = 'host'): TopologyRequest => ({ ...within(level, size, slice), mode: 'preferred' });
/** Blocks of two racks of two hosts, with so much room on each. */
const even = (blocks: number, room: number) => hosts(Object.fromEntries(Array.from({ length: blocks * 4 }, (_, index) => [`b${Math.floor(index / 4)}/r${Math.floor(index / 2)}/x${index}`, room])));
const layered = (mode: TopologyRequest['mode'], level: string | undefined, ...[outer, ...inner]: [string, number][]): TopologyRequest => ({ mode, ...(level !== undefined && { level }), slices: { level: outer![0], size: outer![1], inner: inner.map(([each, size]) => ({ level: each, size })) } });
const sliced = (size: number, slice: string): TopologyRequest => ({ mode: 'unconstrained', slices: { level: slice, size } });

const KUEUE: readonly [what: string, leaves: ReturnType<typeof hosts>, TopologyRequest, pods: number, expected: string][] = [
  ['few racks before few hosts', hosts({ 'b1/r1/x1': 2, 'b1/r2/x2': 2, 'b1/r3/x3': 1, 'b1/r3/x4': 1, 'b1/r3/x5': 1, 'b1/r3/x6': 1 }), within('block'), 4, 'x3:1 x4:1 x5:1 x6:1'],
  ['the host that has room for all', oneRack(2, 1, 1), within('block'), 2, 'x1:2'],
  ['anywhere, two', SCATTERED, { mode: 'unconstrained' }, 2, 'x4:2'],
  ['anywhere, one', THREE, { mode: 'unconstrained' }, 1, 'x1:1'],
  ['a block, one on each host', BINARY, within('block'), 4, 'x1:1 x2:1 x3:1 x4:1'],
  ['a host of several', THREE, within('host'), 1, 'x1:1'],
  ['the largest host', THREE, near('host'), 2, 'x6:2'],
  ['no host', THREE, within('host'), 3, 'room for 2'],
  ['a rack', RACKS, within('rack'), 1, 'r1:1'],
  ['a rack for all', RACKS, within('rack'), 3, 'r2:3'],
  ['the rack that is full then', RACKS, within('rack'), 2, 'r2:2'],
  ['no rack', RACKS, within('rack'), 4, 'room for 3'],
  ['over two blocks', hosts({ b1: 2, b2: 1, b3: 4 }), near('block'), 5, 'b2:1 b3:4'],
  ['the fuller block', RACKS, within('block'), 1, 'r1:1'],
  ['a block, over its racks', RACKS, within('block'), 4, 'r1:1 r2:3'],
  ['no block', RACKS, within('block'), 5, 'room for 4'],
  ['blocks rather than a rack', RACKS, near('rack'), 6, 'r1:1 r2:3 r2:2'],
  ['too many', RACKS, near('block'), 10, 'room for 7'],
  ['slices in racks, preferred in a block', THREE, near('block', 2, 'rack'), 4, 'x2:1 x3:1 x6:2'],
  ['slices in hosts, the last best fit', oneRack(4, 3, 2), within('block', 2), 6, 'x1:4 x3:2'],
  ['slices in hosts of several blocks', hosts({ 'b1/r1/x1': 3, 'b1/r1/x2': 3, 'b1/r1/x3': 3, 'b2/r1/x4': 6 }), near('block', 3), 12, 'x1:3 x2:3 x4:6'],
  ['room for pods, and not for slices', ownRacks({ 'b1/x1': 2, 'b1/x2': 2, 'b1/x3': 2 }), within('block', 3, 'rack'), 6, 'room for 0'],
  ['room for one slice', ownRacks({ 'b1/x1': 3, 'b1/x2': 1, 'b1/x3': 1, 'b1/x4': 1 }), within('block', 3, 'rack'), 6, 'room for 1'],
  ['the block where slices fit', ownRacks({ 'b1/x1': 2, 'b1/x2': 2, 'b1/x3': 2, 'b2/x4': 3, 'b2/x5': 3 }), within('block', 3, 'rack'), 6, 'x4:3 x5:3'],
  ['only slices, of a host', oneRack(3, 3, 3), sliced(2, 'host'), 6, 'x1:2 x2:2 x3:2'],
  ['only slices, in several blocks', SCATTERED, sliced(2, 'host'), 6, 'x1:4 x4:2'],
  ['only slices, in racks', THREE, sliced(2, 'rack'), 4, 'x2:1 x3:1 x6:2'],
  ['slices of slices: the block for all, in halves of racks', even(2, 8), layered('required', 'block', ['block', 32], ['rack', 16]), 32, 'x0:8 x1:8 x2:8 x3:8'],
  ['slices of slices: each rack has a multiple', hosts({ 'b1/r1/x1': 5, 'b1/r2/x2': 4, 'b1/r3/x3': 2 }), layered('required', 'block', ['block', 8], ['rack', 2]), 8, 'x1:4 x2:4'],
  ['slices of slices: what is left of a rack is no room', hosts({ 'b1/r1/x1': 3, 'b1/r2/x2': 3, 'b1/r3/x3': 3, 'b2/r4/x4': 4, 'b2/r5/x5': 4 }), layered('required', 'block', ['block', 8], ['rack', 4]), 8, 'x4:4 x5:4'],
  ['slices of slices: hosts of a level between are cut, too', hosts({ 'b1/r1/x1': 3, 'b1/r1/x2': 3, 'b1/r2/x3': 2, 'b1/r2/x4': 2 }), layered('required', 'block', ['block', 4], ['host', 2]), 8, 'x1:2 x2:2 x3:2 x4:2'],
  ['slices of slices: anywhere', even(2, 4), layered('unconstrained', undefined, ['rack', 4], ['host', 2]), 8, 'x0:4 x1:4'],
  ['slices of slices: a last one that is not whole', even(1, 4), layered('required', 'block', ['rack', 8], ['host', 4]), 10, 'x0:4 x1:4 x2:2'],
  ['a last slice that is not whole', oneRack(4, 2), within('rack', 2), 5, 'x1:4 x2:1'],
];
for (const [what, leaves, request, pods, expected] of KUEUE) {
  it(`Kueue: ${what}`, () => assert.equal(told(assignDomains(LEVELS.slice(0, leaves[0]!.values.length), leaves, request, pods)), expected));
}

it('tells of each layer for how many of its slices there is room', () => {
  const found = assignDomains(LEVELS, hosts({ 'b1/r1/x1': 3, 'b1/r2/x2': 5, 'b2/r3/x3': 1 }), layered('required', 'block', ['rack', 4], ['host', 2]), 8);
  assert.deepEqual(found, { fits: 1, layers: [{ level: 'rack', fits: 1, wanted: 2 }, { level: 'host', fits: 3, wanted: 4 }] });
});

it('gives slices of slices whole groups at each level', () => {
  let seed = 11;
  const random = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  let placed = 0;
  for (let round = 0; round < 4_000; round++) {
    const leaves = hosts(Object.fromEntries(Array.from({ length: 2 + random(12) }, (_, index) => [`b${random(2)}/r${random(3)}/x${index}`, random(9)])));
    const [small, times] = [1 + random(3), 1 + random(3)];
    const count = small * times * (1 + random(3));
    const [outer, inner] = ([['block', 'rack'], ['rack', 'host'], ['block', 'host']] as const)[random(3)]!;
    const found = assignDomains(LEVELS, leaves, layered((['required', 'preferred', 'unconstrained'] as const)[random(3)]!, 'block', [outer, small * times], [inner, small]), count);
    if ('fits' in found) continue;
    placed++;
    assert.equal(found.reduce((sum, each) => sum + each.count, 0), count);
    for (const [level, size] of [[outer, small * times], [inner, small]] as const) {
      const inDomains = new Map<string, number>();
      for (const { values, count: pods } of found) {
        const domain = values.slice(0, LEVELS.indexOf(level) + 1).join('/');
        inDomains.set(domain, (inDomains.get(domain) ?? 0) + pods);
      }
      for (const [domain, pods] of inDomains) assert.equal(pods % size, 0, `${domain}: ${pods}`);
    }
    const room = new Map(leaves.map((each) => [each.values.join('/'), each.count]));
    assert.ok(found.every((each) => each.count > 0 && each.count <= room.get(each.values.join('/'))!));
  }
  assert.ok(placed > 1_000, `${placed} of 4000`);
});

it('gives all their place or none, never more than there is room for, and slices whole', () => {
  let seed = 7;
  const random = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  const levelNames = ['block', 'rack', 'host'];
  let placed = 0;
  for (let round = 0; round < 4_000; round++) {
    const leaves = hosts(Object.fromEntries(Array.from({ length: 1 + random(12) }, (_, index) => [`b${random(3)}/r${random(3)}/x${index}`, random(6)])));
    const size = 1 + random(4);
    const count = size * (1 + random(5));
    const sliceAt = random(3);
    const mode = (['required', 'preferred', 'unconstrained'] as const)[random(3)]!;
    const level = mode === 'unconstrained' ? undefined : levelNames[random(sliceAt + 1)]!;
    const found = assignDomains(levelNames, leaves, { mode, ...(level !== undefined && { level }), slices: { level: levelNames[sliceAt]!, size } }, count);
    const groups = (depth: number, of: readonly { values: readonly string[]; count: number }[]) => [...Map.groupBy(of, ({ values }) => values.slice(0, depth + 1).join('/'))].map(([key, own]) => [key, own.reduce((sum, each) => sum + each.count, 0)] as const);
    const slicesWithin = (of: typeof leaves): number => groups(sliceAt, of).reduce((sum, [, room]) => sum + Math.floor(room / size), 0);
    if ('fits' in found) {
      const most = mode === 'required' ? Math.max(...[...Map.groupBy(leaves, ({ values }) => values.slice(0, levelNames.indexOf(level!) + 1).join('/')).values()].map(slicesWithin)) : slicesWithin(leaves);
      assert.deepEqual([found.fits, found.fits < count / size], [most, true]);
      continue;
    }
    placed++;
    const room = new Map(leaves.map((each) => [each.values.join('/'), each.count]));
    assert.ok(found.every((each) => each.count > 0 && each.count <= room.get(each.values.join('/'))!));
    assert.equal(found.reduce((sum, each) => sum + each.count, 0), count);
    assert.ok(groups(sliceAt, found).every(([, pods]) => pods % size === 0));
    if (mode === 'required') assert.equal(groups(levelNames.indexOf(level!), found).length, 1);
  }
  assert.ok(placed > 1_000, `${placed} of 4000`);
});
