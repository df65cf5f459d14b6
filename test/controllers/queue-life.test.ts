/** What happens to queues and Workloads beside their turn: stops, checks, times, versions of the API. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Event, Job, Namespace, Pod } from '../../src/api/kinds.ts';
import { ClusterQueue, ClusterQueueV1beta2, Cohort, CohortV1alpha1, CohortV1beta2 } from '../../src/api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, flavor, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

describe('queues', () => {
  test('that are deleted stay until nobody uses them, and let nobody in; so do their flavors', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '2' });
    await submit('a', 'team');
    await running('a');
    const isThere = async (kind: typeof ClusterQueue | typeof ResourceFlavor, name: string): Promise<boolean> => (await (client.list as (of: typeof kind) => Promise<{ items: { metadata: { name?: string } }[] }>)(kind)).items.some(({ metadata }) => metadata.name === name);
    await eventually('both are kept', async () => [await client.get(ClusterQueue, 'team'), await client.get(ResourceFlavor, 'f')].every(({ metadata }) => metadata.finalizers?.includes('kueue.x-k8s.io/resource-in-use') === true));
    await client.delete(ResourceFlavor, 'f');
    await client.delete(ClusterQueue, 'team');
    await eventually('it says so', async () => (await client.get(ClusterQueue, 'team')).status?.conditions?.[0]?.reason === 'Terminating');
    await submit('b', 'team');
    await eventually('who comes is told', async () => /terminating/.test((await conditionOf('b', 'QuotaReserved').catch(() => undefined))?.message ?? ''));
    assert.deepEqual([await runs('a'), await runs('b'), await isThere(ResourceFlavor, 'f')], [true, false, true]);
    await complete('a');
    await eventually('both are gone', async () => !(await isThere(ClusterQueue, 'team')) && !(await isThere(ResourceFlavor, 'f')));
    await flavor('alone');
    await client.delete(ResourceFlavor, 'alone');
    await eventually('what nobody uses goes at once', async () => !(await isThere(ResourceFlavor, 'alone')));
  });

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

  test('a check of a controller that is not here says so, and its queue lets nobody in', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' }, { admissionChecks: ['capacity'] });
    await client.create(AdmissionCheck, { metadata: { name: 'capacity' }, spec: { controllerName: 'kueue.x-k8s.io/provisioning-request' } });
    await submit('a', 'team');
    await eventually('the check says so', async () => /no cluster autoscaler/.test((await client.get(AdmissionCheck, 'capacity')).status?.conditions?.find(({ type }) => type === 'Active')?.message ?? ''));
    await eventually('who waits is told', async () => /inactive AdmissionCheck\(s\): capacity/.test((await conditionOf('a', 'QuotaReserved').catch(() => undefined))?.message ?? ''));
    assert.equal(await runs('a'), false);
    // Whoever answers it speaks for it.
    const answered = { type: 'Active', status: 'True', reason: 'Active', message: 'answered', lastTransitionTime: `${new Date().toISOString().slice(0, 19)}Z` };
    await client.patch(AdmissionCheck, 'capacity', { type: 'merge', body: { status: { conditions: [answered] } } }, { subresource: 'status' });
    await eventually('it has quota', async () => (await conditionOf('a', 'QuotaReserved'))?.status === 'True');
    assert.equal((await client.get(AdmissionCheck, 'capacity')).status?.conditions?.[0]?.message, 'answered');
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

const active = async (name: string) => (await client.get(LocalQueue, name, NS)).status?.conditions?.find(({ type }) => type === 'Active');

describe('what queues tell', () => {
  test('what is used, borrowed and waited for, and of which flavors', async () => {
    await flavor('f', { nodeLabels: { zone: 'a' } });
    await clusterQueue('borrower', { f: '1' }, { cohort: 'all' });
    await clusterQueue('lender', { f: '2' }, { cohort: 'all' });
    for (const name of ['b1', 'b2', 'b3', 'b4', 'b5']) await submit(name, 'borrower');
    await running('b1', 'b2', 'b3');
    await waiting('b4', 'b5');
    const used = [{ name: 'f', resources: [{ name: 'cpu', total: '3', borrowed: '2' }] }];
    await eventually('the ClusterQueue tells', async () => (await client.get(ClusterQueue, 'borrower')).status?.pendingWorkloads === 2);
    const { flavorsReservation, flavorsUsage, reservingWorkloads, admittedWorkloads } = (await client.get(ClusterQueue, 'borrower')).status!;
    assert.deepEqual([flavorsReservation, flavorsUsage, reservingWorkloads, admittedWorkloads], [used, used, 3, 3]);
    await eventually('the LocalQueue tells', async () => (await client.get(LocalQueue, 'borrower', NS)).status?.pendingWorkloads === 2);
    const local = (await client.get(LocalQueue, 'borrower', NS)).status!;
    assert.deepEqual([local.flavorUsage, local.flavors, local.admittedWorkloads], [[{ name: 'f', resources: [{ name: 'cpu', total: '3' }] }], [{ name: 'f', resources: ['cpu'], nodeLabels: { zone: 'a' } }], 3]);
    assert.deepEqual([(await active('borrower'))?.status, (await active('borrower'))?.reason], ['True', 'Ready']);
    await client.patch(Workload, (await workload('b5')).metadata.name!, { type: 'merge', body: { spec: { active: false } } }, NS);
    await eventually('who is deactivated does not wait', async () => (await client.get(ClusterQueue, 'borrower')).status?.pendingWorkloads === 1);
  });

  test('of a LocalQueue that is drained nobody stays, and nobody waits', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team');
    await running('a');
    const stop = (stopPolicy: 'None' | 'HoldAndDrain') => client.patch(LocalQueue, 'team', { type: 'merge', body: { spec: { stopPolicy } } }, NS);
    await stop('HoldAndDrain');
    await eventually('the job is stopped', async () => {
      await clearDeleted();
      return !(await runs('a')) && (await workload('a')).status?.admission === undefined;
    });
    assert.equal((await conditionOf('a', 'Evicted'))?.reason, 'LocalQueueStopped');
    await eventually('it says so', async () => (await active('team'))?.reason === 'Stopped' && (await client.get(ClusterQueue, 'team')).status?.pendingWorkloads === 0);
    await stop('None');
    await running('a');
    assert.equal((await conditionOf('a', 'Requeued'))?.reason, 'LocalQueueRestarted');
  });

  test('who waits for a queue that lets nobody in is told why', async () => {
    await clusterQueue('team', { missing: '1' });
    await submit('a', 'team');
    const told = async (message: string) => eventually(message, async () => (await conditionOf('a', 'QuotaReserved').catch(() => undefined))?.message === message);
    await told("ClusterQueue team is inactive: Can't admit new workloads: references missing ResourceFlavor(s): missing.");
    await client.patch(LocalQueue, 'team', { type: 'merge', body: { spec: { stopPolicy: 'Hold' } } }, NS);
    await flavor('missing');
    await told("LocalQueue team is inactive: LocalQueue is stopped");
    await client.patch(LocalQueue, 'team', { type: 'merge', body: { spec: { stopPolicy: 'None' } } }, NS);
    await running('a');
  });

  test('a namespace that is not selected is told so, and let in when it is', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' }, { namespaceSelector: { matchLabels: { team: 'a' } } });
    await submit('a', 'team');
    await eventually('it is told', async () => (await conditionOf('a', 'QuotaReserved').catch(() => undefined))?.message === "Workload namespace doesn't match ClusterQueue selector");
    await client.patch(Namespace, 'default', { type: 'merge', body: { metadata: { labels: { team: 'a' } } } });
    await running('a');
  });

  test('quota goes down a tree of cohorts, in whichever version they are written', async () => {
    await flavor('f');
    const quota = (nominalQuota: string, more: object = {}) => [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota, ...more }] }] }];
    await client.create(Cohort, { metadata: { name: 'company' }, spec: { resourceGroups: quota('2') } });
    await client.create(CohortV1beta2, { metadata: { name: 'research' }, spec: { parentName: 'company', resourceGroups: quota('1', { borrowingLimit: '1' }) } } as Cohort);
    await client.create(CohortV1alpha1, { metadata: { name: 'sales' }, spec: { parent: 'company' } } as Cohort);
    await clusterQueue('labs', { f: '0' }, { cohort: 'research' });
    await clusterQueue('shop', { f: '0' }, { cohort: 'sales' });
    assert.equal((await client.get(Cohort, 'research')).spec?.parent, 'company');
    for (const name of ['l1', 'l2', 'l3']) await submit(name, 'labs');
    await running('l1', 'l2'); // its cohort's own, and the one that may be borrowed
    await waiting('l3');
    await submit('s1', 'shop');
    await running('s1');
    await submit('s2', 'shop');
    await waiting('s2');
  });
});

describe('a Workload', () => {
  test('that is deactivated stops, and comes back when it is active again', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team');
    await running('a');
    const { name = '' } = (await workload('a')).metadata;
    await client.patch(Workload, name, { type: 'merge', body: { spec: { active: false } } }, NS);
    await eventually('it is stopped', async () => {
      await clearDeleted();
      return !(await runs('a')) && (await workload('a')).status?.admission === undefined;
    });
    assert.equal((await conditionOf('a', 'Evicted'))?.reason, 'Deactivated');
    await client.patch(Workload, name, { type: 'merge', body: { spec: { active: true } } }, NS);
    await running('a');
  });

  test('that ran for as long as it may is stopped for good', async () => {
    await flavor('f');
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team', {}, { 'kueue.x-k8s.io/max-exec-time-seconds': '1' });
    await running('a');
    await eventually('it is over', async () => {
      await clearDeleted();
      return (await conditionOf('a', 'Evicted'))?.reason === 'DeactivatedDueToMaximumExecutionTimeExceeded' && (await workload('a')).status?.admission === undefined;
    });
    const { spec, status } = await workload('a');
    assert.deepEqual([spec.active, status?.accumulatedPastExexcutionTimeSeconds, status?.conditions?.some(({ type }) => type === 'DeactivationTarget')], [false, undefined, false]);
    assert.equal((await conditionOf('a', 'Evicted'))?.message, 'The workload is deactivated due to exceeding the maximum execution time');
    await eventually('its user is told', async () => (await client.list(Event, NS)).items.some(({ reason, type, message }) => reason === 'MaximumExecutionTimeExceeded' && type === 'Warning' && message === 'The maximum execution time (1s) exceeded'));
  });
});

describe('pods that do not become ready', () => {
  const reopen = async (config: Record<string, unknown>): Promise<void> => {
    await world.stop();
    await openQueues(config);
    await flavor('f');
  };
  /** Plays the node: all pods of the job run, and are ready. */
  const ready = async (name: string): Promise<void> => eventually(`pods of ${name} are ready`, async () => {
    const { items } = await client.list(Pod, { ...NS, labelSelector: `job-name=${name}` });
    for (const each of items) await client.update(Pod, { ...each, status: { ...each.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } } as Pod, { subresource: 'status' });
    return items.length > 0;
  });

  test('hold everybody back, where admission is to be blocked', async () => {
    await reopen({ waitForPodsReady: { blockAdmission: true } });
    await clusterQueue('team', { f: '2' });
    await clusterQueue('other', { f: '2' });
    await submit('a', 'team');
    await running('a');
    await submit('b', 'other');
    await submit('c', 'team');
    for (const name of ['b', 'c']) await eventually(`${name} is told`, async () => (await conditionOf(name, 'QuotaReserved').catch(() => undefined))?.reason === 'Waiting');
    assert.equal((await conditionOf('b', 'QuotaReserved'))?.message, 'waiting for all admitted workloads to be in PodsReady condition');
    await ready('a');
    await eventually('one of them goes', async () => (await runs('b')) || (await runs('c')));
    const [first, second] = (await runs('b')) ? ['b', 'c'] : ['c', 'b'];
    assert.equal(await runs(second!), false);
    await complete(first!);
    await running(second!);
  });

  test('cost their Workload its place, and at last its activity', async () => {
    await reopen({ waitForPodsReady: { timeout: '300ms', requeuingStrategy: { backoffBaseSeconds: 0, backoffLimitCount: 1 } } });
    await clusterQueue('team', { f: '1' });
    await submit('a', 'team');
    await eventually('it is given up', async () => {
      await clearDeleted();
      return (await conditionOf('a', 'Evicted').catch(() => undefined))?.reason === 'DeactivatedDueToRequeuingLimitExceeded';
    });
    const evictions = (await workload('a')).status?.schedulingStats?.evictions?.map(({ reason, underlyingCause, count }) => [reason, underlyingCause, count]);
    assert.deepEqual(evictions, [['PodsReadyTimeout', 'WaitForStart', 1], ['Deactivated', 'RequeuingLimitExceeded', 1]]);
  });
});

