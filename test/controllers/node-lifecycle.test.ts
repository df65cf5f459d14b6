import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Node, Pod } from '../../src/api/kinds.ts';
import { podCondition } from '../../src/api/pod-readiness.ts';
import core from '../../src/modules/core/module.ts';
import { collectPods } from '../../src/modules/node-lifecycle/collect-pods.ts';
import nodeLifecycle from '../../src/modules/node-lifecycle/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import { defineModule, type Client } from '../../src/sdk/index.ts';
import { ifThere } from '../../src/sdk/if-there.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const namespace = 'default';
/** As the module does, but soon. */
const collector = defineModule({ name: 'collector', description: 'test', needs: [Pod, Node], reads: [Node, Pod], writes: [Pod], run: (context) => collectPods(context, { everyMs: 20 }) });

beforeEach(async () => {
  world = await startWorld([core, scheduler, nodeLifecycle, collector]);
  client = world.client;
  const node = await client.create(Node, { metadata: { name: 'n1' }, spec: {} } as Node);
  await setReady(node, 'True');
});

afterEach(() => world.stop());

async function setReady(node: Node, status: string): Promise<void> {
  const conditions = [{ type: 'Ready', status, reason: 'KubeletReady', message: 'test', lastHeartbeatTime: new Date().toISOString() }];
  await client.patch(Node, node.metadata.name ?? '', { type: 'merge', body: { status: { allocatable: { cpu: '4', memory: '4Gi', pods: '10' }, conditions } } }, { subresource: 'status' });
}

const taints = async (): Promise<string[]> => ((await client.get(Node, 'n1')).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
const create = (name: string, tolerationSeconds?: number): Promise<Pod> =>
  client.create(Pod, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'web' }], ...(tolerationSeconds === undefined ? {} : { tolerations: [{ key: 'drain', operator: 'Exists', effect: 'NoExecute', tolerationSeconds }] }) } } as Pod);
const get = (name: string): Promise<Pod> => client.get(Pod, name, { namespace });

test('a new node takes no pods before it is ready', async () => {
  const dry = await client.create(Node, { metadata: { name: 'n2' }, spec: { taints: [{ key: 'own', effect: 'NoSchedule' }] } } as Node, { dryRun: true });
  assert.deepEqual(dry.spec?.taints, [{ key: 'own', effect: 'NoSchedule' }, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const again = await client.create(Node, { metadata: { name: 'n2' }, spec: { taints: dry.spec.taints } } as Node, { dryRun: true });
  assert.deepEqual(again.spec?.taints, dry.spec.taints, 'once');
  await eventually('it goes when the node is ready', async () => (await taints()).length === 0);
});

test('a cordon becomes a taint and goes with it', async () => {
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } });
  await eventually('the taint', async () => (await taints()).includes('node.kubernetes.io/unschedulable:NoSchedule'));
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { unschedulable: null } } });
  await eventually('no taint', async () => (await taints()).length === 0);
});

test('pods of a node that is not ready are not ready, and stay for their five minutes', async () => {
  const pod = await create('web');
  await eventually('it is placed', async () => (await get('web')).spec?.nodeName === 'n1');
  await client.patch(Pod, 'web', { type: 'strategic', body: { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } } }, { namespace, subresource: 'status' });
  await setReady(await client.get(Node, 'n1'), 'False');
  await eventually('both taints', async () => (await taints()).join() === 'node.kubernetes.io/not-ready:NoExecute,node.kubernetes.io/not-ready:NoSchedule');
  await eventually('the pod is not ready', async () => podCondition(await get('web'), 'Ready')?.status === 'False');
  assert.equal((await get('web')).metadata.deletionTimestamp, undefined);
  assert.equal((await get('web')).metadata.uid, pod.metadata.uid);
  await setReady(await client.get(Node, 'n1'), 'True');
  await eventually('no taints', async () => (await taints()).length === 0);
});

