/** Jobs and pods in queues: quota, cohorts, preemption. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Event, Job, Pod } from '../../src/api/kinds.ts';
import { ClusterQueue, Cohort } from '../../src/api/kueue/cluster-queue.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, endPods, flavor, job, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

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
    assert.deepEqual([(await conditionOf('lost', 'QuotaReserved'))?.reason, (await conditionOf('lost', 'QuotaReserved'))?.message], ['Inadmissible', 'LocalQueue nowhere is terminating or missing']);
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

  test('a next flavor is tried before quota is borrowed, where the queue says so', async () => {
    await flavor('f');
    await flavor('g');
    await clusterQueue('lender', { f: '2' }, { cohort: 'all' });
    await clusterQueue('borrows', { f: '1', g: '1' }, { cohort: 'all' });
    await clusterQueue('tries', { f: '1', g: '1' }, { cohort: 'all', flavorFungibility: { whenCanBorrow: 'TryNextFlavor' } });
    for (const queue of ['borrows', 'tries']) for (const name of [`${queue}-1`, `${queue}-2`]) {
      await submit(name, queue);
      await running(name);
    }
    const flavors = async (name: string) => (await workload(name)).status?.admission?.podSetAssignments[0]?.flavors?.['cpu'];
    assert.deepEqual([await flavors('borrows-2'), await flavors('tries-2')], ['f', 'g']);
  });

  test('an older one has newer ones of the same priority stopped, where the queue says so', async () => {
    await flavor('f');
    for (const [name, withinClusterQueue] of [['strict', 'LowerPriority'], ['fair', 'LowerOrNewerEqualPriority']] as const) {
      await clusterQueue(name, { f: '2' }, { preemption: { withinClusterQueue } });
      await submit(`${name}-holder`, name);
      await running(`${name}-holder`);
      await submit(`${name}-old`, name, { cpu: '2' });
      await waiting(`${name}-old`);
      await submit(`${name}-new`, name);
      await running(`${name}-new`);
    }
    for (const name of ['strict-holder', 'fair-holder']) await complete(name);
    await eventually('the older one runs', async () => {
      await clearDeleted();
      return runs('fair-old');
    });
    assert.deepEqual([await runs('fair-new'), await runs('strict-old'), await runs('strict-new')], [false, false, true]);
  });

  test('what was lent comes back from less important ones alone, where the queue says so', async () => {
    await flavor('f');
    await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
    await clusterQueue('owner', { f: '2' }, { cohort: 'all', preemption: { reclaimWithinCohort: 'LowerPriority' } });
    await clusterQueue('guest', { f: '0' }, { cohort: 'all' });
    await submit('guest-high', 'guest', { priority: 'high' });
    await submit('guest-low', 'guest');
    await running('guest-high', 'guest-low');
    await submit('owner-low', 'owner');
    await waiting('owner-low'); // neither of them is less important
    await submit('owner-high', 'owner', { priority: 'high' });
    await eventually('the less important one gives way', async () => {
      await clearDeleted();
      return runs('owner-high');
    });
    assert.deepEqual([await runs('guest-high'), await runs('guest-low'), (await conditionOf('guest-low', 'Preempted'))?.reason], [true, false, 'InCohortReclamation']);
  });

  test('who borrows may stop less important ones of others, up to a priority', async () => {
    await flavor('f');
    await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
    await client.create(WorkloadPriorityClass, { metadata: { name: 'middle' }, value: 50 });
    await clusterQueue('lender', { f: '2' }, { cohort: 'all' });
    await clusterQueue('greedy', { f: '1' }, { cohort: 'all' });
    await clusterQueue('urgent', { f: '1' }, { cohort: 'all', preemption: { reclaimWithinCohort: 'Any', borrowWithinCohort: { policy: 'LowerPriority', maxPriorityThreshold: 10 } } });
    for (const name of ['low1', 'low2']) await submit(name, 'greedy');
    await running('low1', 'low2');
    for (const name of ['mid1', 'mid2']) await submit(name, 'greedy', { priority: 'middle' });
    await running('mid1', 'mid2');
    await submit('wide', 'urgent', { cpu: '3', priority: 'high' });
    await waiting('wide'); // it would have to stop one of the middle ones
    await submit('fits', 'urgent', { cpu: '2', priority: 'high' });
    await eventually('those below the threshold make room', async () => {
      await clearDeleted();
      return runs('fits');
    });
    assert.deepEqual(await Promise.all(['low1', 'low2', 'mid1', 'mid2'].map(runs)), [false, false, true, true]);
  });

  test('what others borrowed is taken back in a further flavor before the queue stops its own, unless it wants the first flavor', async () => {
    for (const name of ['f', 'g']) await flavor(name);
    await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
    for (const whenCanPreempt of ['TryNextFlavor', 'Preempt'] as const) {
      const name = whenCanPreempt.toLowerCase();
      const preemption = { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'Any' } as const;
      await clusterQueue(name, { f: '1', g: '1' }, { cohort: name, preemption, flavorFungibility: { whenCanBorrow: 'Borrow', whenCanPreempt } });
      await clusterQueue(`${name}-guest`, { g: '0' }, { cohort: name });
      await submit(`${name}-own`, name);
      await submit(`${name}-guest`, `${name}-guest`);
      await running(`${name}-own`, `${name}-guest`);
      await submit(`${name}-high`, name, { priority: 'high' });
      await eventually('it runs', async () => {
        await clearDeleted();
        return runs(`${name}-high`);
      });
    }
    const flavorOf = async (name: string) => (await workload(name)).status?.admission?.podSetAssignments[0]?.flavors?.['cpu'];
    assert.deepEqual([await flavorOf('trynextflavor-high'), await runs('trynextflavor-own'), await runs('trynextflavor-guest')], ['g', true, false]);
    const stopped = (await workload('preempt-own')).status?.schedulingStats?.evictions?.map(({ reason, count }) => [reason, count]);
    assert.deepEqual([await flavorOf('preempt-high'), stopped], ['f', [['Preempted', 1]]]);
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

test('a Job that is deleted without what it made leaves its place to others', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  await submit('goes', 'team');
  await running('goes');
  const { name } = (await workload('goes')).metadata;
  await submit('next', 'team');
  await waiting('next');
  await client.delete(Job, 'goes', { ...NS, propagationPolicy: 'Orphan' });
  await running('next');
  const { status, reason, message } = (await client.get(Workload, name!, NS)).status!.conditions!.find(({ type }) => type === 'Finished')!;
  assert.deepEqual([status, reason, message], ['True', 'OwnerNotFound', "The workload's owner no longer exists"]);
});

test('a Job whose containers name a variable twice runs, and its Workload has the last', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  const env = ['1', '2'].map((value) => ({ name: 'TEST_ENV', value }));
  await submit('twice', 'team', { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', env, resources: { requests: { cpu: '1' } } }] } } });
  await running('twice');
  assert.deepEqual((await workload('twice')).spec.podSets[0]?.template.spec?.containers[0]?.env, [{ name: 'TEST_ENV', value: '2' }]);
  assert.deepEqual((await job('twice')).spec?.template.spec?.containers[0]?.env, env);
});
