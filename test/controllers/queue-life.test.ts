/** What happens to queues and Workloads beside their turn: stops, checks, times, versions of the API. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ClusterQueue, ClusterQueueV1beta2 } from '../../src/api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { clearDeleted, client, clusterQueue, conditionOf, flavor, NS, openQueues, running, runs, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

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