test('a NoExecute taint drives pods away in the time that they tolerate', async () => {
  await create('leaves');
  await create('stays', 3600);
  await create('soon', 1);
  for (const name of ['leaves', 'stays', 'soon']) await eventually(`${name} is placed`, async () => (await get(name)).spec?.nodeName === 'n1');
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { taints: [{ key: 'drain', effect: 'NoExecute' }] } } });
  await eventually('one leaves at once', async () => (await get('leaves')).metadata.deletionTimestamp !== undefined);
  assert.equal(podCondition(await get('leaves'), 'DisruptionTarget')?.reason, 'DeletionByTaintManager');
  await eventually('one leaves soon', async () => (await get('soon')).metadata.deletionTimestamp !== undefined);
  assert.equal((await get('stays')).metadata.deletionTimestamp, undefined);
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { taints: null } } });
  await eventually('it is told that one may stay', async () => (await client.list(Event, { namespace })).items.some(({ message }) => message === 'Cancelling deletion of Pod default/stays'));
});

test('a NoExecute taint takes finished pods, too', async () => {
  await create('over');
  await eventually('it is placed', async () => (await get('over')).spec?.nodeName === 'n1');
  await client.patch(Pod, 'over', { type: 'strategic', body: { status: { phase: 'Succeeded' } } }, { namespace, subresource: 'status' });
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { taints: [{ key: 'drain', effect: 'NoExecute' }] } } });
  await eventually('it goes', async () => (await ifThere(get('over')))?.metadata.deletionTimestamp !== undefined || (await ifThere(get('over'))) === undefined);
});

test('who waits for the end of a pod sees it, though there is no node to tell', async () => {
  const held = { finalizers: ['example.com/counts'], name: 'nowhere', namespace };
  await client.create(Pod, { metadata: held, spec: { containers: [{ name: 'c', image: 'web' }], nodeSelector: { no: 'such' } } } as Pod);
  await client.delete(Pod, 'nowhere', { namespace });
  await eventually('it has failed', async () => (await get('nowhere')).status?.phase === 'Failed');
  assert.equal(podCondition(await get('nowhere'), 'DisruptionTarget'), undefined);
  await client.patch(Pod, 'nowhere', { type: 'merge', body: { metadata: { finalizers: null } } }, { namespace });
});

test('pods leave a node that is said to be out of service without its word', async () => {
  const { metadata: { uid } } = await create('web');
  await eventually('it is placed', async () => (await get('web')).spec?.nodeName === 'n1');
  await setReady(await client.get(Node, 'n1'), 'Unknown');
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }] } } });
  await eventually('it is gone', async () => (await ifThere(get('web')))?.metadata.uid !== uid);
});

test('pods bear the zone and the region of the node that they get, or are made with', async () => {
  const [zone, region] = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];
  await client.patch(Node, 'n1', { type: 'merge', body: { metadata: { labels: { [zone]: 'z1', [region]: 'r1', other: 'x' } } } });
  const labels = { own: 'y', [zone]: 'of-my-own' };
  const make = (name: string, nodeName?: string): Promise<Pod> => client.create(Pod, { metadata: { name, namespace, labels }, spec: { nodeName, containers: [{ name: 'c', image: 'web' }] } } as Pod);
  const wanted = { own: 'y', [zone]: 'z1', [region]: 'r1' };
  let tries = 0;
  await eventually('the labels of the node are known', async () => (await make(`try-${tries++}`, 'n1')).metadata.labels?.[region] === 'r1');
  assert.deepEqual((await make('made', 'n1')).metadata.labels, wanted);
  assert.deepEqual((await make('placed')).metadata.labels, labels);
  await eventually('it is placed', async () => (await get('placed')).spec?.nodeName === 'n1');
  assert.deepEqual((await get('placed')).metadata.labels, wanted);
  const { metadata } = await client.create(Pod, { metadata: { name: 'by-hand', namespace }, spec: { schedulerName: 'mine', containers: [{ name: 'c', image: 'web' }] } } as Pod);
  await client.createSubresource(Pod, { namespace, name: metadata.name! }, 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: metadata.name, labels: { mine: '1' } }, target: { kind: 'Node', name: 'n1' } } as never);
  assert.deepEqual((await get('by-hand')).metadata.labels, { mine: '1', [zone]: 'z1', [region]: 'r1' });
});
