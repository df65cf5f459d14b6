/** Jobs of other operators in queues: they wait as long as their definitions are there, run where their flavors are, and stop for others. The test plays their operators. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CustomResourceDefinition, Job, Pod } from '../../src/api/kinds.ts';
import { ClusterTrainingRuntime, PyTorchJob, RayCluster, RayJob, TrainingRuntime, TrainJob, type ForeignObject } from '../../src/api/kueue/frameworks.ts';
import { LocalQueue, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Kind } from '../../src/api/kind.ts';
import { isApiError } from '../../src/sdk/index.ts';
import { complete, client, clusterQueue, conditionOf, flavor, job, NS, openQueues, running, submit, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues({ manageJobsWithoutQueueName: true }));
afterEach(() => world.stop());

const any = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** As small as a definition can be: its fields are those of the operator. */
async function define(kind: Kind<ForeignObject>, spec: object = any): Promise<void> {
  const versions = [{ name: kind.version, served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties: { spec, status: any } } } }];
  await client.create(CustomResourceDefinition, { metadata: { name: `${kind.plural}.${kind.group}` }, spec: { group: kind.group, scope: kind.namespaced ? 'Namespaced' : 'Cluster', names: { plural: kind.plural, kind: kind.kind }, versions } } as CustomResourceDefinition);
  await eventually(`${kind.kind} is served`, () => world.door.kinds.find(kind.group, kind.kind) !== undefined);
}

const QUEUE = { 'kueue.x-k8s.io/queue-name': 'team' };
const template = (cpu: string) => ({ spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu } } }] } });

async function train(name: string, workers: number, labels: Record<string, string> = QUEUE): Promise<void> {
  const spec = { pytorchReplicaSpecs: { Master: { replicas: 1, template: template('1') }, Worker: { replicas: workers, template: template('1') } } };
  await client.create(PyTorchJob, { apiVersion: 'kubeflow.org/v1', kind: 'PyTorchJob', metadata: { name, ...NS, labels }, spec });
}
const torch = (name: string): Promise<ForeignObject> => client.get(PyTorchJob, name, NS);
interface TorchSpec { runPolicy?: { suspend?: boolean }; pytorchReplicaSpecs: Record<string, { template: { metadata?: { labels?: Record<string, string> }; spec: { nodeSelector?: Record<string, string> } } }> }
const specOf = async (name: string): Promise<TorchSpec> => (await torch(name)).spec as unknown as TorchSpec;
const isSuspended = async (name: string): Promise<boolean> => (await specOf(name)).runPolicy?.suspend === true;
const tells = async (name: string, status: Record<string, unknown>): Promise<unknown> => client.update(PyTorchJob, { ...(await torch(name)), status }, { subresource: 'status' });

test('wait whole, run where their flavors are, stop for more important ones, and end', async () => {
  await flavor('spot', { nodeLabels: { tier: 'spot' } });
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await clusterQueue('team', { spot: '3' }, { preemption: { withinClusterQueue: 'LowerPriority' } });
  await submit('first', 'team', { cpu: '1' });
  await running('first');
  await define(PyTorchJob);
  await train('train', 2);
  assert.equal(await isSuspended('train'), true, 'from its first moment on');
  await eventually('it waits', async () => (await conditionOf('train', 'QuotaReserved').catch(() => undefined))?.status === 'False');
  const { metadata, spec } = await workload('train');
  assert.match(metadata.name!, /^pytorchjob-train-/);
  assert.deepEqual(spec.podSets.map(({ name, count }) => [name, count]), [['master', 1], ['worker', 2]]);
  await complete('first');
  await eventually('it runs', async () => !(await isSuspended('train')));
  const { Worker } = (await specOf('train')).pytorchReplicaSpecs;
  assert.deepEqual([Worker!.template.spec.nodeSelector, Worker!.template.metadata?.labels?.['kueue.x-k8s.io/podset']], [{ tier: 'spot' }, 'worker']);
  await tells('train', { conditions: [{ type: 'Running', status: 'True' }], replicaStatuses: { Master: { active: 1 }, Worker: { active: 2 } } });
  await eventually('its pods are ready', async () => (await conditionOf('train', 'PodsReady'))?.status === 'True');

  await submit('urgent', 'team', { cpu: '1', priority: 'high' });
  await eventually('it is told to stop', () => isSuspended('train'));
  assert.equal((await job('urgent')).spec?.suspend, true, 'its pods are still there');
  await tells('train', { conditions: [{ type: 'Suspended', status: 'True' }], replicaStatuses: {} });
  await running('urgent');
  assert.deepEqual((await specOf('train')).pytorchReplicaSpecs['Worker']!.template.spec.nodeSelector, undefined, 'it is as it was');
  await complete('urgent');
  await eventually('it runs again', async () => !(await isSuspended('train')));
  await tells('train', { conditions: [{ type: 'Succeeded', status: 'True', message: 'all done' }], replicaStatuses: {} });
  await eventually('it has ended', async () => (await conditionOf('train', 'Finished'))?.reason === 'Succeeded');
  assert.equal((await conditionOf('train', 'Finished'))?.message, 'all done');
});

