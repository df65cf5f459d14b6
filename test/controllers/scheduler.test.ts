import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Node, Pod, PriorityClass } from '../../src/api/kinds.ts';
import { podCondition } from '../../src/api/pod-readiness.ts';
import core from '../../src/modules/core/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import type { Json } from '../../src/api/meta.ts';
import type { Client } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;
const namespace = 'default';

beforeEach(async () => {
  world = await startWorld([core, scheduler]);
  client = world.client;
  await addNode('n1');
});

afterEach(() => world.stop());

async function addNode(name: string): Promise<void> {
  const node = await client.create(Node, { metadata: { name }, spec: {} } as Node);
  await client.update(Node, { ...node, status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } } }, { subresource: 'status' });
}

const create = (name: string, cpu: string, more: Partial<Pod['spec']> = {}): Promise<Pod> =>
  client.create(Pod, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'web', resources: { requests: { cpu } } }], terminationGracePeriodSeconds: 1, ...more } } as Pod);
const get = (name: string): Promise<Pod> => client.get(Pod, name, { namespace });
const isOn = (name: string, node: string) => async (): Promise<boolean> => (await get(name)).spec?.nodeName === node;

test('priority comes from the class, and is refused from the pod', async () => {
  await client.create(PriorityClass, { metadata: { name: 'high' }, value: 1000 });
  assert.equal((await create('plain', '1m')).spec?.priority, 0);
  assert.equal((await create('high', '1m', { priorityClassName: 'high' })).spec?.priority, 1000);
  assert.equal((await create('critical', '1m', { priorityClassName: 'system-node-critical' })).spec?.priority, 2_000_001_000);
  await assert.rejects(create('wrong', '1m', { priorityClassName: 'none' }), /no PriorityClass with name none was found/);
  await assert.rejects(create('cheat', '1m', { priority: 5 }), /must not be provided in pod spec; priority admission controller computed 0/);
});

test('one class at most is the default', async () => {
  await client.create(PriorityClass, { metadata: { name: 'usual' }, value: 10, globalDefault: true });
  await assert.rejects(client.create(PriorityClass, { metadata: { name: 'second' }, value: 20, globalDefault: true }), /PriorityClass usual is already marked as default. Only one default can exist/);
  await client.patch(PriorityClass, 'usual', { type: 'merge', body: { description: 'may still be changed' } });
});

test('a pod of higher priority takes the place of a lower one', async () => {
  await client.create(PriorityClass, { metadata: { name: 'high' }, value: 1000 });
  await create('low', '1500m');
  await eventually('low is placed', isOn('low', 'n1'));
  await create('high', '1500m', { priorityClassName: 'high' });
  await eventually('low is asked to go', async () => (await get('low')).metadata.deletionTimestamp !== undefined);
  assert.equal(podCondition(await get('low'), 'DisruptionTarget')?.reason, 'PreemptionByScheduler');
  await eventually('the place is kept', async () => (await get('high')).status?.nominatedNodeName === 'n1');
  await client.delete(Pod, 'low', { namespace, gracePeriodSeconds: 0 }); // as the node does in the end
  await eventually('high is placed', isOn('high', 'n1'));
  assert.equal((await get('high')).status?.nominatedNodeName, undefined, 'it is nominated no more');
  await eventually('an event tells', async () => (await client.list(Event, { namespace })).items.some((each) => each.reason === 'Preempted'));
});

test('room that is kept for a pod is there for others when it is nominated no more, and when it is gone', async () => {
  const nominate = (nominatedNodeName: string | null): Promise<unknown> => client.patch(Pod, 'keeper', { type: 'merge', body: { status: { nominatedNodeName } } }, { subresource: 'status', namespace });
  const isRefused = (name: string) => async (): Promise<boolean> => podCondition(await get(name), 'PodScheduled')?.message?.includes('Insufficient cpu') === true;
  await create('keeper', '1500m', { nodeSelector: { disk: 'ssd' } });
  await eventually('it may not go there itself', async () => podCondition(await get('keeper'), 'PodScheduled')?.status === 'False');
  await nominate('n1');
  await create('first', '1');
  await eventually('there is no room', isRefused('first'));
  await nominate(null);
  await eventually('it is there now', isOn('first', 'n1'));
  await client.delete(Pod, 'first', { namespace, gracePeriodSeconds: 0 });
  await nominate('n1');
  await create('second', '1');
  await eventually('there is no room', isRefused('second'));
  await client.delete(Pod, 'keeper', { namespace, gracePeriodSeconds: 0 });
  await eventually('it is there now', isOn('second', 'n1'));
});

