import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { refusedUnderPressure } from './admit.ts';
import { CALM, judge, type Observations } from './judge.ts';
import { observe, processes } from './observe.ts';
import { evictionMessage, isCritical, rankForEviction, type Consumption } from './rank.ts';
import { pressureSettings } from './settings.ts';
import { hasStorageLimits, storageExcess } from './storage-limits.ts';

const GIB = 2 ** 30;
const memory = (available: number): Observations => ({ 'memory.available': { available, capacity: 10 * GIB } });
const pod = (name: string, more: Partial<NonNullable<Pod['spec']>> = {}, metadata: Partial<Pod['metadata']> = {}): Pod => ({ metadata: { name, uid: name, ...metadata }, spec: { containers: [{ name: 'main' }], ...more } });

test('a hard threshold is due at once, and the condition outlasts it by the time of transition', () => {
  const settings = pressureSettings({ evictionHard: { 'memory.available': '1Gi' }, evictionPressureTransitionPeriod: '30s' });
  const short = judge(settings, memory(GIB - 1), CALM, 1_000);
  assert.deepEqual([[...short.conditions], short.due.map(({ key }) => key)], [['MemoryPressure'], ['memory.available']]);
  const enough = judge(settings, memory(GIB), short, 2_000);
  assert.deepEqual([[...enough.conditions], enough.due], [['MemoryPressure'], []]);
  assert.equal(judge(settings, memory(GIB), enough, 31_000).conditions.size, 0);
});

test('a soft threshold says its condition at once and is due after its grace', () => {
  const settings = pressureSettings({ evictionHard: {}, evictionSoft: { 'memory.available': '20%' }, evictionSoftGracePeriod: { 'memory.available': '1m30s' } });
  const first = judge(settings, memory(1.9 * GIB), CALM, 0);
  assert.deepEqual([first.conditions.has('MemoryPressure'), first.due.length], [true, 0]);
  assert.equal(judge(settings, memory(1.9 * GIB), first, 90_000).due.length, 1);
  const between = judge(settings, memory(3 * GIB), first, 60_000);
  assert.equal(judge(settings, memory(1.9 * GIB), between, 95_000).due.length, 0, 'the grace begins anew');
});

test('with a minimum to reclaim it is over only when that much more is there', () => {
  const settings = pressureSettings({ evictionHard: { 'memory.available': '1Gi' }, evictionMinimumReclaim: { 'memory.available': '500Mi' } });
  const short = judge(settings, memory(0), CALM, 0);
  const partly = judge(settings, memory(GIB + 1), short, 1);
  assert.equal(partly.due.length, 1);
  assert.equal(judge(settings, memory(1.5 * GIB), partly, 2).due.length, 0);
});

test('memory before disks, hard before soft', () => {
  const settings = pressureSettings({ evictionHard: { 'nodefs.available': '50%', 'memory.available': '1Gi' }, evictionSoft: { 'memory.available': '2Gi' }, evictionSoftGracePeriod: { 'memory.available': '0s' } });
  const state = judge(settings, { ...memory(0), 'nodefs.available': { available: 1, capacity: 100 } }, CALM, 0);
  assert.deepEqual(state.due.map(({ key }) => key), ['memory.available', 'memory.available soft', 'nodefs.available']);
});

for (const [what, config, says] of [
  ['an unknown signal', { evictionHard: { 'cpu.available': '1' } }, /may name memory\.available, .*, not cpu\.available/],
  ['no amount', { evictionHard: { 'memory.available': 'much' } }, /evictionHard\.memory\.available must be a quantity such as 100Mi or a share/],
  ['a soft one without its grace', { evictionSoft: { 'memory.available': '1Gi' } }, /evictionSoftGracePeriod must name a time for memory\.available/],
  ['no time', { evictionPressureTransitionPeriod: 'soon' }, /must be a time such as 1m30s/],
] as const) test(`settings with ${what} are refused`, () => assert.throws(() => pressureSettings(config), says));

