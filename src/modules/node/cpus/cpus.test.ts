import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { cpuAssignment } from './assignment.ts';
import { formatCpuList, parseCpuList } from './cpu-list.ts';
import { readTopology, takeCpus, type Cpu } from './take-cpus.ts';

test('lists of cpus', () => {
  assert.deepEqual(['', '0', '0-2,5', '3,1'].map(parseCpuList), [[], [0], [0, 1, 2, 5], [1, 3]]);
  assert.deepEqual([[], [4, 0, 1, 2]].map(formatCpuList), ['', '0-2,4']);
  assert.throws(() => parseCpuList('2-1'), /no list of cpus/);
});

/** Two sockets of two cores of two threads; the threads of a core are 4 apart. */
const TOPOLOGY: Cpu[] = [0, 1, 2, 3, 4, 5, 6, 7].map((id) => ({ id, socket: String(Math.floor((id % 4) / 2)), core: String(id % 4) }));
const all = new Set(TOPOLOGY.map(({ id }) => id));
for (const [what, free, count, taken] of [
  ['a whole core', all, 2, [0, 4]],
  ['a whole socket', all, 4, [0, 1, 4, 5]],
  ['a thread of a core that is begun', new Set([1, 2, 5, 6, 7]), 1, [7]],
  ['cores before threads', new Set([0, 1, 5, 6]), 3, [0, 1, 5]],
  ['more than there are', new Set([1]), 2, undefined],
] as const) test(`takes ${what}`, () => assert.deepEqual(takeCpus(TOPOLOGY, free, count), taken));

test('the topology as the kernel says it', () => {
  const files: Record<string, string> = { '/proc/self/status': 'Name:\tx\nCpus_allowed_list:\t0,2\n', '/sys/devices/system/cpu/cpu2/topology/physical_package_id': '1\n', '/sys/devices/system/cpu/cpu2/topology/core_id': '7\n' };
  const read = (file: string): string => { if (files[file] === undefined) throw new Error(file); return files[file]; };
  assert.deepEqual(readTopology(read), [{ id: 0, socket: '0', core: '0/cpu0' }, { id: 2, socket: '1', core: '1/7' }]);
});

const pod = (uid: string, cpu: string, init?: string): Pod => {
  const container = (name: string, amount: string) => ({ name, resources: { limits: { cpu: amount, memory: '1Mi' }, requests: { cpu: amount, memory: '1Mi' } } });
  return { metadata: { uid }, spec: { containers: [container('main', cpu)], ...(init === undefined ? {} : { initContainers: [container('first', init)] }) } };
};
test('whole cpus are exclusive, the rest is shared, and all comes back', () => {
  const cpus = cpuAssignment({ cpuManagerPolicy: 'static', reservedSystemCPUs: '0' }, 0, TOPOLOGY);
  const shared: string[] = [];
  cpus.onShared((list) => shared.push(list));
  const [two, part] = [pod('two', '2', '3'), pod('part', '1500m')];
  cpus.admit(two);
  assert.deepEqual(cpus.cpusOf(two, two.spec!.containers[0]!), { list: '1,5', exclusive: true });
  assert.deepEqual(cpus.cpusOf(two, two.spec!.initContainers![0]!), { list: '1,4-5', exclusive: true }, 'what runs before has the same ones and one more');
  assert.deepEqual(cpus.cpusOf(part, part.spec!.containers[0]!), { list: '0,2-3,6-7', exclusive: false });
  assert.throws(() => cpus.admit(pod('many', '5')), /not enough cpus available to satisfy request: requested=5, available=4/);
  cpus.release('two');
  assert.deepEqual(shared, ['0,2-4,6-7', '0,2-3,6-7', '0-7']);
  cpus.restore('old', 'main', '2-3');
  assert.deepEqual(cpus.cpusOf(part, part.spec!.containers[0]!)?.list, '0-1,4-7');
});
test('settings that are wrong are refused', () => {
  assert.equal(cpuAssignment({}, 0).isStatic, false);
  assert.throws(() => cpuAssignment({ cpuManagerPolicy: 'static' }, 0, TOPOLOGY), /needs a cpu for the system/);
  assert.throws(() => cpuAssignment({ cpuManagerPolicy: 'dynamic' }, 0, TOPOLOGY), /must be none or static/);
  assert.throws(() => cpuAssignment({ cpuManagerPolicy: 'static', reservedSystemCPUs: '9' }, 0, TOPOLOGY), /there are 0-7/);
  assert.deepEqual(cpuAssignment({ cpuManagerPolicy: 'static' }, 1, TOPOLOGY).cpusOf(pod('x', '1'), pod('x', '1').spec!.containers[0]!), { list: '4', exclusive: true });
});
