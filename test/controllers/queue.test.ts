import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Event, Job, Pod } from '../../src/api/kinds.ts';
import type { JobSpec } from '../../src/api/generated/batch-v1.ts';
import { ClusterQueue, ClusterQueueV1beta2, Cohort } from '../../src/api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Client } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import queue from '../../src/modules/queue/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

let client: Client;
let world: World;

beforeEach(async () => {
  world = await startWorld([core, workloads, garbageCollector, scheduler, queue]);
  client = world.client;
});

afterEach(() => world.stop());

const NS = { namespace: 'default' };
type QueueSpec = NonNullable<ClusterQueue['spec']>;

async function flavor(name: string, spec: ResourceFlavor['spec'] = {}): Promise<void> {
  await client.create(ResourceFlavor, { metadata: { name }, spec });
}

/** A ClusterQueue of the name with a LocalQueue of the same name. */
async function clusterQueue(name: string, quotas: Record<string, string | [string, string?, string?]>, more: QueueSpec = {}, annotations: Record<string, string> = {}): Promise<void> {
  const flavors = Object.entries(quotas).map(([each, quota]) => {
    const [nominalQuota = '0', borrowingLimit, lendingLimit] = typeof quota === 'string' ? [quota] : quota;
    return { name: each, resources: [{ name: 'cpu', nominalQuota, ...(borrowingLimit && { borrowingLimit }), ...(lendingLimit && { lendingLimit }) }] };
  });
  await client.create(ClusterQueue, { metadata: { name, annotations }, spec: { namespaceSelector: {}, resourceGroups: [{ coveredResources: ['cpu'], flavors }], ...more } });
  await client.create(LocalQueue, { metadata: { name, ...NS }, spec: { clusterQueue: name } });
}

interface JobInput extends Partial<JobSpec> { cpu?: string; priority?: string; seconds?: number; annotations?: Record<string, string> }

async function submit(name: string, queueName: string, { cpu = '1', priority, seconds, annotations = {}, ...spec }: JobInput = {}): Promise<void> {
  const labels = { 'kueue.x-k8s.io/queue-name': queueName, ...(priority !== undefined && { 'kueue.x-k8s.io/priority-class': priority }) };
  const all = { ...annotations, ...(seconds !== undefined && { 'queue.llmos.dev/expected-run-time': `${seconds}s` }) };
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu } } }] } };
  await client.create(Job, { metadata: { name, ...NS, labels, annotations: all }, spec: { template, ...spec } } as Job);
}

const job = (name: string): Promise<Job> => client.get(Job, name, NS);
async function workload(owner: string): Promise<Workload> {
  const found = (await client.list(Workload, NS)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === owner);
  assert.ok(found, `there is no Workload of ${owner}`);
  return found;
}
const conditionOf = async (owner: string, type: string) => (await workload(owner)).status?.conditions?.find((each) => each.type === type);
const runs = async (name: string): Promise<boolean> => (await job(name)).spec?.suspend === false;
const running = async (...names: string[]): Promise<void> => {
  for (const name of names) await eventually(`${name} runs`, () => runs(name));
};
const waiting = async (...names: string[]): Promise<void> => {
  for (const name of names) await eventually(`${name} is told to wait`, async () => (await conditionOf(name, 'QuotaReserved').catch(() => undefined))?.status === 'False');
  for (const name of names) assert.equal(await runs(name), false, name);
};

/** Plays the node for a job: its pods succeed, or go when they are deleted. */
async function endPods(of: string, most = Infinity): Promise<void> {
  let left = most;
  for (const pod of (await client.list(Pod, { ...NS, labelSelector: `job-name=${of}` })).items) {
    if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
    else if (pod.status?.phase === 'Pending' && left-- > 0) await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Succeeded' } } as Pod, { subresource: 'status' }).catch(() => {});
  }
}

async function complete(name: string): Promise<void> {
  await eventually(`${name} is complete`, async () => {
    await endPods(name);
    return (await job(name)).status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') === true;
  });
}

/** As the node does with pods that are deleted. */
async function clearDeleted(): Promise<void> {
  for (const pod of (await client.list(Pod, NS)).items) if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
}