const cost = (name: string, used: number, requested: number, priority = 0): Consumption => ({ pod: pod(name, { priority }), used, requested, containers: [{ name: 'main', used, requested }] });

test('who goes first: above the request, then by priority, then by the excess', () => {
  const ranked = rankForEviction([cost('within', 90, 100), cost('little-above', 110, 100), cost('far-above', 300, 100), cost('dear', 900, 0, 10), cost('cheap-within', 10, 100, -1)], 'memory');
  assert.deepEqual(ranked.map(({ pod: { metadata } }) => metadata.name), ['far-above', 'little-above', 'dear', 'cheap-within', 'within']);
});
test('who goes first for processes: by priority, then by their number', () => {
  assert.deepEqual(rankForEviction([cost('few', 2, 0), cost('dear', 900, 0, 10), cost('many', 40, 0)], 'pids').map(({ pod: { metadata } }) => metadata.name), ['many', 'few', 'dear']);
});
test('how it is told', () => assert.equal(
  evictionMessage('memory', cost('p', 60 * 2 ** 20, 0), { quantity: 100 * 2 ** 20, available: 40 * 2 ** 20 + 1 }),
  'The node was low on resource: memory. Threshold quantity: 100Mi, available: 40961Ki. Container main was using 60Mi, request is 0, has larger consumption of memory. ',
));
test('critical and static pods stay', () => {
  assert.deepEqual([pod('a'), pod('a', { priority: 2_000_000_000 }), pod('a', {}, { annotations: { 'kubernetes.io/config.source': 'file' } })].map(isCritical), [false, true, true]);
});

test('new pods under pressure', () => {
  const burstable = pod('b', { containers: [{ name: 'main', resources: { requests: { memory: '1Mi' } } }] });
  const tolerant = pod('t', { tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }] });
  const refused = (one: Pod, ...conditions: ('MemoryPressure' | 'DiskPressure')[]): string | undefined => refusedUnderPressure(one, new Set(conditions))?.message;
  assert.deepEqual([refused(pod('a')), refused(pod('a'), 'MemoryPressure'), refused(burstable, 'MemoryPressure'), refused(tolerant, 'MemoryPressure'), refused(burstable, 'DiskPressure')],
    [undefined, 'The node had condition: [MemoryPressure]. ', undefined, undefined, 'The node had condition: [DiskPressure]. ']);
});

test('limits of storage', () => {
  const usage = (container: number, volume: number) => ({ containers: new Map([['main', container]]), volumes: new Map([['cache', volume]]), total: container + volume });
  const one = pod('p', { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }], containers: [{ name: 'main', resources: { limits: { 'ephemeral-storage': '3Mi' } } }] });
  const mib = 2 ** 20;
  assert.deepEqual([usage(mib, mib), usage(mib, mib + 1), usage(3 * mib + 1, 0), usage(2.5 * mib, mib)].map((each) => storageExcess(one, each)), [
    undefined, 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ', 'Container main exceeded its local ephemeral storage limit "3Mi". ', 'Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ',
  ]);
  assert.deepEqual([hasStorageLimits(one), hasStorageLimits(pod('p', { volumes: [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] }))], [true, false]);
});

test('processes that may still be', () => assert.deepEqual(processes((name) => ({ 'sys/kernel/pid_max': '1000\n', 'sys/kernel/threads-max': '500\n', loadavg: '0.1 0.2 0.3 2/120 4711\n' })[name]!), { available: 380, capacity: 500 }));

test('a node without any image yet is looked at', () => {
  const seen = observe({ memoryBytes: 2 ** 60, nodeFolder: '/', imageFolder: '/nothing/here' });
  assert.deepEqual(seen['imagefs.available'], seen['nodefs.available']);
  assert.ok(seen['memory.available']!.available > 0 && seen['pid.available']!.available > 0);
});
