/** Elastic Jobs: scaled while they run. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Event, Job, Pod } from '../../src/api/kinds.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { isApiError } from '../../src/sdk/index.ts';
import { clearDeleted, client, clusterQueue, complete, flavor, job, metrics, NS, openQueues, running, runs, submit, waiting, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

const ELASTIC = 'kueue.x-k8s.io/elastic-job';
const elastic = (name: string, parallelism: number, more: Record<string, unknown> = {}) => submit(name, 'team', { parallelism, completions: 100, annotations: { [ELASTIC]: 'true' }, ...more });

async function scale(name: string, parallelism: number): Promise<void> {
  await eventually(`${name} is scaled to ${parallelism}`, async () => {
    const now = await job(name);
    return client.update(Job, { ...now, spec: { ...now.spec!, parallelism } }).then(() => true, () => false);
  });
}
const podsOf = async (name: string): Promise<Pod[]> => (await client.list(Pod, { ...NS, labelSelector: `job-name=${name}` })).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
/** How many of its pods wait at the gate, and how many do not. */
const eventuallyPods = (name: string, open: number, gated: number) => eventually(`${name} has ${open} pods and ${gated} at the gate`, async () => {
  await clearDeleted();
  const pods = await podsOf(name);
  const atGate = pods.filter(({ spec }) => spec?.schedulingGates?.some((each) => each.name === ELASTIC)).length;
  return atGate === gated && pods.length - atGate === open;
});
const live = async (name: string): Promise<Workload[]> => (await client.list(Workload, NS)).items.filter(({ metadata, status }) => metadata.ownerReferences?.[0]?.name === name && !status?.conditions?.some((each) => each.type === 'Finished' && each.status === 'True'));
const eventuallyUsed = (cpu: string) => eventually(`${cpu} is used`, async () => (await client.get(ClusterQueue, 'team')).status?.flavorsUsage?.[0]?.resources[0]?.total === cpu);

test('are scaled up without a stop where there is room, and down at once', async () => {
  await flavor('f', { nodeLabels: { tier: 'f' } });
  await clusterQueue('team', { f: '5' });
  await elastic('train', 2);
  await running('train');
  await eventuallyPods('train', 2, 0);
  const [first] = await live('train');
  const uids = new Set((await podsOf('train')).map(({ metadata }) => metadata.uid));
  await scale('train', 4);
  await eventuallyPods('train', 4, 0);
  assert.ok((await podsOf('train')).filter(({ metadata }) => uids.has(metadata.uid)).length === 2, 'those that were there stay');
  await eventually('one slice stands for all', async () => (await live('train')).length === 1);
  const [slice] = await live('train');
  assert.deepEqual(slice?.status?.admission?.podSetAssignments, [{ name: 'main', count: 4, flavors: { cpu: 'f' }, resourceUsage: { cpu: '4' } }]);
  assert.deepEqual([slice?.metadata.annotations?.['kueue.x-k8s.io/workload-slice-replacement-for'], slice?.metadata.annotations?.['kueue.x-k8s.io/workload-slice-name']], [`default/${first?.metadata.name}`, first?.metadata.name]);
  const before = await client.get(Workload, first?.metadata.name ?? '', NS);
  assert.equal(before.status?.conditions?.find(({ type }) => type === 'Finished')?.reason, 'WorkloadSliceReplaced');
  await eventually('metrics count it', async () => (await metrics()).includes('kueue_replaced_workload_slices_total{cluster_queue="team"} 1\n'));
  await eventuallyUsed('4');
  await submit('next', 'team', { cpu: '4' });
  await waiting('next');
  await scale('train', 1);
  await eventuallyPods('train', 1, 0);
  await running('next');
  await eventuallyUsed('5');
  assert.equal((await live('train'))[0]?.metadata.uid, slice?.metadata.uid, 'a smaller one is the same slice');
  assert.equal((await client.list(Event, NS)).items.some(({ reason, involvedObject }) => reason === 'Stopped' && involvedObject?.name === 'train'), false, 'it was never stopped');
});

test('go on as wide as they are while what is added waits', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '3' });
  await submit('other', 'team');
  await running('other');
  await elastic('train', 2);
  await running('train');
  await scale('train', 3);
  await eventuallyPods('train', 2, 1);
  await eventually('its slice waits for what is new', async () => (await live('train')).some(({ status }) => /insufficient unused quota for cpu in flavor f, 1 more needed/.test(status?.conditions?.find(({ type }) => type === 'QuotaReserved')?.message ?? '')));
  assert.ok(await runs('train'));
  await scale('train', 2);
  await eventually('nothing waits any more', async () => (await live('train')).length === 1);
  await scale('train', 3);
  await eventuallyPods('train', 2, 1);
  await complete('other');
  await eventuallyPods('train', 3, 0);
  await eventuallyUsed('3');
  await scale('train', 100);
  await eventuallyPods('train', 3, 97);
  await eventually('it cannot ever', async () => (await live('train')).some(({ status }) => /request > maximum capacity/.test(status?.conditions?.find(({ type }) => type === 'QuotaReserved')?.message ?? '')));
  await eventually('it is done', async () => {
    const now = await job('train');
    await client.update(Job, { ...now, status: { ...now.status, conditions: [{ type: 'FailureTarget', status: 'True', reason: 'X' }, { type: 'Failed', status: 'True', reason: 'X', message: 'over' }], active: 0, ready: 0, terminating: 0 } } as Job, { subresource: 'status' }).catch(() => {});
    return (await live('train')).length === 0;
  });
});

test('are one with what is added when they are stopped', async () => {
  await flavor('f');
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await clusterQueue('team', { f: '3' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  await elastic('train', 2);
  await running('train');
  await eventuallyPods('train', 2, 0);
  await scale('train', 4);
  await eventuallyPods('train', 2, 2);
  await submit('urgent', 'team', { cpu: '2', priority: 'high' });
  await eventually('the urgent one runs', async () => {
    await clearDeleted();
    return runs('urgent');
  });
  await eventually('the other one waits whole', async () => (await live('train')).length === 1 && (await live('train'))[0]?.spec.podSets[0]?.count === 4 && !(await runs('train')));
  assert.equal((await job('train')).spec?.template.spec?.schedulingGates?.[0]?.name, ELASTIC);
  await complete('urgent');
  await scale('train', 3);
  await running('train');
  await eventuallyPods('train', 3, 0);
});

test('are told from others by the annotation, which goes with nothing that fixes their size or place', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '5' });
  await submit('stiff', 'team', { parallelism: 2, completions: 100 });
  await running('stiff');
  assert.equal((await job('stiff')).spec?.template.spec?.schedulingGates, undefined);
  const refused = await elastic('partial', 4, { annotations: { [ELASTIC]: 'true', 'kueue.x-k8s.io/job-min-parallelism': '2' } }).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(refused, 'Invalid') && /cannot be set for an elastic job/.test((refused as Error).message));
});
