import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PodSpec } from '../../../api/generated/core-v1.ts';
import { cpuWeight, limitsOf, ociResources, oomScoreAdj, podLimits, podPidsLimit } from './resources.ts';

test('requests and limits of a container', () => {
  assert.deepEqual(limitsOf(undefined), { cpuShares: 2, cpuQuotaUs: undefined, memoryBytes: undefined });
  assert.deepEqual(limitsOf({ requests: { cpu: '500m' }, limits: { cpu: '1', memory: '64Mi' } }), { cpuShares: 512, cpuQuotaUs: 100_000, memoryBytes: 67_108_864 });
  assert.deepEqual(limitsOf({ limits: { cpu: '5m' } }), { cpuShares: 5, cpuQuotaUs: 1_000, memoryBytes: undefined });
});
test('weights of cgroup v2', () => assert.deepEqual([2, 1024, 262144].map(cpuWeight), [1, 39, 10_000]));
test('a pod is limited when all its containers are', () => {
  const limited = { name: 'a', resources: { limits: { memory: '10Mi', cpu: '100m' } } };
  assert.equal(podLimits({ containers: [limited, limited] }).memoryBytes, 20 * 2 ** 20);
  assert.equal(podLimits({ containers: [limited, { name: 'b' }] }).memoryBytes, undefined);
  assert.equal(podLimits({ containers: [limited], initContainers: [{ name: 'i', resources: { limits: { memory: '50Mi' } } }] }).memoryBytes, 50 * 2 ** 20);
});
test('a pod may take what its containers take together at most, and what its class takes beside it', () => {
  const of = (name: string, cpu: string, memory?: string, restartPolicy?: 'Always'): Container => ({ name, resources: { requests: { cpu }, limits: { cpu, ...(memory === undefined ? {} : { memory }) } }, ...(restartPolicy === undefined ? {} : { restartPolicy }) });
  const overhead = { cpu: '250m', memory: '16Mi' };
  const table: [string, PodSpec, ReturnType<typeof podLimits>][] = [
    ['an init container without a limit is not held by those of the others', { containers: [of('a', '100m', '10Mi')], initContainers: [of('i', '100m')] }, { cpuShares: 102, cpuQuotaUs: 10_000, memoryBytes: undefined }],
    ['an init container with the sidecar before it', { containers: [of('a', '100m', '10Mi')], initContainers: [of('s', '100m', '10Mi', 'Always'), of('i', '300m', '30Mi')] }, { cpuShares: 409, cpuQuotaUs: 40_000, memoryBytes: 40 * 2 ** 20 }],
    ['a sidecar after the init container', { containers: [of('a', '100m', '10Mi')], initContainers: [of('i', '300m', '30Mi'), of('s', '100m', '10Mi', 'Always')] }, { cpuShares: 307, cpuQuotaUs: 30_000, memoryBytes: 30 * 2 ** 20 }],
    ['with overhead', { overhead, containers: [of('a', '100m', '10Mi')] }, { cpuShares: 358, cpuQuotaUs: 35_000, memoryBytes: 26 * 2 ** 20 }],
    ['with overhead, of the pod as a whole', { overhead, resources: { requests: { cpu: '500m' }, limits: { memory: '64Mi' } }, containers: [{ name: 'a' }] }, { cpuShares: 768, cpuQuotaUs: undefined, memoryBytes: 80 * 2 ** 20 }],
    ['with overhead and no limits', { overhead, containers: [{ name: 'a', resources: { requests: { cpu: '100m' } } }] }, { cpuShares: 358, cpuQuotaUs: undefined, memoryBytes: undefined }],
    ['with overhead, and nothing asked', { overhead, containers: [{ name: 'a' }] }, { cpuShares: 2, cpuQuotaUs: undefined, memoryBytes: undefined }],
  ];
  for (const [why, spec, limits] of table) assert.deepEqual(podLimits(spec), limits, why);
});
test('huge pages by their size', () => {
  assert.deepEqual(ociResources({ name: 'a', resources: { limits: { 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi', cpu: '1' } } }, { privileged: false }).hugepageLimits, [{ pageSize: '2MB', limit: 4 * 2 ** 20 }, { pageSize: '1GB', limit: 2 ** 30 }]);
});
test('what the pod says as a whole goes before', () => {
  const limited = { name: 'a', resources: { limits: { memory: '10Mi', cpu: '100m' } } };
  assert.deepEqual(podLimits({ resources: { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m' } }, containers: [limited, { name: 'b' }] }), { cpuShares: 256, cpuQuotaUs: 50_000, memoryBytes: 64 * 2 ** 20 });
});
test('devices are refused unless privileged', () => {
  assert.deepEqual(ociResources({ name: 'a' }, { privileged: false }).devices, [{ allow: false, access: 'rwm' }]);
  assert.equal(ociResources({ name: 'a' }, { privileged: true, pidsLimit: 9 }).pids?.limit, 9);
});
test('how many processes a pod may have', () => {
  assert.deepEqual([undefined, null, 1, 100, -1].map(podPidsLimit), [16_384, 16_384, 1, 100, undefined]);
  for (const wrong of [0, -2, 1.5, '100', Infinity, 5_000_000, [1]]) assert.throws(() => podPidsLimit(wrong), /modules.node.podPidsLimit must be a whole number from 1 to 4194304, or -1/);
  assert.deepEqual(ociResources({ name: 'a' }, { privileged: false }).pids, { limit: -1 });
});
test('who is killed first', () => {
  const half = { name: 'a', resources: { requests: { memory: '512Mi' } } };
  assert.deepEqual((['Guaranteed', 'Burstable', 'BestEffort'] as const).map((qosClass) => oomScoreAdj({}, qosClass, half, 2 ** 30)), [-997, 500, 1_000]);
  assert.deepEqual([oomScoreAdj({}, 'Burstable', { name: 'a' }, 2 ** 30), oomScoreAdj({}, 'Burstable', half, 2 ** 20)], [999, 3]);
  const [a, side] = [{ name: 'a' }, { name: 's', restartPolicy: 'Always' }];
  assert.equal(oomScoreAdj({ spec: { containers: [half], initContainers: [side] } }, 'Burstable', side, 2 ** 30), 500, 'a sidecar goes no sooner than those that it serves');
  assert.deepEqual([half, a].map((each) => oomScoreAdj({ spec: { containers: [half, a], resources: { requests: { memory: '768Mi' } } } }, 'Burstable', each, 2 ** 30)), [375, 875], 'what is left of the whole is shared');
  assert.equal(oomScoreAdj({ spec: { containers: [a], priorityClassName: 'system-node-critical' } }, 'BestEffort', a, 2 ** 30), -997);
});