test('wait with who made them', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await client.create(LocalQueue, { metadata: { name: 'default', ...NS }, spec: { clusterQueue: 'team' } });
  await define(RayJob);
  await define(RayCluster);
  await eventually('the queue is known', async () => (await client.get(LocalQueue, 'default', NS)).status?.conditions?.[0]?.status === 'True');
  const rayClusterSpec = { headGroupSpec: { template: template('1') }, workerGroupSpecs: [] };
  const ray = (name: string, labels: Record<string, string> = {}): ForeignObject => ({ apiVersion: 'ray.io/v1', kind: 'RayJob', metadata: { name, ...NS, labels }, spec: { submissionMode: 'HTTPMode', shutdownAfterJobFinishes: true, rayClusterSpec } });
  const parent = await client.create(RayJob, ray('train'));
  assert.deepEqual([parent.metadata.labels?.['kueue.x-k8s.io/queue-name'], parent.spec?.['suspend']], ['default', true]);
  await eventually('it runs', async () => (await client.get(RayJob, 'train', NS)).spec?.['suspend'] === false);
  const owned = (kind: string, { metadata: { name, uid } }: ForeignObject) => ({ ownerReferences: [{ apiVersion: 'ray.io/v1', kind, name: name!, uid: uid!, controller: true }] });
  const child = await client.create(RayCluster, { apiVersion: 'ray.io/v1', kind: 'RayCluster', metadata: { name: 'train-a', ...NS, labels: QUEUE, ...owned('RayJob', parent) }, spec: rayClusterSpec });
  assert.equal(child.spec?.['suspend'], undefined, 'though it bears the label of its parent');
  const pod = await client.create(Pod, { metadata: { name: 'train-a-head', ...NS, labels: QUEUE, ...owned('RayCluster', child) }, spec: { containers: [{ name: 'c', image: 'i:1' }] } });
  assert.equal(pod.spec?.schedulingGates, undefined);
  const submitter = await client.create(Job, { metadata: { name: 'train-submit', ...NS, ...owned('RayJob', parent) }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1' }] } } } } as Job);
  assert.deepEqual([submitter.metadata.labels?.['kueue.x-k8s.io/queue-name'], submitter.spec?.suspend], [undefined, false]);
  await submit('other', 'team', { cpu: '2' });
  await waiting('other');
  assert.equal((await client.list(Workload, NS)).items.length, 2);
  const refused = await client.create(RayJob, { ...ray('kept', QUEUE), spec: { ...ray('kept').spec, shutdownAfterJobFinishes: false } }).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(refused, 'Invalid') && /should delete the cluster after finishing/.test((refused as Error).message));
});

test('come and go with their definitions', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '1' });
  await submit('first', 'team');
  await running('first');
  for (const round of ['one', 'two']) {
    await define(PyTorchJob);
    await train(round, 0);
    await eventually(`${round} waits`, async () => (await conditionOf(round, 'QuotaReserved').catch(() => undefined))?.status === 'False');
    await client.delete(CustomResourceDefinition, 'pytorchjobs.kubeflow.org');
    await eventually('it is gone', async () => world.door.kinds.find('kubeflow.org', 'PyTorchJob') === undefined);
    await eventually('its Workload, too', async () => (await client.list(Workload, NS)).items.length === 1);
  }
});

test('may change while they wait, and are made to wait by the module itself where nobody else does', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await clusterQueue('other', { f: '2' });
  await define(PyTorchJob);
  await train('train', 3);
  await eventually('it waits for more than there is', async () => (await conditionOf('train', 'QuotaReserved').catch(() => undefined))?.status === 'False');
  await eventually('somebody lets it go', async () => {
    const one = await torch('train');
    return client.update(PyTorchJob, { ...one, spec: { ...one.spec, runPolicy: { suspend: false } } }).then(() => true, () => false);
  });
  await eventually('it is suspended again', () => isSuspended('train'));
  await eventually('it asks for less', async () => {
    const one = await torch('train');
    const spec = structuredClone(one.spec) as unknown as { pytorchReplicaSpecs: Record<string, { replicas: number }> };
    spec.pytorchReplicaSpecs['Worker']!.replicas = 1;
    return client.update(PyTorchJob, { ...one, spec: spec as unknown as Record<string, unknown> }).then(() => true, () => false);
  });
  await eventually('it runs', async () => !(await isSuspended('train')));
  const now = await torch('train');
  const moved = await client.update(PyTorchJob, { ...now, metadata: { ...now.metadata, labels: { 'kueue.x-k8s.io/queue-name': 'other' } } }).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(moved, 'Invalid') && /field is immutable/.test((moved as Error).message));
});

