/** Fair sharing among the queues of a cohort, as Kueue's configuration turns it on; and among the LocalQueues of one queue by what they used. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Job, Pod } from '../../src/api/kinds.ts';
import { ClusterQueue, Cohort } from '../../src/api/kueue/cluster-queue.ts';
import { LocalQueue, ResourceFlavor } from '../../src/api/kueue/local-queue.ts';
import { quantityMillis } from '../../src/api/quantity.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import queue from '../../src/modules/queue/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

const NS = { namespace: 'default' };
let world: World;
let client: Client;

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector, scheduler, { ...queue, run: (context) => queue.run!({ ...context, config: { fairSharing: {}, admissionFairSharing: { usageHalfLifeTime: '1s', usageSamplingInterval: '1s' } } }) }]);
  client = world.client;
  await client.create(ResourceFlavor, { metadata: { name: 'f' }, spec: {} });
});

afterEach(() => world.stop());

type Spec = NonNullable<ClusterQueue['spec']>;

async function clusterQueue(name: string, nominalQuota: string, more: Spec = {}): Promise<void> {
  await client.create(ClusterQueue, { metadata: { name }, spec: { namespaceSelector: {}, cohort: 'all', resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota }] }] }], ...more } });
  await client.create(LocalQueue, { metadata: { name, ...NS }, spec: { clusterQueue: name } });
}

async function submit(queueName: string, count: number): Promise<void> {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } };
  for (let n = 0; n < count; n++) await client.create(Job, { metadata: { generateName: `${queueName}-`, ...NS, labels: { 'kueue.x-k8s.io/queue-name': queueName } }, spec: { template } } as Job);
}

/** How many of each queue have quota; pods that are told to go do so. */
async function held(...queues: string[]): Promise<number[]> {
  for (const { metadata } of (await client.list(Pod, NS)).items) if (metadata.deletionTimestamp !== undefined) await client.delete(Pod, metadata.name!, { ...NS, gracePeriodSeconds: 0 }).catch(() => undefined);
  const admitted = (await client.list(Workload, NS)).items.filter(({ status }) => status?.admission !== undefined && status.conditions?.some(({ type, status: value }) => type === 'Evicted' && value === 'True') !== true);
  return queues.map((name) => admitted.filter(({ spec }) => spec.queueName === name).length);
}

const share = async (name: string): Promise<number | undefined> => (await client.get(ClusterQueue, name)).status?.fairSharing?.weightedShare;

test('queues that borrow share by their weights, whoever came first', async () => {
  await clusterQueue('lender', '6');
  await clusterQueue('heavy', '0', { fairSharing: { weight: '2' }, stopPolicy: 'Hold' });
  await clusterQueue('light', '0', { stopPolicy: 'Hold' });
  await submit('light', 8);
  await submit('heavy', 8);
  await eventually('all wait', async () => (await client.list(Workload, NS)).items.length === 16);
  // There is nothing to be had until both are open.
  await client.patch(ClusterQueue, 'lender', { type: 'merge', body: { spec: { resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota: '0' }] }] }] } } });
  for (const name of ['heavy', 'light']) await client.patch(ClusterQueue, name, { type: 'merge', body: { spec: { stopPolicy: 'None' } } });
  await eventually('both are open', async () => (await Promise.all(['heavy', 'light'].map((name) => client.get(ClusterQueue, name)))).every(({ status }) => status?.conditions?.find(({ type }) => type === 'Active')?.status === 'True'));
  await client.patch(ClusterQueue, 'lender', { type: 'merge', body: { spec: { resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota: '6' }] }] }] } } });
  await eventually('two for one', async () => (await held('heavy', 'light')).join() === '4,2');
  await eventually('their status says so', async () => (await share('heavy')) === 334 && (await share('light')) === 334 && (await share('lender')) === 0);
});

test('who has more gives back, as much as is fair, and nobody takes it back', async () => {
  const preemption = { reclaimWithinCohort: 'Any' as const };
  await client.create(Cohort, { metadata: { name: 'all' }, spec: { parent: 'company' } });
  await clusterQueue('lender', '6', { preemption });
  await clusterQueue('heavy', '0', { fairSharing: { weight: '2' }, preemption });
  await clusterQueue('light', '0', { preemption });
  await submit('heavy', 8);
  await eventually('it has all', async () => (await held('heavy'))[0] === 6);
  await eventually('its status says so', async () => (await share('heavy')) === 500);
  await submit('light', 8);
  await eventually('two for one', async () => (await held('heavy', 'light')).join() === '4,2');
  const reasons = (await client.list(Workload, NS)).items.flatMap(({ status }) => status?.conditions?.filter(({ type }) => type === 'Preempted').map(({ reason }) => reason) ?? []);
  assert.deepEqual([...new Set(reasons)], ['InCohortFairSharing']);
  await submit('lender', 3);
  await eventually('who lends gets its own', async () => (await held('lender'))[0] === 3);
  await eventually('the rest is shared', async () => (await held('heavy', 'light')).join() === '2,1');
  await eventually('their cohort borrows nothing', async () => (await client.get(Cohort, 'all')).status?.fairSharing?.weightedShare === 0);
});

test('LocalQueues of a queue that shares by use: who has had less goes first, for its weight', async () => {
  await clusterQueue('shared', '3', { admissionScope: { admissionMode: 'UsageBasedAdmissionFairSharing' }, stopPolicy: 'Hold' });
  for (const [name, weight] of [['a', '2'], ['b', '1']] as const) await client.create(LocalQueue, { metadata: { name, ...NS }, spec: { clusterQueue: 'shared', fairSharing: { weight } } });
  await submit('b', 4);
  await submit('a', 4);
  await eventually('all wait', async () => (await client.list(Workload, NS)).items.length === 8);
  await client.patch(ClusterQueue, 'shared', { type: 'merge', body: { spec: { stopPolicy: 'None' } } });
  await eventually('two for one', async () => (await held('a', 'b')).join() === '2,1');
  const told = async (name: string): Promise<{ weightedShare: number; cpu: number } | undefined> => {
    const { fairSharing } = (await client.get(LocalQueue, name, NS)).status ?? {};
    const { cpu } = fairSharing?.admissionFairSharingStatus?.consumedResources ?? {};
    return cpu === undefined ? undefined : { weightedShare: fairSharing!.weightedShare, cpu: quantityMillis(cpu) };
  };
  // What is used for long is what was consumed, but for what a half-life of a second has left of the time before.
  await eventually('what they used is told', async () => ((await told('a'))?.cpu ?? 0) > 1_500 && ((await told('b'))?.cpu ?? 0) > 750);
  assert.ok((await told('a'))!.cpu <= 2_000 && (await told('b'))!.cpu <= 1_000);
  assert.equal((await told('a'))!.weightedShare, 0);
  assert.deepEqual(await told('shared'), { weightedShare: 0, cpu: 0 });
});
