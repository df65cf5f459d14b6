/** What may be changed of a job in a queue while it runs, and what not. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Job } from '../../src/api/kinds.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { clearDeleted, client, clusterQueue, conditionOf, flavor, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
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
