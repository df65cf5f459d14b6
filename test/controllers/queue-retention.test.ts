/** How long is kept what is over, as the configuration says. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Job, Pod } from '../../src/api/kinds.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Kind } from '../../src/api/kind.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, flavor, job, NS, openQueues, running, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

afterEach(() => world.stop());

const namesOf = async (kind: Kind): Promise<string[]> => (await client.list(kind, NS)).items.map(({ metadata }) => metadata.name ?? '');
const workloadsOf = async (name: string): Promise<number> => (await client.list(Workload, NS)).items.filter(({ metadata }) => metadata.ownerReferences?.some((each) => each.name === name)).length;
const retention = (workloads: object): Record<string, unknown> => ({ objectRetentionPolicies: { workloads } });

test('Workloads go so long after their end; their jobs stay, and have no other one made', async () => {
  await openQueues(retention({ afterFinished: '1s' }));
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await submit('a', 'team');
  await client.create(Pod, { metadata: { name: 'alone', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team' } }, spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } });
  await running('a');
  await eventually('the pod is let in', async () => (await client.get(Pod, 'alone', NS)).spec?.schedulingGates === undefined);
  await complete('a');
  await client.patch(Pod, 'alone', { type: 'merge', body: { status: { phase: 'Succeeded' } } }, { ...NS, subresource: 'status' });
  await eventually('no Workload is left', async () => (await namesOf(Workload as unknown as Kind)).length === 0);
  await submit('next', 'team', { cpu: '2' });
  await running('next');
  assert.deepEqual([await workloadsOf('a'), await workloadsOf('alone'), await workloadsOf('next'), (await job('a')).spec?.suspend, (await client.get(Pod, 'alone', NS)).status?.phase], [0, 0, 1, false, 'Succeeded']);
});

test('jobs go so long after they were given up, but not those that their users deactivated', async () => {
  await openQueues(retention({ afterDeactivatedByKueue: '0s' }));
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await submit('long', 'team', {}, { 'kueue.x-k8s.io/max-exec-time-seconds': '1' });
  await submit('own', 'team');
  await running('long', 'own');
  await client.patch(Workload, (await workload('own')).metadata.name!, { type: 'merge', body: { spec: { active: false } } }, NS);
  await eventually('the one that was too long is deleted', async () => {
    await clearDeleted();
    return !(await namesOf(Job as unknown as Kind)).includes('long') && (await workloadsOf('long')) === 0;
  });
  await eventually('the other one is stopped', async () => {
    await clearDeleted();
    return (await conditionOf('own', 'QuotaReserved'))?.status === 'False';
  });
  await submit('next', 'team', { cpu: '2' });
  await running('next');
  assert.deepEqual([(await conditionOf('own', 'Evicted'))?.reason, (await job('own')).spec?.suspend], ['Deactivated', true]);
  await submit('last', 'team');
  await waiting('last');
});