test('of a TrainJob the pods are those of its runtime, and the trainer is told by what its definition knows', async () => {
  await flavor('spot', { nodeLabels: { tier: 'spot' }, tolerations: [{ key: 'spot', operator: 'Exists' }] });
  await clusterQueue('team', { spot: '3' });
  await define(TrainingRuntime);
  const own = { type: 'object', properties: { suspend: { type: 'boolean' }, runtimeRef: any, trainer: any, podTemplateOverrides: { type: 'array', items: any } } };
  await define(TrainJob, own);
  const trainJob = { apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob', metadata: { name: 'train', ...NS, labels: QUEUE }, spec: { runtimeRef: { name: 'torch' }, trainer: { numNodes: 3 } } };
  await client.create(TrainJob, trainJob);
  // Its runtime comes last of all.
  await define(ClusterTrainingRuntime);
  const replicatedJobs = [{ name: 'node', template: { metadata: { labels: { 'trainer.kubeflow.org/trainjob-ancestor-step': 'trainer' } }, spec: { template: { spec: { containers: [{ name: 'node', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } } } }];
  await client.create(ClusterTrainingRuntime, { apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'ClusterTrainingRuntime', metadata: { name: 'torch' }, spec: { mlPolicy: { numNodes: 1 }, template: { spec: { replicatedJobs } } } });
  await eventually('it runs', async () => (await client.get(TrainJob, 'train', NS)).spec?.['suspend'] === false);
  assert.deepEqual((await workload('train')).spec.podSets.map(({ name, count }) => [name, count]), [['node', 3]]);
  const { spec } = await client.get(TrainJob, 'train', NS);
  const [override] = spec!['podTemplateOverrides'] as { targetJobs: object; spec: object }[];
  assert.deepEqual([override?.targetJobs, override?.spec, Object.keys(spec!).includes('runtimePatches')], [[{ name: 'node' }], { nodeSelector: { tier: 'spot' }, tolerations: [{ key: 'spot', operator: 'Exists' }] }, false]);
  await client.update(TrainJob, { ...(await client.get(TrainJob, 'train', NS)), status: { conditions: [{ type: 'Complete', status: 'True', message: 'trained' }] } }, { subresource: 'status' });
  await eventually('it has ended', async () => (await conditionOf('train', 'Finished'))?.message === 'trained');
});

test('have Workloads that were made beforehand, times that they may run, places in topologies, and wait without a queue, too', async () => {
  await flavor('f');
  await clusterQueue('team', { f: '2' });
  await define(PyTorchJob);
  const podSets = [{ name: 'master', count: 1, template: template('1') }, { name: 'worker', count: 1, template: template('1') }];
  await train('train', 1, { ...QUEUE, 'kueue.x-k8s.io/prebuilt-workload-name': 'made' });
  await client.create(Workload, { metadata: { name: 'made', ...NS }, spec: { queueName: 'team', podSets } } as Workload);
  await eventually('it runs', async () => !(await isSuspended('train')));
  assert.deepEqual((await client.list(Workload, NS)).items.map(({ metadata }) => metadata.name), ['made']);
  await tells('train', { conditions: [{ type: 'Failed', status: 'True', message: 'no more' }] });
  await eventually('it has failed', async () => (await client.get(Workload, 'made', NS)).status?.conditions?.find(({ type }) => type === 'Finished')?.reason === 'Failed');

  await train('short', 1, { ...QUEUE, 'kueue.x-k8s.io/max-exec-time-seconds': '1' });
  await eventually('it runs', async () => !(await isSuspended('short')));
  await eventually('its time is over', () => isSuspended('short'));
  assert.equal((await workload('short')).spec.active, false);

  await train('lost', 1, {});
  assert.equal(await isSuspended('lost'), true, 'until it is given a queue');
  const wrong = { Master: { template: { ...template('1'), metadata: { annotations: { 'kueue.x-k8s.io/podset-required-topology': 'rack', 'kueue.x-k8s.io/podset-preferred-topology': 'rack' } } } } };
  const refused = await client.create(PyTorchJob, { apiVersion: 'kubeflow.org/v1', kind: 'PyTorchJob', metadata: { name: 'wrong', ...NS, labels: QUEUE }, spec: { pytorchReplicaSpecs: wrong } }).then(() => undefined, (error: unknown) => error);
  assert.ok(isApiError(refused, 'Invalid') && /spec\.pytorchReplicaSpecs\.Master\.template\.metadata\.annotations.*more than one topology annotation/.test((refused as Error).message), String(refused));
});
