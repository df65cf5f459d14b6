/** What is said of pods that are there already (upstream: TestValidateNamespace). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { warningsOfPods } from './existing-pods.ts';

const enforce = { level: 'baseline', minor: Number.POSITIVE_INFINITY } as const;
const pod = (name: string, spec: object, owner?: string): Pod => ({
  metadata: { name, ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }] }) },
  spec: { containers: [], ...spec },
}) as Pod;

test('by reason, the first name of each and how many more', () => {
  const pods = [pod('c', { hostPID: true }), pod('a', { hostPID: true }), pod('b', { hostNetwork: true }), pod('d', { hostIPC: true, volumes: [{ name: 'v', hostPath: { path: '/' } }] }), pod('fine', {}), pod('e', { hostIPC: true, runtimeClassName: 'vm' })];
  const head = 'existing pods in namespace "test" violate the new PodSecurity enforce level "baseline:latest"';
  assert.deepEqual(warningsOfPods({ namespace: 'test', pods, enforce, exempt: ['vm'] }), [head, 'a (and 2 other pods): host namespaces', 'd: host namespaces, hostPath volumes']);
  assert.deepEqual(warningsOfPods({ namespace: 'test', pods, enforce, exempt: [] })[1], 'a (and 3 other pods): host namespaces');
  assert.deepEqual(warningsOfPods({ namespace: 'test', pods: pods.slice(0, 2), enforce, exempt: [] })[1], 'a (and 1 other pod): host namespaces');
  assert.deepEqual(warningsOfPods({ namespace: 'test', pods: [pod('fine', {})], enforce, exempt: [] }), []);
});

test('of too many, those that differ come first', () => {
  const pods = [
    ...['x', 'y', 'z'].map((name) => pod(`exempt-${name}`, { hostPID: true, runtimeClassName: 'vm' })),
    ...['1', '2', '3', '4'].map((index) => pod(`first-${index}`, { hostPID: true }, 'first')), ...['1', '2', '3'].map((index) => pod(`second-${index}`, { hostPID: true, volumes: [{ name: 'v', hostPath: {} }] }, 'second')),
    pod('alone-1', {}), pod('alone-2', { volumes: [{ name: 'v', hostPath: {} }] }), pod('alone-3', { hostPID: true }),
  ];
  assert.deepEqual(warningsOfPods({ namespace: 'test', pods, enforce, exempt: ['vm'], max: 4 }), [
    'new PodSecurity enforce level only checked against the first 4 of 10 existing pods',
    'existing pods in namespace "test" violate the new PodSecurity enforce level "baseline:latest"',
    'alone-2: hostPath volumes', 'first-1: host namespaces', 'second-1: host namespaces, hostPath volumes',
  ]);
});
