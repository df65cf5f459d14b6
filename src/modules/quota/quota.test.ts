import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ResourceQuota } from '../../api/generated/core-v1.ts';
import { charge, growth, unsaid } from './charge.ts';
import { claimFaultsOf, faultsOf, fillIn } from './limit-ranger.ts';
import { isInScope } from './scopes.ts';
import { concerns, countName, usageOf } from './usage.ts';

const PODS = { group: '', plural: 'pods' };
const NOW_MS = Date.parse('2026-11-21T22:00:00Z');

function pod(spec: object, more: object = {}): Pod {
  return { metadata: { name: 'p' }, spec: { containers: [], ...spec }, ...more };
}

const container = (requests?: object, limits?: object, more: object = {}): object => ({ name: 'c', resources: { requests, limits }, ...more });

test('what an object takes', () => {
  assert.deepEqual(usageOf({ group: 'apps', plural: 'deployments' }, pod({}), NOW_MS), { 'count/deployments.apps': '1' });
  assert.deepEqual(usageOf({ group: '', plural: 'secrets' }, pod({}), NOW_MS), { 'count/secrets': '1', secrets: '1' });
  const service = { metadata: {}, spec: { type: 'LoadBalancer', ports: [{ port: 1 }, { port: 2, nodePort: 30_000 }], allocateLoadBalancerNodePorts: false } };
  assert.deepEqual(usageOf({ group: '', plural: 'services' }, service, NOW_MS), { 'count/services': '1', services: '1', 'services.nodeports': '1', 'services.loadbalancers': '1' });
  const busy = pod({
    containers: [container({ cpu: '500m', memory: '1Gi' }, { cpu: '1' }), container({ cpu: '1', 'example.com/x': '2' })],
    initContainers: [container({ cpu: '200m' }, undefined, { restartPolicy: 'Always' }), container({ cpu: '3' })], overhead: { cpu: '100m' },
  });
  assert.deepEqual(usageOf(PODS, busy, NOW_MS), {
    'count/pods': '1', pods: '1', cpu: '3300m', 'requests.cpu': '3300m', memory: '1Gi', 'requests.memory': '1Gi', 'requests.example.com/x': '2', 'limits.cpu': '1100m',
  });
});

test('a claim takes what it wants or has been given, in whole bytes, of the class that its annotation or field names', () => {
  const claims = { group: '', plural: 'persistentvolumeclaims' };
  const claim = (requests: string, { field, annotation, allocated }: { field?: string; annotation?: string; allocated?: string }): Pod => ({
    metadata: { ...(annotation === undefined ? {} : { annotations: { 'volume.beta.kubernetes.io/storage-class': annotation } }) },
    spec: { storageClassName: field, resources: { requests: { storage: requests } } }, status: { ...(allocated === undefined ? {} : { allocatedResources: { storage: allocated } }) },
  }) as object as Pod;
  const table: [Pod, string, string | undefined][] = [
    [claim('10Gi', { field: 'gold' }), '10Gi', 'gold'], [claim('10Gi', { field: 'gold', annotation: 'old' }), '10Gi', 'old'], [claim('100m', {}), '1', undefined],
    [claim('10Gi', { allocated: '12Gi' }), '12Gi', undefined], [claim('10Gi', { allocated: '8Gi' }), '10Gi', undefined], [claim('1', { allocated: '1500m' }), '2', undefined],
  ];
  for (const [each, storage, className] of table) {
    const ofClass = className === undefined ? {} : { [`${className}.storageclass.storage.k8s.io/persistentvolumeclaims`]: '1', [`${className}.storageclass.storage.k8s.io/requests.storage`]: storage };
    assert.deepEqual(usageOf(claims, each, NOW_MS), { 'count/persistentvolumeclaims': '1', persistentvolumeclaims: '1', 'requests.storage': storage, ...ofClass });
  }
});

test('the overhead of a class adds to limits that there are', () => {
  const { 'limits.cpu': cpu, 'limits.memory': memory, 'requests.memory': requested } = usageOf(PODS, pod({ containers: [container({ cpu: '1' }, { cpu: '1', memory: '0' })], overhead: { cpu: '100m', memory: '8Mi', 'ephemeral-storage': '1Gi' } }), NOW_MS);
  assert.deepEqual([cpu, memory, requested], ['1100m', '0', '8Mi']);
  assert.equal(usageOf(PODS, pod({ containers: [container({ cpu: '1' }, { cpu: '1' })], overhead: { memory: '8Mi' } }), NOW_MS)['limits.memory'], undefined);
});

