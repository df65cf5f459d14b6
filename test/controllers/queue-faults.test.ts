/** What goes wrong with one workload is that one's matter: the queues go on for all others. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ApiError } from '../../src/api/errors.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { isApiError } from '../../src/sdk/index.ts';
import { clearDeleted, client, clusterQueue, complete, conditionOf, flavor, NS, openQueues, running, runs, submit, waiting, world } from './queue-world.ts';
import { eventually } from './world.ts';

afterEach(() => world.stop());

test('a workload whose quota is no quantity is left out, and comes back when it is mended', async () => {
  await openQueues();
  await flavor('default');
  await clusterQueue('q', { default: '4' });
  // In no queue, so that only what is written here lets it in.
  await client.create(Workload, { metadata: { name: 'first', ...NS }, spec: { podSets: [{ name: 'main', count: 1, template: { spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '4' } } }] } } }] } } as Workload);
  const yes = (type: string) => ({ type, status: 'True' as const, reason: 'Test', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' });
  const admitted = (cpu: string): Workload['status'] => ({ conditions: [yes('QuotaReserved'), yes('Admitted')], admission: { clusterQueue: 'q', podSetAssignments: [{ name: 'main', count: 1, flavors: { cpu: 'default' }, resourceUsage: { cpu } }] } });
  const tell = async (status: Workload['status']): Promise<unknown> => client.update(Workload, { ...await client.get(Workload, 'first', NS), status }, { subresource: 'status' });
  await assert.rejects(tell(admitted('much')), (error) => isApiError(error, 'Invalid'));
  // The pattern of quantities takes it, and who reads quantities does not.
  await tell(admitted('1e1.5'));
  await submit('second', 'q', { cpu: '3' });
  await running('second');
  // What is made anew from all workloads is, too.
  const queue = await client.get(ClusterQueue, 'q', {});
  await client.update(ClusterQueue, { ...queue, metadata: { ...queue.metadata, annotations: { 'queue.llmos.dev/policy': 'FIFO' } } });
  await submit('third', 'q', { cpu: '1' });
  await running('third');
  await submit('fourth', 'q', { cpu: '1' });
  await tell({}); // what it was given cannot be changed, only taken from it
  await tell(admitted('1'));
  await eventually('it counts', async () => (await client.get(ClusterQueue, 'q', {})).status?.flavorsReservation?.[0]?.resources[0]?.total === '5');
  await eventually('the fourth is told to wait', async () => /insufficient unused quota for cpu/.test((await conditionOf('fourth', 'QuotaReserved').catch(() => undefined))?.message ?? ''));
});

test('an admission that is refused is tried again later and later, and holds nobody up', async () => {
  const tries = { unlucky: 0 };
  const pauses: { delayMs: number; over: () => void }[] = [];
  let isRefused = true;
  await openQueues({}, {
    refuses(kind, object) {
      if (!isRefused || kind !== Workload || object.metadata.ownerReferences?.[0]?.name !== 'unlucky' || (object as Workload).status?.admission === undefined) return;
      tries.unlucky += 1;
      throw new ApiError('Forbidden', 'a policy of the cluster is against it');
    },
    sleep: (delayMs) => new Promise((over) => pauses.push({ delayMs, over })),
  });
  await flavor('default');
  await clusterQueue('q', { default: '4' });
  await submit('unlucky', 'q', { cpu: '2' });
  await eventually('it was refused', () => pauses.length === 1);
  await submit('lucky', 'q');
  await running('lucky');
  assert.deepEqual([tries.unlucky, pauses.length], [1, 1], 'it waits while others come');
  pauses[0]!.over();
  await eventually('it was refused again', () => pauses.length === 2);
  assert.deepEqual(pauses.map(({ delayMs }) => delayMs), [100, 200]);
  isRefused = false;
  pauses[1]!.over();
  await running('unlucky');
  assert.equal(tries.unlucky, 2);
});

test('a JobSet without a spec has the defaults of one, so that its queue may change it', async () => {
  await openQueues();
  const made = await client.create(JobSet, { metadata: { name: 'empty', ...NS } });
  assert.deepEqual(made.spec, { network: { enableDNSHostnames: true, publishNotReadyAddresses: true }, successPolicy: { operator: 'All' }, startupPolicy: { startupPolicyOrder: 'AnyOrder' } });
  assert.equal((await client.update(JobSet, { ...made, spec: { ...made.spec!, suspend: true } })).spec?.suspend, true);
});

for (const [what, reason] of [['that met a change of the workload', 'Conflict'], ['that was refused', 'Forbidden']] as const) {
  test(`an eviction ${what} is written again: whoever it makes room for does not wait for ever`, async () => {
    let tries = 0;
    await openQueues({}, {
      refuses(kind, object) {
        if (kind !== Workload || (object as Workload).status?.conditions?.some(({ type, status }) => type === 'Evicted' && status === 'True') !== true || tries++ > 0) return;
        throw new ApiError(reason, 'not now');
      },
    });
    await flavor('default');
    await client.create(WorkloadPriorityClass, { metadata: { name: 'urgent' }, value: 1_000 });
    await clusterQueue('q', { default: '1' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
    await submit('usual', 'q');
    await running('usual');
    await submit('urgent', 'q', { priority: 'urgent' });
    await eventually('the usual one makes room', async () => {
      await clearDeleted();
      return runs('urgent');
    });
    assert.ok(tries >= 2, `${tries} tries`); // what is said of it later tells of the eviction, too
    await waiting('usual');
    await complete('urgent');
    await running('usual');
  });
}
