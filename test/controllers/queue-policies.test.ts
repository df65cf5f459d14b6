/** In which order jobs go, by the policy of their queue, and what they are told of it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Job } from '../../src/api/kinds.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { clearDeleted, client, clusterQueue, complete, flavor, type JobInput, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

describe('policies', () => {
  const sequence = async (policy: string, jobs: readonly [string, JobInput][], annotations: Record<string, string> = {}): Promise<string[]> => {
    await flavor('f');
    await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
    await clusterQueue('team', { f: '2' }, {}, { 'queue.llmos.dev/policy': policy, ...annotations });
    await submit('holder', 'team', { cpu: '2', seconds: 60 });
    await running('holder');
    for (const [name, input] of jobs) await submit(name, 'team', { cpu: '2', ...input });
    await waiting(...jobs.map(([name]) => name));
    const order: string[] = [];
    let current = 'holder';
    while (order.length < jobs.length) {
      await complete(current);
      await eventually('the next one runs', async () => {
        for (const [name] of jobs) if (!order.includes(name) && (await runs(name))) return (current = name, true);
        return false;
      });
      order.push(current);
    }
    return order;
  };

  test('FIFO: as they came', async () => {
    assert.deepEqual(await sequence('FIFO', [['a', { seconds: 50 }], ['b', { seconds: 5, priority: 'high' }], ['c', { seconds: 20 }]]), ['a', 'b', 'c']);
  });
  test('ShortestJobFirst: the shortest first', async () => {
    assert.deepEqual(await sequence('ShortestJobFirst', [['a', { seconds: 50 }], ['b', { seconds: 5 }], ['c', { seconds: 20 }]]), ['b', 'c', 'a']);
  });
  test('Priority: the most important first', async () => {
    assert.deepEqual(await sequence('Priority', [['a', { seconds: 50 }], ['b', { seconds: 50, priority: 'high' }], ['c', { seconds: 20 }]]), ['b', 'a', 'c']);
  });

  test('FairShare with preemption: who came late gets its share, and nobody takes it back', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '4' }, { preemption: { withinClusterQueue: 'LowerPriority' } }, { 'queue.llmos.dev/policy': 'FairShare', 'queue.llmos.dev/tenant': 'label:user' });
    const own = async (user: string, name: string): Promise<void> => {
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } };
      await client.create(Job, { metadata: { name, ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team', user } }, spec: { template } } as Job);
    };
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) await own('ann', name);
    await running('a1', 'a2', 'a3', 'a4');
    for (const name of ['b1', 'b2', 'b3']) await own('bob', name);
    await eventually('two of the other run', async () => {
      await clearDeleted();
      return (await runs('b1')) && (await runs('b2'));
    });
    await waiting('b3', 'a5');
    const kept = (await Promise.all(['a1', 'a2', 'a3', 'a4'].map(runs))).filter(Boolean).length;
    assert.equal(kept, 2);
    const stops = (await client.list(Workload, NS)).items.flatMap(({ status }) => status?.schedulingStats?.evictions ?? []);
    assert.equal(stops.reduce((sum, { count }) => sum + count, 0), 2, 'two were stopped, once each');
  });

  test('FairShare by LocalQueue: who goes to another one while it waits counts there', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '2' }, {}, { 'queue.llmos.dev/policy': 'FairShare', 'queue.llmos.dev/tenant': 'localqueue' });
    await client.create(LocalQueue, { metadata: { name: 'other', ...NS }, spec: { clusterQueue: 'team' } });
    await submit('holder', 'team', { cpu: '2', seconds: 60 });
    await running('holder');
    for (const [name, queue] of [['first', 'team'], ['second', 'other'], ['third', 'other']] as const) await submit(name, queue, { cpu: '2', seconds: 60 });
    await waiting('first', 'second', 'third');
    await client.patch(Job, 'second', { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/queue-name': 'team' } } } }, NS);
    await eventually('the other queue has one left', async () => (await workload('second')).spec.queueName === 'team' && (await workload('third')).status?.prediction?.position === 1);
    await complete('holder');
    await running('third');
    assert.deepEqual([await runs('first'), await runs('second')], [false, false]);
  });

  test('a workload knows its place, its time and who is ahead', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' }, {}, { 'queue.llmos.dev/policy': 'FIFO' });
    await submit('runs', 'team', { seconds: 100 });
    await running('runs');
    await submit('next', 'team', { seconds: 200 });
    await submit('last', 'team', { seconds: 10 });
    await eventually('the last one is told', async () => (await workload('last').catch(() => undefined))?.status?.prediction?.position === 2);
    const { prediction } = (await workload('last')).status!;
    assert.deepEqual([prediction?.runSeconds, prediction?.source, prediction?.ahead?.map((each) => each.replace(/-\w{5}$/, ''))], [10, 'annotation', ['default/job-next']]);
    const inSeconds = (Date.parse(prediction?.startTime ?? '') - Date.now()) / 1_000;
    assert.ok(inSeconds > 200 && inSeconds < 310, `it is told to start in ${inSeconds} s`);
    assert.deepEqual(prediction?.lacks, [{ flavor: 'f', resource: 'cpu', needed: '1', available: '0' }]);
  });
});
