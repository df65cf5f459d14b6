/** What may be changed of a job in a queue while it waits and while it runs, and what not. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Job, Pod } from '../../src/api/kinds.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import type { Kind } from '../../src/api/kind.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, flavor, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

test('a job that runs may become more and less important', async () => {
  await flavor('f');
  for (const [name, value] of [['low', 1], ['middle', 5], ['high', 10]] as const) await client.create(WorkloadPriorityClass, { metadata: { name }, value });
  await clusterQueue('team', { f: '1' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  const become = (priority: string | null): Promise<unknown> => client.patch(Job, 'a', { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/priority-class': priority } } } }, NS);
  await submit('a', 'team', { priority: 'low' });
  await running('a');
  await become('high');
  await eventually('its Workload is as important', async () => (await workload('a')).spec.priority === 10);
  await submit('b', 'team', { priority: 'middle' });
  await waiting('b');
  assert.ok(await runs('a'));
  await assert.rejects(become(null), /WorkloadPriorityClass cannot be removed from a workload/);
  await become('low');
  await eventually('it makes way', async () => {
    await clearDeleted();
    return runs('b');
  });
  assert.deepEqual([(await workload('a')).spec.priorityClassName, (await conditionOf('a', 'Preempted'))?.status], ['low', 'True']);
  await waiting('a');
  await become('high');
  await eventually('the other one makes way for it', async () => {
    await clearDeleted();
    return runs('a');
  });
});

test('a job that waits again becomes more important, also where its queue was changed while it ran', async () => {
  await flavor('f');
  for (const [name, value] of [['low', 1], ['middle', 5], ['high', 10]] as const) await client.create(WorkloadPriorityClass, { metadata: { name }, value });
  await clusterQueue('team', { f: '1' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  await submit('a', 'team', { priority: 'low' });
  await running('a');
  await client.patch(ClusterQueue, 'team', { type: 'merge', body: { spec: { queueingStrategy: 'StrictFIFO' } } });
  await submit('b', 'team', { priority: 'middle' });
  await eventually('b is let in in its place', async () => {
    await clearDeleted();
    return runs('b');
  });
  await waiting('a');
  await client.patch(Job, 'a', { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/priority-class': 'high' } } } }, NS);
  await eventually('the other one makes way for it', async () => {
    await clearDeleted();
    return runs('a');
  });
});

test('a job does not leave its queue where there is a default one', async () => {
  await flavor('f');
  await clusterQueue('default', { f: '1' });
  await submit('a', 'default');
  await running('a');
  await submit('b', 'default');
  await waiting('b');
  const leave = client.patch(Job, 'b', { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/queue-name': null } } } }, NS);
  await assert.rejects(leave, /queue-name must not be empty in namespace with default queue/);
});

test('what a job says of itself may change while it waits', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' }, {}, { 'queue.llmos.dev/policy': 'ShortestJobFirst' });
  await submit('holder', 'team', { seconds: 60 });
  await running('holder');
  await submit('long', 'team', { seconds: 600 });
  await submit('short', 'team', { seconds: 30 });
  await eventually('the short one is first', async () => (await workload('short')).status?.prediction?.position === 1);
  const said = { annotations: { 'queue.llmos.dev/expected-run-time': '10s', 'queue.llmos.dev/resumable': '5m' }, labels: { 'kueue.x-k8s.io/max-exec-time-seconds': '20' } };
  await client.patch(Job, 'long', { type: 'merge', body: { metadata: said } }, NS);
  await eventually('the other one is', async () => (await workload('long')).status?.prediction?.position === 1);
  const { spec, metadata, status } = await workload('long');
  assert.deepEqual([spec.maximumExecutionTimeSeconds, metadata.annotations?.['queue.llmos.dev/resumable'], status?.prediction?.runSeconds], [20, '5m', 10]);
  await client.patch(Job, 'long', { type: 'merge', body: { metadata: { annotations: { 'queue.llmos.dev/resumable': null }, labels: { 'kueue.x-k8s.io/max-exec-time-seconds': null } } } }, NS);
  await eventually('it says so no more', async () => {
    const now = await workload('long');
    return now.spec.maximumExecutionTimeSeconds === undefined && now.metadata.annotations?.['queue.llmos.dev/resumable'] === undefined && now.metadata.annotations?.['queue.llmos.dev/expected-run-time'] === '10s';
  });
  await complete('holder');
  await running('long');
  assert.equal(await runs('short'), false);
});

test('who is gated waits until all gates are taken off, and others go past it', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  const GATES = 'kueue.x-k8s.io/admission-gated-by';
  await submit('a', 'team', { annotations: { [GATES]: 'example.com/one,example.com/two' } });
  await client.create(Pod, { metadata: { name: 'p', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team' }, annotations: { [GATES]: 'example.com/one' } }, spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } as Pod);
  const told = async (name: string) => { const { status, reason, message } = (await conditionOf(name, 'QuotaReserved').catch(() => undefined)) ?? {}; return `${status} ${reason} ${message}`; };
  await eventually('it is told by whom', async () => (await told('a')) === 'False AdmissionGated Admission is gated by: example.com/one,example.com/two' && (await told('p')) === 'False AdmissionGated Admission is gated by: example.com/one');
  await submit('b', 'team');
  await running('b');
  const gate = (kind: typeof Job | typeof Pod, name: string, gates: string | null): Promise<unknown> => (client.patch as (of: Kind, ...more: unknown[]) => Promise<unknown>)(kind as unknown as Kind, name, { type: 'merge', body: { metadata: { annotations: { [GATES]: gates } } } }, NS);
  await assert.rejects(gate(Job, 'b', 'example.com/one'), /cannot add admission gate after creation/);
  await gate(Job, 'a', 'example.com/two');
  await eventually('one of them is left', async () => (await told('a')) === 'False AdmissionGated Admission is gated by: example.com/two');
  assert.equal(await runs('a'), false);
  await gate(Pod, 'p', null);
  await eventually('the pod is let in', async () => (await client.get(Pod, 'p', NS)).spec?.schedulingGates === undefined);
  await gate(Job, 'a', null);
  await eventually('it waits for its turn', async () => (await told('a')).startsWith('False Pending'));
  const { metadata: { name } } = await workload('a');
  const events = async (about: string): Promise<number[]> => (await client.list(Event, NS)).items.filter(({ reason, involvedObject }) => reason === about && involvedObject.name === name).map(({ count }) => count ?? 1);
  await eventually('that is told', async () => (await events('Pending')).length > 0);
  assert.deepEqual(await events('AdmissionGateCleared'), [1], 'before it, and not while one gate was left');
  await complete('b');
  await running('a');
  assert.equal((await workload('a')).metadata.annotations?.[GATES], undefined);
});

test('who runs keeps its importance where its priority class goes, and hears of that only when it names another one', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 10 });
  await submit('a', 'team', { priority: 'high' });
  await running('a');
  await client.delete(WorkloadPriorityClass, 'high');
  const lacking = async (owner: string) => (await client.list(Event, NS)).items.filter(({ reason, involvedObject }) => reason === 'WorkloadPriorityClassNotFound' && involvedObject.name === owner).map(({ message }) => message);
  await submit('b', 'team', { priority: 'high' });
  await eventually('who comes later is told', async () => (await lacking('b')).length > 0);
  await client.patch(Job, 'a', { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/priority-class': 'other' } } } }, NS);
  await eventually('so is who names another one', async () => (await lacking('a')).length > 0);
  assert.deepEqual([await lacking('a'), (await workload('a')).spec.priority], [['WorkloadPriorityClass "other" not found'], 10]);
});