describe('jobs', () => {
  test('wait for quota, run where their flavor is, and leave their place to the next', async () => {
    await flavor('spot', { nodeLabels: { tier: 'spot' }, tolerations: [{ key: 'spot', operator: 'Exists' }] });
    await clusterQueue('team', { spot: '2' });
    await submit('first', 'team', { cpu: '2' });
    await running('first');
    await submit('second', 'team', { cpu: '1' });
    await waiting('second');
    const { spec, metadata } = await job('first');
    assert.deepEqual([spec?.template.spec?.nodeSelector, spec?.template.spec?.tolerations], [{ tier: 'spot' }, [{ key: 'spot', operator: 'Exists' }]]);
    const first = await workload('first');
    assert.deepEqual(first.status?.admission, { clusterQueue: 'team', podSetAssignments: [{ name: 'main', flavors: { cpu: 'spot' }, resourceUsage: { cpu: '2' }, count: 1 }] });
    assert.equal(first.metadata.labels?.['kueue.x-k8s.io/job-uid'], metadata.uid);
    assert.match((await conditionOf('second', 'QuotaReserved'))?.message ?? '', /insufficient unused quota for cpu in flavor spot, 1 more needed\. It is the first in its queue/);
    await eventually('the queues tell of it', async () => {
      const [whole, local] = [await client.get(ClusterQueue, 'team'), await client.get(LocalQueue, 'team', NS)];
      return whole.status?.pendingWorkloads === 1 && whole.status.admittedWorkloads === 1 && whole.status.flavorsUsage?.[0]?.resources[0]?.total === '2' && local.status?.pendingWorkloads === 1 && local.status.admittedWorkloads === 1;
    });
    assert.deepEqual((await client.get(ClusterQueue, 'team')).status?.conditions?.map(({ type, status, reason }) => [type, status, reason]), [['Active', 'True', 'Ready']]);
    await complete('first');
    await running('second');
    assert.equal((await conditionOf('first', 'Finished'))?.reason, 'Succeeded');
    await eventually('events tell of it', async () => {
      const reasons = new Set((await client.list(Event, NS)).items.map(({ reason }) => reason));
      return ['CreatedWorkload', 'Started', 'QuotaReserved', 'Admitted', 'FinishedWorkload', 'Pending'].every((each) => reasons.has(each));
    });
  });

  test('without a queue they are told what is missing, and go on when it is there', async () => {
    await flavor('f');
    await clusterQueue('other', { f: '1' });
    await submit('lost', 'nowhere');
    await waiting('lost');
    assert.deepEqual([(await conditionOf('lost', 'QuotaReserved'))?.reason, (await conditionOf('lost', 'QuotaReserved'))?.message], ['Inadmissible', "LocalQueue nowhere doesn't exist"]);
    await client.create(LocalQueue, { metadata: { name: 'nowhere', ...NS }, spec: { clusterQueue: 'other' } });
    await running('lost');
  });

  test('may run narrower than they would like, and give back what they do not need any more', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '3' });
    await submit('wide', 'team', { parallelism: 5, completions: 5, annotations: { 'kueue.x-k8s.io/job-min-parallelism': '2' } });
    await running('wide');
    assert.equal((await job('wide')).spec?.parallelism, 3);
    await submit('next', 'team');
    await waiting('next');
    // Of five completions three are done: two pods are enough for the rest.
    await eventually('three pods are there', async () => (await client.list(Pod, NS)).items.length === 3);
    await endPods('wide', 3);
    await running('next');
    assert.deepEqual((await workload('wide')).status?.reclaimablePods, [{ name: 'main', count: 1 }]);
  });

  test('a job that was running without being admitted is suspended', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team');
    await running('a');
    const rogue = await job('a');
    await submit('b', 'team');
    await waiting('b');
    const b = await job('b');
    await client.update(Job, { ...b, spec: { ...b.spec!, suspend: false } });
    await eventually('it is suspended again', async () => !(await runs('b')));
    assert.ok(await runs(rogue.metadata.name!));
  });
});