test('gates, cordons and other schedulers hold a pod back', async () => {
  await create('gated', '1m', { schedulingGates: [{ name: 'example.com/quota' }] });
  await create('foreign', '1m', { schedulerName: 'mine' });
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } });
  await world.caughtUp(Node);
  await create('late', '1m');
  await eventually('late says why', async () => podCondition(await get('late'), 'PodScheduled')?.message?.includes('1 node(s) were unschedulable') === true);
  assert.equal((await get('gated')).spec?.nodeName, undefined);
  assert.equal((await get('foreign')).spec?.nodeName, undefined);
  await client.patch(Node, 'n1', { type: 'merge', body: { spec: { unschedulable: null } } });
  await eventually('late goes', isOn('late', 'n1'));
  const gated = await get('gated');
  const spec = { ...gated.spec! };
  delete spec.schedulingGates;
  await client.update(Pod, { ...gated, spec });
  await eventually('gated goes', isOn('gated', 'n1'));
  assert.equal((await get('foreign')).spec?.nodeName, undefined);
});

test('never more than fits, however fast they come', async () => {
  await addNode('n2');
  await Promise.all(Array.from({ length: 24 }, (_, index) => create(`p${index}`, '200m')));
  const placed = async (): Promise<Pod[]> => (await client.list(Pod, { namespace })).items.filter((each) => each.spec?.nodeName);
  await eventually('20 are placed', async () => (await placed()).length === 20);
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const node of ['n1', 'n2']) assert.equal((await placed()).filter((each) => each.spec?.nodeName === node).length, 10);
});

test('what cannot be placed is not tried again until something changes that could help', async () => {
  await create('first', '100m');
  await eventually('the node is known', isOn('first', 'n1'));
  await create('huge', '3');
  const tries = async (): Promise<number> => (await client.list(Event, { namespace })).items.filter(({ reason, regarding, involvedObject }: Event & { regarding?: { name?: string }; involvedObject?: { name?: string } }) => reason === 'FailedScheduling' && (regarding ?? involvedObject)?.name === 'huge').reduce((sum, { count = 1 }: { count?: number }) => sum + count, 0);
  await eventually('it is told why', async () => (await tries()) === 1);
  const patch = (body: { [field: string]: Json }, subresource?: string): Promise<unknown> => client.patch(Node, 'n1', { type: 'merge', body }, subresource === undefined ? {} : { subresource });
  for (let index = 0; index < 3; index++) {
    await create(`small${index}`, '100m');
    await patch({ metadata: { labels: { index: String(index) } } });
    await patch({ status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }] } }, 'status');
  }
  await addNode('n2'); // as small as the other
  for (let index = 0; index < 3; index++) await eventually('the small ones are placed', async () => (await get(`small${index}`)).spec?.nodeName !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // longer than its back-off
  assert.equal(await tries(), 1, 'pods, labels, heartbeats and a small node help nobody');
  await client.patch(Node, 'n2', { type: 'merge', body: { status: { allocatable: { cpu: '4', memory: '4Gi', pods: '10' } } } }, { subresource: 'status' });
  await eventually('it goes where there is room', isOn('huge', 'n2'));
  assert.equal(await tries(), 1);
});

test('tries, what came of them, who waits and who had to go are counted', async () => {
  await client.create(PriorityClass, { metadata: { name: 'high' }, value: 1000 });
  await create('low', '1500m');
  await eventually('low is placed', isOn('low', 'n1'));
  await create('gated', '1m', { schedulingGates: [{ name: 'example.com/later' }] });
  await create('large', '100');
  await create('high', '1500m', { priorityClassName: 'high' });
  const has = (...lines: string[]) => eventually(lines.join(', '), async () => {
    const told = (await world.metrics()).split('\n');
    return lines.every((line) => told.includes(line));
  });
  await has(
    'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1', 'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 2',
    'scheduler_scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"} 1', 'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="1"} 1', 'scheduler_pod_scheduling_attempts_count 1',
    'scheduler_preemption_attempts_total 1', 'scheduler_preemption_victims_sum 1', 'scheduler_pending_pods{queue="gated"} 1', 'scheduler_pending_pods{queue="active"} 0',
  );
  await client.delete(Pod, 'low', { namespace, gracePeriodSeconds: 0 });
  await eventually('high is placed', isOn('high', 'n1'));
  await has('scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 2', 'scheduler_pending_pods{queue="unschedulable"} 1', 'scheduler_pod_scheduling_attempts_count 2');
  assert.match(await world.metrics(), /^scheduler_pod_scheduling_sli_duration_seconds_count\{attempts="[2-9]"\} 1$/m, 'it took more than one');
});
