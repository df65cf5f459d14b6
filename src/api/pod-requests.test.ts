import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from './generated/core-v1.ts';
import { addResources, grantedRequests, podRequests, reservedRequests } from './pod-requests.ts';

const container = (cpu: string | undefined, memory?: string, more: Partial<Container> = {}): Container =>
  ({ name: 'c', resources: { requests: { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) } }, ...more });

test('the effective requests of a pod', () => {
  const table: [string, Omit<PodSpec, 'containers'> & { containers?: Container[] }, number, number][] = [
    ['containers add up', { containers: [container('100m', '1Ki'), container('200m', '1Ki')] }, 300, 2048],
    ['an init container counts alone', { containers: [container('100m')], initContainers: [container('500m')] }, 500, 0],
    ['a sidecar runs along', { containers: [container('100m')], initContainers: [container('50m', '1Ki', { restartPolicy: 'Always' }), container('200m')] }, 250, 1024],
    ['a sidecar after an init container does not', { containers: [container('100m')], initContainers: [container('200m'), container('50m', undefined, { restartPolicy: 'Always' })] }, 200, 0],
    ['overhead comes on top', { containers: [container('100m')], overhead: { cpu: '10m', memory: '1Ki' } }, 110, 1024],
    ['the pod level wins', { containers: [container('100m', '1Ki')], resources: { requests: { cpu: '1' } } }, 1000, 1024],
  ];
  for (const [name, spec, cpuMillis, memoryBytes] of table) {
    const requests = podRequests({ metadata: {}, spec: { containers: [], ...spec } });
    assert.deepEqual([requests.cpuMillis, requests.memoryBytes], [cpuMillis, memoryBytes], name);
  }
  const huge = podRequests({ metadata: {}, spec: { containers: [{ name: 'c', resources: { requests: { 'hugepages-2Mi': '2Mi', 'example.com/gpu': '1' } } }], resources: { requests: { 'hugepages-2Mi': '8Mi' } } } });
  assert.deepEqual(huge.others, { 'hugepages-2Mi': 8 * 2 ** 20, 'example.com/gpu': 1 }, 'huge pages of the pod as a whole');
});

test('amounts beyond all machines are added and taken away again', () => {
  for (const much of ['1e400', '9223372036854775807', '8Ei']) {
    const huge = podRequests({ metadata: {}, spec: { containers: [container(much, much)], overhead: { 'example.com/gpu': much } } });
    const sum = podRequests({ metadata: {}, spec: { containers: [container('301m', '1001')] } });
    addResources(sum, huge);
    assert.ok(sum.cpuMillis > 1e12 && sum.memoryBytes > 1e15, much);
    addResources(sum, huge, -1);
    assert.deepEqual(sum, { cpuMillis: 301, memoryBytes: 1_001, ephemeralStorageBytes: 0, others: { 'example.com/gpu': 0 } }, much);
  }
});

test('extended resources are counted, and what is unset has a stand-in for scoring', () => {
  const pod = { metadata: {}, spec: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '2' } } }, { name: 'd' }] } };
  assert.deepEqual(podRequests(pod).others, { 'example.com/gpu': 2 });
  assert.equal(podRequests(pod, { cpuMillis: 100, memoryBytes: 7 }).cpuMillis, 200);
  assert.equal(podRequests(pod, { cpuMillis: 100, memoryBytes: 7 }).memoryBytes, 14);
});

test('while a pod is resized, the most of what it wants and has is kept for it; what it can never have is not, and what it was not granted it does not use', () => {
  const resized = (wanted: string, granted: string, actual: string, reason?: string): Pod => ({
    metadata: {}, spec: { containers: [container(wanted, '1Ki')] },
    status: {
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: 0, allocatedResources: { cpu: granted, memory: '1Ki' }, resources: { requests: { cpu: actual, memory: '1Ki' } } }],
      conditions: reason === undefined ? [] : [{ type: 'PodResizePending', status: 'True', reason }],
    },
  });
  const table: [string, Pod, number, number][] = [
    ['it waits for room', resized('800m', '100m', '100m', 'Deferred'), 800, 100],
    ['there will never be room', resized('800', '100m', '100m', 'Infeasible'), 100, 100],
    ['it shrinks, and has not yet', resized('100m', '100m', '300m'), 300, 100],
    ['it shrinks, and nobody has looked yet', resized('100m', '300m', '300m'), 300, 300],
    ['it has what it wants', resized('0.1', '100m', '100m'), 100, 100],
    ['its node has said nothing', { ...resized('200m', '', ''), status: { phase: 'Pending' } }, 200, 200],
  ];
  for (const [name, pod, reserved, granted] of table) assert.deepEqual([reservedRequests(pod).cpuMillis, grantedRequests(pod).cpuMillis, reservedRequests(pod).memoryBytes], [reserved, granted, 1024], name);
});
