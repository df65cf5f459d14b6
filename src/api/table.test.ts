import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration } from './age.ts';
import { NAME } from './columns.ts';
import { defineKind } from './kind.ts';
import { Deployment, EndpointSlice, Event, EventsEvent, Namespace, Node, Pod, ReplicaSet, Service } from './kinds.ts';
import type { Kind } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { toPartialMetadataList } from './partial-metadata.ts';
import { columnsOf, toTable } from './table.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const created = { creationTimestamp: '2026-01-01T23:58:30Z' };

function row<T extends KubeObject>(kind: Kind<T>, object: unknown, how: { wide?: boolean } = {}): unknown[] {
  const table = toTable(kind, [object as T], { nowMs: NOW, includeObject: 'None' });
  return table.rows[0]!.cells.filter((_, index) => how.wide === true || table.columnDefinitions[index]!.priority === 0);
}

test('durations', () => {
  const table: [number, string][] = [
    [-5, '<invalid>'], [-1, '0s'], [0, '0s'], [119, '119s'], [120, '2m'], [200, '3m20s'], [600, '10m'], [10_799, '179m'], [10_800, '3h'], [3 * 3600 + 300, '3h5m'],
    [8 * 3600, '8h'], [47 * 3600, '47h'], [48 * 3600, '2d'], [50 * 3600, '2d2h'], [8 * 86_400, '8d'], [400 * 86_400, '400d'], [731 * 86_400, '2y1d'], [9 * 365 * 86_400, '9y'],
  ];
  for (const [seconds, text] of table) assert.equal(humanDuration(seconds * 1000), text);
});

test('the headers that kubectl users know', () => {
  const headers = (kind: Kind<never>): string => columnsOf(kind).map(({ name, priority }) => (priority ? `(${name})` : name).toUpperCase()).join(' ');
  assert.equal(headers(Pod as Kind<never>), 'NAME READY STATUS RESTARTS AGE (IP) (NODE) (NOMINATED NODE) (READINESS GATES)');
  assert.equal(headers(Deployment as Kind<never>), 'NAME READY UP-TO-DATE AVAILABLE AGE (CONTAINERS) (IMAGES) (SELECTOR)');
  assert.equal(headers(ReplicaSet as Kind<never>), 'NAME DESIRED CURRENT READY AGE (CONTAINERS) (IMAGES) (SELECTOR)');
  assert.equal(headers(Service as Kind<never>), 'NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE (SELECTOR)');
  assert.equal(headers(Event as Kind<never>), 'LAST SEEN TYPE REASON OBJECT (SUBOBJECT) (SOURCE) MESSAGE (FIRST SEEN) (COUNT) (NAME)');
  assert.equal(headers(Node as Kind<never>), 'NAME STATUS ROLES AGE VERSION (INTERNAL-IP) (EXTERNAL-IP) (OS-IMAGE) (KERNEL-VERSION) (CONTAINER-RUNTIME)');
});

const waiting = (reason: string): unknown => ({ name: 'c', restartCount: 0, ready: false, state: { waiting: { reason } } });
const running = { name: 'c', restartCount: 0, ready: true, state: { running: {} } };
const ended = (reason: string, exitCode: number): unknown => ({ name: 'c', restartCount: 0, ready: false, state: { terminated: { reason, exitCode } } });
const one = { containers: [{ name: 'c' }] };
const withInit = { ...one, initContainers: [{ name: 'i' }] };