test('who is just being let in counts, though queues change meanwhile', async () => {
  await world.stop();
  await openQueues({}, { slowMs: 150 });
  await flavor('f');
  await clusterQueue('team', { f: '1' }, {}, { 'queue.llmos.dev/policy': 'FIFO' });
  for (const name of ['a', 'b', 'c']) await submit(name, 'team');
  // Each change makes all anew, while the first admission is on its way.
  for (let index = 0; index < 20; index++) {
    await client.patch(LocalQueue, 'team', { type: 'merge', body: { metadata: { annotations: { index: String(index) } } } }, NS);
    await new Promise((later) => setTimeout(later, 50));
  }
  await eventually('the first one runs', async () => (await runs('a')) || (await runs('b')) || (await runs('c')));
  const admitted = (await client.list(Workload, NS)).items.filter(({ status }) => status?.admission !== undefined).map(({ metadata }) => metadata.ownerReferences?.[0]?.name);
  assert.deepEqual(admitted, ['a']);
});

test('a running job that is made wider waits anew for what it asks now, and holds no more than it was given', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '3' });
  await submit('wide', 'team', { parallelism: 1, completions: 100 });
  await running('wide');
  await eventually('its pod is there', async () => (await client.list(Pod, NS)).items.length === 1);
  const { metadata: { uid } } = await workload('wide');
  await client.patch(Job, 'wide', { type: 'merge', body: { spec: { parallelism: 50 } } }, NS);
  await eventually('it waits, and says that it never fits', async () => {
    await clearDeleted();
    const now = await workload('wide').catch(() => undefined);
    return now !== undefined && now.metadata.uid !== uid && now.status?.conditions?.some(({ type, message }) => type === 'QuotaReserved' && message.includes('request > maximum capacity')) === true && !(await runs('wide'));
  });
  await client.patch(Job, 'wide', { type: 'merge', body: { spec: { parallelism: 3 } } }, NS);
  await running('wide');
  assert.deepEqual((await workload('wide')).status?.admission?.podSetAssignments.map(({ count, resourceUsage }) => [count, resourceUsage?.['cpu']]), [[3, '3']]);
});