describe('quota', () => {
  test('is tried flavor by flavor; what pods cannot be on is left out', async () => {
    await flavor('a', { nodeLabels: { arch: 'a' } });
    await flavor('b', { nodeLabels: { arch: 'b' } });
    await flavor('tainted', { nodeTaints: [{ key: 'gpu', effect: 'NoSchedule' }] });
    await clusterQueue('team', { tainted: '9', a: '1', b: '2' });
    await submit('one', 'team');
    await submit('two', 'team', { cpu: '2' });
    await running('one', 'two');
    assert.deepEqual([await job('one'), await job('two')].map(({ spec }) => spec?.template.spec?.nodeSelector), [{ arch: 'a' }, { arch: 'b' }]);
    await submit('huge', 'team', { cpu: '3' });
    await waiting('huge');
    assert.match((await conditionOf('huge', 'QuotaReserved'))?.message ?? '', /untolerated taint \{gpu {2}NoSchedule <nil>\} in flavor tainted.*insufficient quota for cpu in flavor a, request > maximum capacity \(3 > 1\)/);
  });

  test('is borrowed within the cohort and its limits, and taken back', async () => {
    await flavor('f');
    await client.create(Cohort, { metadata: { name: 'all' } });
    await clusterQueue('lender', { f: '2' }, { cohort: 'all', preemption: { reclaimWithinCohort: 'Any' } });
    await clusterQueue('borrower', { f: ['1', '1'] }, { cohort: 'all' });
    for (const name of ['b1', 'b2', 'b3']) await submit(name, 'borrower');
    await running('b1', 'b2');
    await waiting('b3');
    await eventually('it is said to be borrowed', async () => (await client.get(ClusterQueue, 'borrower')).status?.flavorsUsage?.[0]?.resources[0]?.borrowed === '1');
    await submit('mine', 'lender', { cpu: '2' });
    await eventually('one gives back what it borrowed', async () => {
      await clearDeleted();
      return runs('mine');
    });
    await eventually('the newest had to', async () => !(await runs('b2')) && (await runs('b1')));
    assert.deepEqual([(await conditionOf('b2', 'Preempted'))?.reason, (await conditionOf('b2', 'Evicted'))?.reason, (await conditionOf('b2', 'Requeued'))?.status], ['InCohortReclamation', 'Preempted', 'True']);
    assert.deepEqual((await job('b2')).spec?.template.spec?.nodeSelector, undefined);
  });

  test('a more important job has less important ones stopped, as few as will do', async () => {
    await flavor('f');
    await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
    await clusterQueue('team', { f: '4' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
    await submit('small', 'team');
    await running('small');
    await submit('large', 'team', { cpu: '3' });
    await running('large');
    await submit('urgent', 'team', { cpu: '3', priority: 'high' });
    await eventually('it runs', async () => {
      await clearDeleted();
      return runs('urgent');
    });
    assert.deepEqual([await runs('small'), await runs('large')], [true, false]);
    await submit('urgent-too', 'team', { cpu: '3', priority: 'high' });
    await waiting('urgent-too', 'large');
    await eventually('they know their places', async () => (await workload('urgent-too')).status?.prediction?.position === 1 && (await workload('large')).status?.prediction?.position === 2);
  });
});

test('a job may stop others in the first flavor before it takes another, where the queue says so', async () => {
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await flavor('a', { nodeLabels: { arch: 'a' } });
  await flavor('b', { nodeLabels: { arch: 'b' } });
  await clusterQueue('team', { a: '1', b: '1' }, { preemption: { withinClusterQueue: 'LowerPriority' }, flavorFungibility: { whenCanPreempt: 'MayStopSearch' } });
  await submit('low', 'team');
  await running('low');
  await submit('urgent', 'team', { priority: 'high' });
  await eventually('the urgent one takes the place', async () => {
    await clearDeleted();
    return runs('urgent');
  });
  assert.deepEqual((await job('urgent')).spec?.template.spec?.nodeSelector, { arch: 'a' });
  // Nobody is less important now in the first flavor, so the other one will do.
  await running('low');
  assert.deepEqual((await job('low')).spec?.template.spec?.nodeSelector, { arch: 'b' });
});

test('a Workload that was made beforehand is taken by the job that names it', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } };
  const prebuilt = (name: string, workloadName: string, image: string): Promise<Job> => client.create(Job, {
    metadata: { name, ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team', 'kueue.x-k8s.io/prebuilt-workload-name': workloadName } }, spec: { suspend: true, template: { spec: { ...template.spec, containers: [{ ...template.spec.containers[0]!, image }] } } },
  } as Job);
  const made = async (name: string): Promise<Workload> => client.create(Workload, { metadata: { name, ...NS }, spec: { queueName: 'team', active: true, podSets: [{ name: 'main', count: 1, template }] } } as Workload);
  await prebuilt('early', 'reserved', 'i:1');
  assert.equal((await client.list(Workload, NS)).items.length, 0);
  await made('reserved');
  await running('early');
  assert.deepEqual((await client.list(Workload, NS)).items.map(({ metadata }) => [metadata.name, metadata.ownerReferences?.map(({ kind, name }) => `${kind}/${name}`)]), [['reserved', ['Job/early']]]);
  await complete('early');
  await eventually('it is finished', async () => (await conditionOf('early', 'Finished'))?.reason === 'Succeeded');
  await submit('holder', 'team');
  await running('holder');
  await made('other');
  await prebuilt('unlike', 'other', 'i:2');
  await eventually('what is unlike its Workload is refused', async () => (await conditionOf('unlike', 'Finished').catch(() => undefined))?.reason === 'OutOfSync');
  assert.equal(await runs('unlike'), false);
});