test('a claim of devices takes as many of a class as it may be given', () => {
  const gpu = { deviceClassName: 'gpu' };
  const requests = [{ name: 'a', exactly: { ...gpu, allocationMode: 'ExactCount', count: 2 } }, { name: 'b', exactly: { deviceClassName: 'nic', allocationMode: 'All' } }, { name: 'c', firstAvailable: [{ name: 'x', ...gpu, count: 3 }, { name: 'y', ...gpu, count: 1 }] }];
  assert.deepEqual(usageOf({ group: 'resource.k8s.io', plural: 'resourceclaims' }, { metadata: {}, spec: { devices: { requests } } } as object as Pod, NOW_MS), {
    'count/resourceclaims.resource.k8s.io': '1', 'gpu.deviceclass.resource.k8s.io/devices': '5', 'nic.deviceclass.resource.k8s.io/devices': '32',
  });
});

test('a pod that is over takes a place in count/pods only', () => {
  for (const over of [{ status: { phase: 'Failed' } }, { metadata: { deletionTimestamp: '2026-11-21T21:59:00Z' } }]) {
    assert.deepEqual(usageOf(PODS, pod({ containers: [container({ cpu: '1' })] }, over), NOW_MS), { 'count/pods': '1' });
  }
});

test('which kinds a resource name concerns', () => {
  const table: [string, string, string, boolean][] = [
    ['gpu.deviceclass.resource.k8s.io/devices', 'resource.k8s.io', 'resourceclaims', true], ['gpu.deviceclass.resource.k8s.io/devices', '', 'pods', false],
    ['cpu', '', 'pods', true], ['requests.example.com/gpu', '', 'pods', true], ['count/pods', '', 'pods', true], ['services', '', 'pods', false], ['services.nodeports', '', 'services', true],
    ['requests.storage', '', 'pods', false], ['requests.storage', '', 'persistentvolumeclaims', true], ['count/jobs.batch', 'batch', 'jobs', true], ['count/jobs.batch', '', 'pods', false],
  ];
  for (const [name, group, plural, expected] of table) assert.equal(concerns({ group, plural }, [name]), expected, `${name} ${plural}`);
  assert.equal(countName({ group: 'apps', plural: 'replicasets' }), 'count/replicasets.apps');
});

test('scopes', () => {
  const quota = (...scopes: string[]): ResourceQuota => ({ metadata: {}, spec: { scopes: scopes as never } });
  const best = pod({ containers: [container()] });
  const ending = pod({ containers: [container({ cpu: '1' })], activeDeadlineSeconds: 5 });
  assert.deepEqual([best, ending].map((each) => isInScope(quota('BestEffort'), PODS, each)), [true, false]);
  assert.deepEqual([best, ending].map((each) => isInScope(quota('Terminating', 'NotBestEffort'), PODS, each)), [false, true]);
  assert.equal(isInScope(quota('BestEffort'), { group: '', plural: 'services' }, best), false);
  const classes: ResourceQuota = { metadata: {}, spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } } };
  assert.deepEqual(['high', 'low'].map((priorityClassName) => isInScope(classes, PODS, pod({ priorityClassName }))), [true, false]);
  const claims = { group: '', plural: 'persistentvolumeclaims' };
  const gold: ResourceQuota = { metadata: {}, spec: { scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: ['gold'] }] } } };
  const claim = (...[wanted, had]: (string | undefined)[]): never => ({ metadata: {}, spec: { volumeAttributesClassName: wanted }, status: { currentVolumeAttributesClassName: had } }) as never;
  assert.deepEqual([claim('gold'), claim('silver', 'gold'), claim('silver'), claim()].map((each) => isInScope(gold, claims, each)), [true, true, false, false]);
  assert.deepEqual([isInScope(quota('BestEffort'), claims, claim('gold')), isInScope(gold, PODS, best)], [false, false]);
});

