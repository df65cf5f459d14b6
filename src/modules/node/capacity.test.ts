import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { MachineFacts } from '../../sdk/module.ts';
import { hugePages, nodeCapacity } from './capacity.ts';
import { outOf } from './lifecycle/admit.ts';
import { pressureSettings } from './pressure/settings.ts';

const machine = { cpuMillis: 4_000, memoryBytes: 8 * 2 ** 30, cgroupVersion: 'v1' } as MachineFacts;
const capacityOf = (config: Record<string, unknown>, nodes?: number, more: Partial<MachineFacts> = {}) => nodeCapacity({ machine: { ...machine, nodes, ...more }, folder: '/', config, pressure: pressureSettings({ evictionHard: { 'memory.available': '512Mi' } }), devices: () => new Map([['example.com/lamp', { all: 3, healthy: 2 }]]) });

test('what is reserved, and what would be evicted for, is not for pods', () => {
  const capacity = capacityOf({ systemReserved: { cpu: '300m', memory: '1Gi' }, kubeReserved: { cpu: '200m', memory: '512Mi' } });
  const { capacity: all, allocatable } = capacity.read();
  assert.deepEqual([all['cpu'], all['memory'], allocatable['cpu'], allocatable['memory']], ['4', '8388608Ki', '3500m', '6291456Ki']);
  assert.deepEqual([all['example.com/lamp'], allocatable['example.com/lamp'], capacity.reservedCpus], ['3', '2', 1]);
});
test('nodes that share a machine have together what it has', () => {
  const { capacity, allocatable } = capacityOf({ systemReserved: { cpu: '1' }, maxPods: 400 }, 3).read();
  assert.deepEqual([capacity['cpu'], capacity['memory'], allocatable['cpu'], allocatable['memory'], capacity['pods']], ['1333m', '2796202Ki', '1', '2621440Ki', '400']);
  assert.deepEqual([500, 100].map((maxPods) => capacityOf({ maxPods }, 3, { further: { machineNetwork: '' } }).read().capacity['pods']), ['240', '100'], 'as many as it has addresses for');
  assert.throws(() => capacityOf({ maxPods: 0 }), /maxPods must be a whole number/);
});
test('reservations that are wrong are refused', () => {
  assert.throws(() => capacityOf({ systemReserved: { gpu: '1' } }), /systemReserved\.gpu must be a quantity of cpu, memory/);
  assert.throws(() => capacityOf({ systemReserved: { cpu: '4' } }), /leave nothing/);
});
test('huge pages are not offered where their limit cannot be kept', () => assert.ok(hugePages('v1', '/sys/kernel/mm/hugepages', '/nowhere').every(({ bytes }) => bytes === 0)));

const pod = (name: string, requests: Record<string, string>): Pod => ({ metadata: { name, uid: name }, spec: { containers: [{ name: 'main', resources: { requests } }] } });
test('a pod that does not fit is refused in the words of the kubelet', () => {
  const allocatable = { cpu: '2', memory: '1Gi', 'example.com/lamp': '1' };
  assert.equal(outOf(pod('a', { cpu: '1500m' }), [pod('b', { cpu: '500m' })], allocatable), undefined);
  assert.deepEqual(outOf(pod('a', { cpu: '1500m' }), [pod('b', { cpu: '600m' })], allocatable), { reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000" });
  assert.equal(outOf(pod('a', { 'example.com/lamp': '1' }), [pod('b', { 'example.com/lamp': '1' })], allocatable)?.reason, 'OutOfexample.com/lamp');
  assert.equal(outOf(pod('a', { 'hugepages-2Mi': '2Mi' }), [], allocatable)?.reason, 'OutOfhugepages-2Mi');
  assert.equal(outOf(pod('a', {}), [pod('b', { cpu: '9' })], allocatable), undefined);
  assert.equal(outOf(pod('a', {}), [pod('b', {})], { pods: '1' })?.reason, 'OutOfpods');
});