describe('queues', () => {
  test('that are stopped let nobody in; those that are drained let nobody stay', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team');
    await running('a');
    const stop = async (stopPolicy: 'None' | 'Hold' | 'HoldAndDrain') => client.patch(ClusterQueue, 'team', { type: 'merge', body: { spec: { stopPolicy } } });
    await stop('Hold');
    await eventually('it is not active', async () => (await client.get(ClusterQueue, 'team')).status?.conditions?.[0]?.reason === 'Stopped');
    assert.ok(await runs('a'));
    await stop('HoldAndDrain');
    await eventually('the job is stopped', async () => {
      await clearDeleted();
      return !(await runs('a')) && (await conditionOf('a', 'QuotaReserved'))?.status === 'False';
    });
    assert.equal((await conditionOf('a', 'Evicted'))?.reason, 'ClusterQueueStopped');
    await stop('None');
    await running('a');
    assert.equal((await conditionOf('a', 'Evicted'))?.status, 'False');
  });

  test('admission checks are waited for; what one rejects does not come back by itself', async () => {
    await flavor('f');
    await client.create(AdmissionCheck, { metadata: { name: 'budget' }, spec: { controllerName: 'example.com/budget' } });
    await clusterQueue('team', { f: '1' }, { admissionChecks: ['budget'] });
    await submit('a', 'team');
    await waiting('a');
    const check = await client.get(AdmissionCheck, 'budget');
    await client.update(AdmissionCheck, { ...check, status: { conditions: [{ type: 'Active', status: 'True', reason: 'Active', message: '', lastTransitionTime: new Date().toISOString() }] } }, { subresource: 'status' });
    await eventually('its quota is reserved', async () => (await conditionOf('a', 'QuotaReserved'))?.status === 'True');
    assert.equal(await runs('a'), false);
    const answer = async (state: 'Ready' | 'Rejected'): Promise<void> => eventually(`the check says ${state}`, async () => {
      const now = await workload('a');
      return client.update(Workload, { ...now, status: { ...now.status, admissionChecks: [{ name: 'budget', state, message: '', lastTransitionTime: new Date().toISOString() }] } }, { subresource: 'status' }).then(() => true, () => false);
    });
    await answer('Ready');
    await running('a');
  });

  test('both versions of the API say the same', async () => {
    await flavor('f');
    await clusterQueue('team', { f: ['1', '2'] }, { cohort: 'all', admissionChecks: [] });
    const newer = await client.get(ClusterQueueV1beta2, 'team') as unknown as { apiVersion: string; spec: { cohortName?: string; cohort?: string } };
    assert.deepEqual([newer.apiVersion, newer.spec.cohortName, newer.spec.cohort], ['kueue.x-k8s.io/v1beta2', 'all', undefined]);
    // Quantities may be whole numbers, and stay as they were written.
    const flavors = [{ name: 'f', resources: [{ name: 'cpu', nominalQuota: 2, borrowingLimit: 1 }] }];
    const written = await client.create(ClusterQueueV1beta2, { metadata: { name: 'numbers' }, spec: { cohortName: 'all', namespaceSelector: {}, resourceGroups: [{ coveredResources: ['cpu'], flavors }] } } as ClusterQueue);
    assert.deepEqual(written.spec?.resourceGroups?.[0]?.flavors, flavors);
    await client.create(LocalQueue, { metadata: { name: 'numbers', ...NS }, spec: { clusterQueue: 'numbers' } });
    await submit('a', 'numbers', { cpu: '3' });
    await running('a');
    const wrong = { metadata: { name: 'wrong' }, spec: { resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota: 'many' }] }] }] } };
    await assert.rejects(client.create(ClusterQueue, wrong), /nominalQuota: Invalid value: "many": quantities must match/);
  });
});

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