test('charging a quota', () => {
  const quota: ResourceQuota = { metadata: { name: 'q' }, status: { hard: { pods: '2', cpu: '1' }, used: { pods: '1', cpu: '500m' } } };
  assert.deepEqual(charge(quota, growth(quota, { pods: '1', cpu: '500m', memory: '1Gi' }, {})), { used: { pods: '2', cpu: '1' } });
  assert.deepEqual(charge(quota, growth(quota, { pods: '2', cpu: '1' }, {})), { refused: 'exceeded quota: q, requested: cpu=1,pods=2, used: cpu=500m,pods=1, limited: cpu=1,pods=2' });
  assert.equal(charge(quota, growth(quota, { pods: '1', cpu: '100m' }, { pods: '1', cpu: '200m' })), undefined);
  assert.equal(unsaid(quota, PODS, pod({ containers: [container({ memory: '1' })] })), 'failed quota: q: must specify cpu for: c');
  assert.equal(unsaid(quota, PODS, pod({ containers: [container({ cpu: '1' })] })), undefined);
  assert.equal(unsaid(quota, PODS, pod({ containers: [container()], resources: { requests: { memory: '1Gi' } } })), undefined, 'what the pod says stands for its containers');
});

test('ranges fill in and bound', () => {
  const silent = pod({ containers: [container(), container({ cpu: '2' }, { cpu: '3' })] });
  fillIn(silent, { metadata: {}, spec: { limits: [{ type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' } }] } });
  assert.deepEqual(silent.spec?.containers.map(({ resources }) => [resources?.requests?.['cpu'], resources?.limits?.['cpu']]), [['100m', '500m'], ['2', '3']]);
  assert.equal(silent.metadata.annotations?.['kubernetes.io/limit-ranger'], 'LimitRanger plugin set: cpu request for container c; cpu limit for container c');
  const table: [object, string[]][] = [
    [{ type: 'Container', max: { cpu: '1' } }, ['maximum cpu usage per Container is 1, but limit is 3']],
    [{ type: 'Container', min: { cpu: '200m' } }, ['minimum cpu usage per Container is 200m, but request is 100m']],
    [{ type: 'Pod', max: { memory: '1Gi' } }, ['maximum memory usage per Pod is 1Gi. No limit is specified']],
    [{ type: 'Container', maxLimitRequestRatio: { cpu: '2' } }, ['cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000']],
    [{ type: 'Pod', min: { cpu: '1' }, max: { cpu: '4' } }, []],
  ];
  for (const [item, expected] of table) assert.deepEqual(faultsOf(silent, item as never), expected);
  assert.deepEqual(faultsOf({ ...silent, spec: { ...silent.spec!, overhead: { cpu: '5' } } }, { type: 'Pod', max: { cpu: '4' } }), [], 'the overhead of a class is not the pod\'s fault');
  silent.spec!.containers[1]!.name = 'd';
  const resized = structuredClone(silent);
  resized.spec!.containers[0]!.resources!.requests!['memory'] = '1Gi';
  for (const [item] of table.slice(0, 4)) assert.deepEqual(faultsOf(resized, item as never, silent), 'memory' in ((item as { max?: object }).max ?? {}) ? ['maximum memory usage per Pod is 1Gi. No limit is specified'] : [], 'what is as it was is no fault');
});

test('what a claim asks for outside the bounds of a range', () => {
  const item = { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } };
  const claim = (storage?: string): never => ({ metadata: {}, spec: { resources: { requests: storage === undefined ? {} : { storage } } } }) as never;
  assert.deepEqual(claimFaultsOf(claim('5Gi'), item), ['maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi']);
  assert.deepEqual(claimFaultsOf(claim('1Mi'), item), ['minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi']);
  assert.deepEqual(claimFaultsOf(claim('2Gi'), item), []);
  assert.deepEqual([claimFaultsOf(claim('5Gi'), item, claim('5120Mi')), claimFaultsOf(claim('6Gi'), item, claim('5Gi')).length], [[], 1], 'one from before can still be labelled');
  assert.deepEqual(claimFaultsOf(claim(), { type: 'PersistentVolumeClaim', min: { storage: '1Gi' } }), ['minimum storage usage per PersistentVolumeClaim is 1Gi. No request is specified']);
  assert.deepEqual(claimFaultsOf(claim('5Gi'), { ...item, type: 'Container' }), []);
});
