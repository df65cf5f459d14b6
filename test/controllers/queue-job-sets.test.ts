/** JobSets in queues: all of their Jobs wait, run and stop as one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { JobSpec } from '../../src/api/generated/batch-v1.ts';
import { Job, Pod } from '../../src/api/kinds.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { isApiError } from '../../src/sdk/index.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, endPods, flavor, job, NS, openQueues, running, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

type Sizes = Record<string, { replicas?: number; parallelism?: number }>;

async function make(name: string, sizes: Sizes, labels: Record<string, string> = { 'kueue.x-k8s.io/queue-name': 'team' }): Promise<void> {
  const replicatedJobs = Object.entries(sizes).map(([each, { replicas = 1, parallelism = 1 }]) => {
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } };
    return { name: each, replicas, template: { spec: { parallelism, completions: parallelism, backoffLimit: 0, template } as JobSpec } };
  });
  await client.create(JobSet, { metadata: { name, ...NS, labels }, spec: { replicatedJobs } });
}
const get = (name: string): Promise<JobSet> => client.get(JobSet, name, NS);
const eventuallyRuns = (name: string) => eventually(`${name} runs`, async () => (await get(name)).spec?.suspend === false);
const jobsOf = async (name: string): Promise<Job[]> => (await client.list(Job, { ...NS, labelSelector: `jobset.sigs.k8s.io/jobset-name=${name}` })).items;

test('wait whole, run where their flavors are, and give back what has succeeded', async () => {
  await flavor('spot', { nodeLabels: { tier: 'spot' } });
  await clusterQueue('team', { spot: '5' });
  await submit('first', 'team', { cpu: '1' });
  await running('first');
  await make('train', { leader: {}, workers: { replicas: 2, parallelism: 2 } });
  await eventually('it waits', async () => (await conditionOf('train', 'QuotaReserved').catch(() => undefined))?.status === 'False');
  assert.equal((await get('train')).spec?.suspend, true);
  assert.deepEqual((await workload('train')).spec.podSets.map(({ name, count }) => [name, count]), [['leader', 1], ['workers', 4]]);
  await eventually('its jobs are suspended', async () => (await jobsOf('train')).length === 3 && (await jobsOf('train')).every(({ spec }) => spec?.suspend === true));
  assert.equal((await client.list(Workload, NS)).items.length, 2, 'its jobs have no Workloads of their own');
  await complete('first');
  await eventuallyRuns('train');
  await eventually('its jobs run on the nodes of the flavor', async () => (await jobsOf('train')).every(({ spec }) => spec?.suspend === false && spec.template.spec?.nodeSelector?.['tier'] === 'spot' && spec.template.metadata?.labels?.['kueue.x-k8s.io/cluster-queue-name'] === 'team'));
  const { podSetAssignments = [] } = (await workload('train')).status?.admission ?? {};
  assert.deepEqual(podSetAssignments.map(({ name, count, resourceUsage }) => [name, count, resourceUsage]), [['leader', 1, { cpu: '1' }], ['workers', 4, { cpu: '4' }]]);
  await make('next', { a: { parallelism: 2 } });
  await eventually('the next one waits', async () => (await conditionOf('next', 'QuotaReserved').catch(() => undefined))?.status === 'False');
  await eventually('half of its workers are done, and make room', async () => {
    await endPods('train-workers-0');
    return (await get('next')).spec?.suspend === false;
  });
  assert.deepEqual((await workload('train')).status?.reclaimablePods, [{ name: 'workers', count: 2 }]);
  await eventually('all of it is done', async () => {
    for (const { metadata } of await jobsOf('train')) await endPods(metadata.name ?? '');
    return (await conditionOf('train', 'Finished'))?.reason === 'Succeeded';
  });
  assert.equal((await conditionOf('train', 'Finished'))?.message, 'jobset completed successfully');
});

test('stop whole for more important ones, and their templates are as they were', async () => {
  await flavor('f', { nodeLabels: { tier: 'f' } });
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await clusterQueue('team', { f: '3' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  await make('train', { leader: {}, workers: { replicas: 2 } });
  await eventuallyRuns('train');
  await eventually('its pods are there', async () => (await get('train')).status?.replicatedJobsStatus?.every(({ active }) => active > 0) === true);
  await submit('urgent', 'team', { cpu: '1', priority: 'high' });
  await eventually('the urgent one runs', async () => {
    await clearDeleted();
    return (await job('urgent')).spec?.suspend === false;
  });
  const { spec } = await get('train');
  assert.deepEqual([spec?.suspend, spec?.replicatedJobs?.map(({ template }) => template.spec?.template.spec?.nodeSelector)], [true, [undefined, undefined]]);
  assert.deepEqual([(await conditionOf('train', 'Preempted'))?.status, (await conditionOf('train', 'Requeued'))?.reason], ['True', 'Preempted']);
  await complete('urgent');
  await eventuallyRuns('train');
  await eventually('its pods are there again', async () => (await client.list(Pod, { ...NS, labelSelector: 'jobset.sigs.k8s.io/jobset-name=train' })).items.length === 3);
});

test('are in the default queue; one that runs without being admitted is suspended, and stays in its queue while it runs', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  await client.create(LocalQueue, { metadata: { name: 'default', ...NS }, spec: { clusterQueue: 'team' } });
  await eventually('the queue is known', async () => (await client.get(LocalQueue, 'default', NS)).status?.conditions?.[0]?.status === 'True');
  await make('train', { a: {} }, {});
  await eventuallyRuns('train');
  assert.equal((await get('train')).metadata.labels?.['kueue.x-k8s.io/queue-name'], 'default');
  assert.equal((await client.get(Job, 'train-a-0', NS)).metadata.labels?.['kueue.x-k8s.io/queue-name'], undefined);
  await make('rogue', { a: {} });
  await eventually('it waits', async () => (await conditionOf('rogue', 'QuotaReserved').catch(() => undefined))?.status === 'False');
  await eventually('somebody lets it go', async () => {
    const rogue = await get('rogue');
    return client.update(JobSet, { ...rogue, spec: { ...rogue.spec!, suspend: false } }).then(() => true, () => false);
  });
  await eventually('it is suspended again', async () => (await get('rogue')).spec?.suspend === true);
  const train = await get('train');
  const moved = await client.update(JobSet, { ...train, metadata: { ...train.metadata, labels: { 'kueue.x-k8s.io/queue-name': 'team' } } }).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(moved, 'Invalid') && /field is immutable/.test((moved as Error).message));
  await submit('later', 'team');
  await waiting('later');
});
