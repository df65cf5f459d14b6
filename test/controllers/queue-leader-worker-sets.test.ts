/** LeaderWorkerSets in queues: each group of a leader and its workers waits as one. The test plays their operator. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CustomResourceDefinition, Pod, StatefulSet } from '../../src/api/kinds.ts';
import { LeaderWorkerSet, type ForeignObject } from '../../src/api/kueue/frameworks.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { PodTemplateSpec } from '../../src/api/generated/core-v1.ts';
import { isApiError } from '../../src/sdk/index.ts';
import { clearDeleted, client, clusterQueue, complete, flavor, NS, openQueues, running, submit, world } from './queue-world.ts';
import { eventually } from './world.ts';

const any = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const LABEL = 'leaderworkerset.sigs.k8s.io';

beforeEach(async () => {
  await openQueues();
  const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties: { spec: any, status: any } } } }];
  await client.create(CustomResourceDefinition, { metadata: { name: 'leaderworkersets.leaderworkerset.x-k8s.io' }, spec: { group: 'leaderworkerset.x-k8s.io', scope: 'Namespaced', names: { plural: 'leaderworkersets', kind: 'LeaderWorkerSet' }, versions } } as CustomResourceDefinition);
  await eventually('they are served', () => world.door.kinds.find('leaderworkerset.x-k8s.io', 'LeaderWorkerSet') !== undefined);
});
afterEach(() => world.stop());

const template = (cpu: string): PodTemplateSpec => ({ spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu } } }] } });
interface Spec { replicas: number; leaderWorkerTemplate: { size: number; leaderTemplate?: PodTemplateSpec; workerTemplate: PodTemplateSpec } }

async function make(name: string, replicas: number, size: number, { leader, labels = { 'kueue.x-k8s.io/queue-name': 'team' } }: { leader?: string; labels?: Record<string, string> } = {}): Promise<void> {
  const leaderWorkerTemplate = { size, ...(leader !== undefined && { leaderTemplate: template(leader) }), workerTemplate: template('1') };
  await client.create(LeaderWorkerSet, { apiVersion: 'leaderworkerset.x-k8s.io/v1', kind: 'LeaderWorkerSet', metadata: { name, ...NS, labels }, spec: { replicas, leaderWorkerTemplate } });
}
const get = (name: string): Promise<ForeignObject> => client.get(LeaderWorkerSet, name, NS);

/** Makes the pods that are not there, as the operator does: the leader with its number, workers with the name of their leader. */
async function operate(name: string): Promise<void> {
  const { replicas, leaderWorkerTemplate: { size, leaderTemplate, workerTemplate } } = (await get(name)).spec as unknown as Spec;
  const there = new Set((await client.list(Pod, NS)).items.map(({ metadata }) => metadata.name));
  for (let group = 0; group < replicas; group++) {
    for (let index = 0; index < size; index++) {
      const { metadata, spec } = index === 0 ? (leaderTemplate ?? workerTemplate) : workerTemplate;
      const podName = index === 0 ? `${name}-${group}` : `${name}-${group}-${index}`;
      const labels = { ...metadata?.labels, [`${LABEL}/name`]: name, [`${LABEL}/group-index`]: String(group), [`${LABEL}/worker-index`]: String(index) };
      const annotations = { ...metadata?.annotations, ...(index > 0 && { [`${LABEL}/leader-name`]: `${name}-${group}` }) };
      if (!there.has(podName)) await client.create(Pod, { metadata: { name: podName, ...NS, labels, annotations }, spec });
    }
  }
}

const isGated = async (name: string): Promise<boolean> => (await client.get(Pod, name, NS)).spec?.schedulingGates?.some((gate) => gate.name === 'kueue.x-k8s.io/admission') === true;
const group = async (name: string, index: number): Promise<Workload> => {
  const found = (await client.list(Workload, NS)).items.find(({ metadata }) => metadata.name?.startsWith(`leaderworkerset-${name}-${index}-`));
  assert.ok(found, `there is a Workload of ${name} ${index}`);
  return found;
};
const isTrue = async (name: string, index: number, type: string): Promise<boolean> => (await group(name, index)).status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;

