/** What volumes say of where a pod may go: limits of drivers, zones, access by one pod alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { CSINodeDriver, CSIStorageCapacity, StorageClass, VolumeAttachment } from '../../../api/generated/storage-v1.ts';
import { decide, node, pod } from '../framework/fixtures.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { createQueue } from '../framework/queue.ts';
import { createProfile } from '../profile.ts';
import type { Choice, StorageView } from './volumes.ts';

const DRIVER = 'disk.example.com';

interface Facts { room?: CSIStorageCapacity[]; claims?: PersistentVolumeClaim[]; volumes?: PersistentVolume[]; limits?: Record<string, number>; attachments?: VolumeAttachment[] }

function viewOf({ room, claims = [], volumes = [], limits = {}, attachments = [] }: Facts): StorageView {
  const late: StorageClass = { metadata: { name: 'late' }, provisioner: DRIVER, volumeBindingMode: 'WaitForFirstConsumer' };
  return {
    ready: () => true, claim: (namespace, name) => claims.find(({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace),
    volume: (name) => volumes.find(({ metadata }) => metadata.name === name), volumes: () => volumes, storageClass: (name) => (name === 'late' ? late : undefined),
    driversOn: (name): CSINodeDriver[] => (limits[name] === undefined ? [] : [{ name: DRIVER, nodeID: name, allocatable: { count: limits[name] } }]),
    attachments: () => attachments, roomOf: () => room, bind: () => Promise.resolve(),
  };
}

/** A claim that has the volume `v-NAME`. */
function bound(name: string, spec: object = {}): PersistentVolumeClaim {
  return { metadata: { name, uid: name }, spec: { volumeName: `v-${name}`, accessModes: ['ReadWriteOnce'], ...spec }, status: { phase: 'Bound' } };
}
const open = (name: string): PersistentVolumeClaim => ({ metadata: { name, uid: name }, spec: { storageClassName: 'late' }, status: { phase: 'Pending' } });
const disk = (claim: string, labels: Record<string, string> = {}): PersistentVolume => ({ metadata: { name: `v-${claim}`, labels }, spec: { csi: { driver: DRIVER, volumeHandle: `handle-${claim}` } } });
const attached = (claim: string, nodeName: string): VolumeAttachment => ({ metadata: { name: `${claim}-${nodeName}` }, spec: { attacher: DRIVER, nodeName, source: { persistentVolumeName: `v-${claim}` } } });
const using = (name: string, claims: readonly string[], on?: string): Pod => pod(name, { ...(on !== undefined && { node: on }), spec: { containers: [{ name: 'c' }], ...(on !== undefined && { nodeName: on }), volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) } });

test('a node takes as many volumes of a driver as it says', () => {
  const claims = [bound('a'), bound('b'), bound('c'), open('d')];
  const volumes = ['a', 'b', 'c'].map((name) => disk(name));
  const limits = { n: 2 };
  const table: [string, Facts, Pod[], Pod, boolean][] = [
    ['room for one more', { limits }, [using('x', ['a'], 'n')], using('p', ['b']), true],
    ['full', { limits }, [using('x', ['a', 'b'], 'n')], using('p', ['c']), false],
    ['a volume that is there already counts once', { limits }, [using('x', ['a', 'b'], 'n')], using('p', ['b']), true],
    ['two pods with one volume are one', { limits }, [using('x', ['a'], 'n'), using('y', ['a'], 'n')], using('p', ['b']), true],
    ['two at once', { limits: { n: 1 } }, [], using('p', ['a', 'b']), false],
    ['one that is yet to be made', { limits }, [using('x', ['a', 'b'], 'n')], using('p', ['d']), false],
    ['one that is attached still, of a pod that is gone', { limits, attachments: [attached('a', 'n'), attached('b', 'n')] }, [], using('p', ['c']), false],
    ['or elsewhere', { limits, attachments: [attached('a', 'm'), attached('b', 'm')] }, [], using('p', ['c']), true],
    ['no limit is told', {}, [using('x', ['a', 'b'], 'n')], using('p', ['c']), true],
    ['pods without volumes', { limits: { n: 0 } }, [], pod('p'), true],
  ];
  for (const [name, facts, placed, wanted, fits] of table) {
    const decision = decide([node('n')], placed, wanted, createProfile({}, { storage: viewOf({ claims, volumes, ...facts }) }));
    assert.equal(decision.node?.name, fits ? 'n' : undefined, name);
    if (!fits) assert.match(decision.message, /^0\/1 nodes are available: 1 node\(s\) exceed max volume count\./, name);
  }
  const allowed = createProfile({ disabled: ['NodeVolumeLimits'] }, { storage: viewOf({ claims, volumes, limits: { n: 0 } }) });
  assert.equal(decide([node('n')], [], using('p', ['a']), allowed).node?.name, 'n', 'without the plugin');
});