describe('pods', () => {
  const pod = (name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}): Pod => ({
    metadata: { name, ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team', ...labels }, annotations },
    spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] },
  });
  const gated = async (name: string): Promise<boolean> => ((await client.get(Pod, name, NS)).spec?.schedulingGates?.length ?? 0) > 0;

  test('wait at their gate, and are told where to run', async () => {
    await flavor('f', { nodeLabels: { tier: 'spot' } });
    await clusterQueue('team', { f: '1' });
    await client.create(Pod, pod('a'));
    await eventually('its gate is open', async () => !(await gated('a')));
    assert.deepEqual((await client.get(Pod, 'a', NS)).spec?.nodeSelector, { tier: 'spot' });
    await client.create(Pod, pod('b'));
    await eventually('the other is told to wait', async () => (await conditionOf('b', 'QuotaReserved').catch(() => undefined))?.status === 'False');
    assert.ok(await gated('b'));
    const a = await client.get(Pod, 'a', NS);
    await client.update(Pod, { ...a, status: { ...a.status, phase: 'Succeeded' } } as Pod, { subresource: 'status' });
    await eventually('its place is the other\'s', async () => !(await gated('b')));
    assert.equal((await conditionOf('a', 'Finished'))?.reason, 'Succeeded');
  });

  test('of a group go all or none', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '2' });
    const member = (name: string): Pod => pod(name, { 'kueue.x-k8s.io/pod-group-name': 'crew' }, { 'kueue.x-k8s.io/pod-group-total-count': '3' });
    for (const name of ['g1', 'g2', 'g3']) await client.create(Pod, member(name));
    await eventually('the group is told', async () => ((await client.get(Workload, 'crew', NS).catch(() => undefined))?.status?.conditions?.[0]?.message ?? '').includes('3 > 2'));
    assert.deepEqual(await Promise.all(['g1', 'g2', 'g3'].map(gated)), [true, true, true]);
    await client.patch(ClusterQueue, 'team', { type: 'json', body: [{ op: 'replace', path: '/spec/resourceGroups/0/flavors/0/resources/0/nominalQuota', value: '3' }] });
    await eventually('all gates are open', async () => (await Promise.all(['g1', 'g2', 'g3'].map(gated))).every((each) => !each));
  });
});

test('all is as it was after a restart of the module', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' }, {}, { 'queue.llmos.dev/policy': 'FIFO' });
  for (const name of ['a', 'b', 'c', 'd']) await submit(name, 'team');
  await running('a');
  await waiting('b', 'c', 'd');
  await client.patch(ClusterQueue, 'team', { type: 'merge', body: { metadata: { annotations: { touched: 'yes' } } } });
  for (const [ended, next] of [['a', 'b'], ['b', 'c'], ['c', 'd']] as const) {
    await complete(ended);
    await running(next);
  }
});