test('each group waits as one, with its leader and its workers as sets, and another one is not held up by it', async () => {
  await flavor('f', { nodeLabels: { tier: 'f' } });
  await clusterQueue('team', { f: '4' });
  await make('serve', 2, 3, { leader: '500m' });
  await operate('serve');
  await eventually('the first group is let in', async () => isTrue('serve', 0, 'Admitted').catch(() => false));
  const { spec, status } = await group('serve', 0);
  assert.deepEqual(spec.podSets.map(({ name, count }) => [name, count]), [['leader', 1], ['worker', 2]]);
  assert.deepEqual(status?.admission?.podSetAssignments.map(({ resourceUsage }) => resourceUsage), [{ cpu: '500m' }, { cpu: '2' }]);
  for (const name of ['serve-0', 'serve-0-1', 'serve-0-2']) await eventually(`${name} goes`, async () => !(await isGated(name)));
  const worker = await client.get(Pod, 'serve-0-1', NS);
  assert.deepEqual([worker.spec?.nodeSelector, worker.metadata.labels?.['kueue.x-k8s.io/podset']], [{ tier: 'f' }, 'worker']);
  await eventually('the second one is told to wait', async () => (await group('serve', 1)).status?.conditions?.some(({ type, status: value }) => type === 'QuotaReserved' && value === 'False') === true);
  assert.deepEqual(await Promise.all(['serve-1', 'serve-1-1', 'serve-1-2'].map(isGated)), [true, true, true]);

  const set = await get('serve');
  await client.update(LeaderWorkerSet, { ...set, spec: { ...set.spec, replicas: 1 } });
  await eventually('what it is scaled down by waits no more', async () => (await client.list(Workload, NS)).items.length === 1);
  const now = await get('serve');
  const wider = { ...now, spec: { ...now.spec, leaderWorkerTemplate: { ...(now.spec as unknown as Spec).leaderWorkerTemplate, workerTemplate: template('2') } } } as ForeignObject;
  const refused = await client.update(LeaderWorkerSet, wider).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(refused, 'Invalid') && /workerTemplate\.spec.*immutable/.test((refused as Error).message), String(refused));
});

test('a group is stopped whole, and those made in the place of its pods wait for its next turn', async () => {
  await flavor('f');
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await clusterQueue('team', { f: '2' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  await make('serve', 1, 2);
  await operate('serve');
  for (const name of ['serve-0', 'serve-0-1']) await eventually(`${name} goes`, async () => !(await isGated(name)));
  const first = (await client.get(Pod, 'serve-0', NS)).metadata.uid;
  await submit('urgent', 'team', { cpu: '2', priority: 'high' });
  await eventually('its pods are stopped, and made anew', async () => {
    await clearDeleted();
    await operate('serve').catch(() => undefined);
    const pod = await client.get(Pod, 'serve-0', NS).catch(() => undefined);
    return pod !== undefined && pod.metadata.uid !== first && pod.metadata.deletionTimestamp === undefined;
  });
  await eventually('the urgent one runs', async () => {
    await clearDeleted();
    await operate('serve').catch(() => undefined);
    return running('urgent').then(() => true);
  });
  assert.deepEqual(await Promise.all(['serve-0', 'serve-0-1'].map(isGated)), [true, true]);
  const waiting = (await client.get(Pod, 'serve-0', NS)).metadata.uid;
  await complete('urgent');
  for (const name of ['serve-0', 'serve-0-1']) await eventually(`${name} goes`, async () => !(await isGated(name)));
  assert.equal((await client.get(Pod, 'serve-0', NS)).metadata.uid, waiting, 'the one that waited');
});

test('are in the default queue, and their StatefulSets are in none', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await client.create(LocalQueue, { metadata: { name: 'default', ...NS }, spec: { clusterQueue: 'team' } });
  await eventually('the queue is known', async () => (await client.get(LocalQueue, 'default', NS)).status?.conditions?.[0]?.status === 'True');
  await make('serve', 1, 1, { labels: {} });
  const set = await get('serve');
  assert.equal(set.metadata.labels?.['kueue.x-k8s.io/queue-name'], 'default');
  const { workerTemplate } = (set.spec as unknown as Spec).leaderWorkerTemplate;
  const labels = { app: 'serve' };
  const made = await client.create(StatefulSet, { metadata: { name: 'serve', ...NS }, spec: { replicas: 0, serviceName: 'serve', selector: { matchLabels: labels }, template: { ...workerTemplate, metadata: { ...workerTemplate.metadata, labels } } } } as StatefulSet);
  assert.deepEqual([made.metadata.labels?.['kueue.x-k8s.io/queue-name'], made.spec?.template.metadata?.labels], [undefined, labels]);
});