test('a pod goes to the zones of its volumes', () => {
  const zone = (name: string, more: Record<string, string> = {}) => ({ labels: { 'topology.kubernetes.io/zone': name, ...more } });
  const nodes = [node('one', zone('1', { 'topology.kubernetes.io/region': 'r' })), node('two', zone('2', { 'topology.kubernetes.io/region': 'r' }))];
  for (const [name, labels, expected, others = nodes] of [
    ['its zone', { 'topology.kubernetes.io/zone': '2' }, 'two'],
    ['by the older name', { 'failure-domain.beta.kubernetes.io/zone': '2' }, 'two'],
    ['one of several', { 'topology.kubernetes.io/zone': '3__2' }, 'two'],
    ['zone and region', { 'topology.kubernetes.io/zone': '1', 'topology.kubernetes.io/region': 'r' }, 'one'],
    ['another region', { 'topology.kubernetes.io/zone': '1', 'topology.kubernetes.io/region': 's' }, undefined],
    ['nodes that say nothing of zones', { 'topology.kubernetes.io/zone': '2' }, 'bare', [node('bare')]],
    ['no labels', {}, 'one'],
  ] as [string, Record<string, string>, string | undefined, typeof nodes?][]) {
    const decision = decide(others, [], using('p', ['a']), createProfile({}, { storage: viewOf({ claims: [bound('a')], volumes: [disk('a', labels)] }) }));
    assert.equal(decision.node?.name, expected, name);
    if (expected === undefined) assert.match(decision.message, /^0\/2 nodes are available: 2 node\(s\) had no available volume zone\. preemption: 0\/2 nodes are available: 2 Preemption is not helpful/);
  }
});

test('a volume is made where its driver says that it has room', () => {
  const roomIn = (zone: string, capacity: string, more: object = {}): CSIStorageCapacity => ({ metadata: { name: zone }, storageClassName: 'late', nodeTopology: { matchLabels: { zone } }, capacity, ...more });
  const nodes = [node('one', { labels: { zone: '1' } }), node('two', { labels: { zone: '2' } })];
  const claim = { ...open('a'), spec: { storageClassName: 'late', resources: { requests: { storage: '5Gi' } } } };
  for (const [name, room, expected] of [
    ['a driver that says nothing', undefined, 'one'], ['none at all', [], undefined], ['too little in one', [roomIn('1', '4Gi'), roomIn('2', '5Gi')], 'two'],
    ['volumes that may not be so large', [roomIn('1', '9Gi', { maximumVolumeSize: '1Gi' }), roomIn('2', '6Gi')], 'two'], ['another class', [roomIn('1', '9Gi', { storageClassName: 'fast' })], undefined], ['no topology', [roomIn('1', '9Gi', { nodeTopology: undefined })], undefined],
  ] as [string, CSIStorageCapacity[] | undefined, string | undefined][]) {
    const decision = decide(nodes, [], using('p', ['a']), createProfile({}, { storage: viewOf({ claims: [claim], ...(room !== undefined && { room }) }) }));
    assert.equal(decision.node?.name, expected, name);
    if (expected === undefined) assert.match(decision.message, /^0\/2 nodes are available: 2 node\(s\) did not have enough free storage\./, name);
  }
});

const local = (name: string, on: string, storage = '1Gi'): PersistentVolume => ({
  metadata: { name }, spec: { storageClassName: 'late', capacity: { storage }, accessModes: ['ReadWriteOnce'], nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [on] }] }] } } },
});
const sized = (name: string, storage: string, annotations?: Record<string, string>): PersistentVolumeClaim => ({ ...open(name), metadata: { name, uid: name, ...(annotations !== undefined && { annotations }) }, spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } } });
const NO_ROOM: CSIStorageCapacity[] = [];

test('each claim of a pod has a volume of its own, the smallest claim the smallest', () => {
  const [claims, nodes] = [[sized('large', '2Gi'), sized('small', '1Gi')], [node('one'), node('two')]];
  const goesTo = (volumes: PersistentVolume[]): string | undefined => decide(nodes, [], using('p', ['large', 'small']), createProfile({}, { storage: viewOf({ claims, volumes, room: NO_ROOM }) })).node?.name;
  assert.equal(goesTo([local('a', 'one', '3Gi'), local('b', 'two', '3Gi'), local('c', 'two', '1Gi')]), 'two');
  assert.equal(goesTo([local('a', 'one', '3Gi'), local('b', 'two', '1Gi'), local('c', 'two', '1Gi')]), undefined, 'one volume is not enough for two');
});