const words: [string, unknown, string, string][] = [
  ['pending', { spec: one, status: { phase: 'Pending' } }, 'Pending', '0/1'],
  ['gated', { spec: one, status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } }, 'SchedulingGated', '0/1'],
  ['creating', { spec: one, status: { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] } }, 'ContainerCreating', '0/1'],
  ['running', { spec: one, status: { phase: 'Running', containerStatuses: [running] } }, 'Running', '1/1'],
  ['crashing', { spec: one, status: { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] } }, 'CrashLoopBackOff', '0/1'],
  ['completed', { spec: one, status: { phase: 'Succeeded', containerStatuses: [ended('Completed', 0)] } }, 'Completed', '0/1'],
  ['killed', { spec: one, status: { phase: 'Failed', containerStatuses: [ended('OOMKilled', 137)] } }, 'OOMKilled', '0/1'],
  ['exit code', { spec: one, status: { phase: 'Failed', containerStatuses: [ended('', 3)] } }, 'ExitCode:3', '0/1'],
  ['evicted', { spec: one, status: { phase: 'Failed', reason: 'Evicted' } }, 'Evicted', '0/1'],
  ['first init', { spec: withInit, status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', restartCount: 0, state: { running: {} } }], containerStatuses: [waiting('PodInitializing')] } }, 'Init:0/1', '0/1'],
  ['init fails', { spec: withInit, status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', restartCount: 0, state: { waiting: { reason: 'CrashLoopBackOff' } } }] } }, 'Init:CrashLoopBackOff', '0/1'],
  ['init ended badly', { spec: withInit, status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', restartCount: 0, state: { terminated: { exitCode: 2, reason: '' } } }] } }, 'Init:ExitCode:2', '0/1'],
  ['initializing', { spec: withInit, status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', restartCount: 0, state: { terminated: { exitCode: 0 } } }], containerStatuses: [waiting('PodInitializing')] } }, 'PodInitializing', '0/1'],
  ['terminating', { metadata: { deletionTimestamp: 'x' }, spec: one, status: { phase: 'Running', containerStatuses: [running] } }, 'Terminating', '1/1'],
  ['one done, one running', { spec: { containers: [{ name: 'c' }, { name: 'd' }] }, status: { phase: 'Running', containerStatuses: [ended('Completed', 0), { ...running, name: 'd' }] } }, 'NotReady', '1/2'],
  ['a sidecar counts', { spec: { ...one, initContainers: [{ name: 's', restartPolicy: 'Always' }] }, status: { phase: 'Running', initContainerStatuses: [{ name: 's', restartCount: 0, started: true, ready: true, state: { running: {} } }], containerStatuses: [running] } }, 'Running', '2/2'],
];

for (const [name, pod, status, ready] of words) {
  test(`the status word of a pod: ${name}`, () => assert.deepEqual(row(Pod, { metadata: {}, ...(pod as object) }).slice(1, 3), [ready, status]));
}

test('restarts say when the last one was', () => {
  const status = { ...running, restartCount: 2, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T23:55:00Z' } } };
  assert.equal(row(Pod, { metadata: {}, spec: one, status: { phase: 'Running', containerStatuses: [status] } })[3], '2 (5m ago)');
});

test('a finished pod says so beside its row', () => {
  const table = toTable(Pod, [{ metadata: { name: 'a' }, spec: one, status: { phase: 'Succeeded' } } as Pod], { nowMs: NOW });
  assert.equal(table.rows[0]!.conditions![0]!.type, 'Completed');
  assert.deepEqual(table.rows[0]!.object, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } });
});

test('other rows', () => {
  assert.deepEqual(row(Deployment, { metadata: { name: 'web', ...created }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [{ name: 'a', image: 'x' }, { name: 'b', image: 'y' }] } } }, status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 } }, { wide: true }),
    ['web', '2/3', 3, 2, '90s', 'a,b', 'x,y', 'app=web']);
  const service = (spec: object, status = {}): unknown[] => row(Service, { metadata: { name: 's', ...created }, spec, status });
  assert.deepEqual(service({ type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 80, protocol: 'TCP' }] }), ['s', 'ClusterIP', '10.0.0.1', '<none>', '80/TCP', '90s']);
  assert.deepEqual(service({ type: 'LoadBalancer', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }] }), ['s', 'LoadBalancer', '10.0.0.1', '<pending>', '80:30080/TCP', '90s']);
  assert.deepEqual(service({ type: 'LoadBalancer', clusterIP: '10.0.0.1', ports: [] }, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } })[3], '192.0.2.1');
  assert.deepEqual(service({ type: 'ExternalName', externalName: 'example.com' }), ['s', 'ExternalName', '<none>', 'example.com', '<none>', '90s']);
  assert.deepEqual(row(Namespace, { metadata: { name: 'n', ...created }, status: { phase: 'Active' } }), ['n', 'Active', '90s']);
  assert.deepEqual(row(Node, { metadata: { name: 'n', labels: { 'node-role.kubernetes.io/control-plane': '' }, ...created }, spec: { unschedulable: true }, status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1' } } }), ['n', 'Ready,SchedulingDisabled', 'control-plane', '90s', 'v1']);
  assert.deepEqual(row(EndpointSlice, { metadata: { name: 'e', ...created }, addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses: ['1'] }, { addresses: ['2'] }, { addresses: ['3'] }, { addresses: ['4'] }] }), ['e', 'IPv4', '80', '1,2,3 + 1 more...', '90s']);
  const event = { metadata: { name: 'e' }, involvedObject: { kind: 'Pod', name: 'p' }, type: 'Normal', reason: 'Pulled', message: ' pulled \n', firstTimestamp: '2026-01-01T23:50:00Z', lastTimestamp: '2026-01-01T23:59:00Z', count: 3, source: { component: 'kubelet', host: 'n' } };
  assert.deepEqual(row(Event, event, { wide: true }), ['60s', 'Normal', 'Pulled', 'pod/p', '', 'kubelet, n', 'pulled', '10m', 3, 'e']);
  assert.deepEqual(row(EventsEvent, EventsEvent.stored!.from(event as unknown as KubeObject)), row(Event, event));
});

test('events go to core words and back without loss', () => {
  const event = { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e' }, regarding: { kind: 'Pod' }, note: 'n', reportingController: 'c', reportingInstance: 'i', eventTime: 't', deprecatedCount: 2 };
  // Go writes times that are no pointers, empty as they are.
  assert.deepEqual(EventsEvent.stored!.from(EventsEvent.stored!.to(event as never)), { ...event, deprecatedFirstTimestamp: null, deprecatedLastTimestamp: null });
});

test('a kind without columns has name and age, and the name is put first where it is missing', () => {
  const names = { group: 'x.io', version: 'v1', kind: 'X', plural: 'xs', namespaced: true, schema: () => ({}) };
  assert.deepEqual(row(defineKind<KubeObject>(names), { metadata: { name: 'a', ...created } }), ['a', '90s']);
  const sized = defineKind<KubeObject>({ ...names, columns: [{ name: 'Size', type: 'integer', cell: () => 3 }] });
  assert.deepEqual(columnsOf(sized)[0], NAME);
  assert.deepEqual(row(sized, { metadata: { name: 'a' } }), ['a', 3]);
});

test('partial metadata lists', () => {
  const list = toPartialMetadataList([{ metadata: { name: 'a' }, spec: 1 } as unknown as KubeObject], { resourceVersion: '7' });
  assert.deepEqual(list, { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '7' }, items: [{ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } }] });
});