test('a claim that two volumes of a pod are of is bound once', () => {
  const both = using('p', ['a', 'a']);
  for (const names of [['v'], ['v', 'w']]) {
    const bound: Choice[] = [];
    const storage = { ...viewOf({ claims: [sized('a', '1Gi')], volumes: names.map((name) => local(name, 'n')), room: NO_ROOM }), bind: (choices: readonly Choice[]) => Promise.resolve(void bound.push(...choices)) };
    const profile = createProfile({}, { storage });
    const plugin = profile.plugins.find(({ name }) => name === 'VolumeBinding')!;
    const chosen = decide([node('n')], [], both, profile).node;
    assert.equal(chosen?.name, 'n', `${names.length} volumes`);
    assert.equal(plugin.reserve?.(podInfoOf(both), chosen!), undefined);
    void plugin.permit?.(podInfoOf(both), chosen!, new AbortController().signal);
    assert.deepEqual(bound.map(({ claim, volume }) => [claim.metadata.name, volume?.metadata.name]), [['a', 'v']]);
  }
});

test('pods with one claim go where its volume is to be, though the claim does not say so yet', () => {
  const nodes = [node('one', { pods: '1' }), node('two')];
  const twice = (volumes: PersistentVolume[], annotations?: Record<string, string>): (string | undefined)[] => {
    const profile = createProfile({}, { storage: viewOf({ claims: [sized('a', '1Gi', annotations)], volumes }) });
    const plugin = profile.plugins.find(({ name }) => name === 'VolumeBinding')!;
    const [first, second] = [decide(nodes, [], using('p', ['a']), profile).node, podInfoOf(using('q', ['a']))];
    if (first === undefined) return [undefined];
    assert.equal(plugin.reserve?.(podInfoOf(using('p', ['a'])), first), undefined);
    const beside = using('p', ['a'], first.name);
    const next = decide(nodes, [beside], second.pod, profile).node?.name;
    plugin.unreserve?.(podInfoOf(using('p', ['a'])), first);
    return [first.name, next, decide(nodes, [beside], second.pod, profile).node?.name];
  };
  assert.deepEqual(twice([], { 'volume.kubernetes.io/selected-node': 'two' }), ['two', 'two', 'two'], 'one is being made there');
  assert.deepEqual(twice([], { 'volume.kubernetes.io/selected-node': 'gone' }), ['one', undefined, 'two'], 'on a node that is gone none is');
  assert.deepEqual(twice([local('v', 'one'), local('w', 'two')]), ['one', undefined, 'two']);
});

test('a volume for one pod alone has one, and a more important one takes its place', () => {
  const storage = viewOf({ claims: [bound('a', { accessModes: ['ReadWriteOncePod'] })], volumes: [disk('a')] });
  const holder = using('x', ['a'], 'n');
  const decision = decide([node('n'), node('m')], [holder], using('p', ['a']), createProfile({}, { storage }));
  assert.match(decision.message, /^0\/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode\./);
  const urgent = using('p', ['a']);
  urgent.spec!.priority = 10;
  assert.deepEqual(decide([node('n')], [holder], urgent, createProfile({}, { storage })).nominated?.victims.map(({ name }) => name), ['x']);
});

test('what waits for storage is woken by its own claims, by volumes and by pods that leave', () => {
  const profile = createProfile({}, { storage: viewOf({}) });
  const queue = createQueue({ nowMs: () => 1_000, profileOf: () => profile });
  const wakes = (plugin: string, event: Parameters<typeof queue.wake>[0]): boolean => {
    queue.set(podInfoOf(using('p', ['a'])));
    queue.putBack(queue.pop()!, new Set([plugin]));
    queue.wake(event);
    const { waiting } = queue.sizes;
    queue.remove('p');
    return waiting === 0;
  };
  for (const plugin of ['VolumeBinding', 'NodeVolumeLimits', 'VolumeZone']) {
    const by = [{ claim: { namespace: 'default', name: 'a' } }, { claim: { namespace: 'default', name: 'b' } }, { claim: { namespace: 'other', name: 'a' } }, {}];
    assert.deepEqual(by.map((about) => wakes(plugin, { type: 'storage-changed', ...about })), [true, false, false, true], plugin);
  }
  const left = [using('x', ['b'], 'n'), pod('y', { node: 'n' })].map((each) => wakes('NodeVolumeLimits', { type: 'pod-removed', pod: podInfoOf(each) }));
  assert.deepEqual(left, [true, false]);
  assert.deepEqual(['a', 'b'].map((claim) => wakes('VolumeBinding', { type: 'pod-removed', pod: podInfoOf(using('x', [claim], 'n')) })), [true, false]);
  assert.equal(wakes('VolumeZone', { type: 'pod-removed', pod: podInfoOf(using('x', ['a'], 'n')) }), false);
});
