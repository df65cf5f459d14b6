/** What people bring from Kueue beside Jobs: default queues, Deployments, StatefulSets, groups of pods, checks by others, defaults of namespaces. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Deployment, Event, Job, LimitRange, Namespace, Pod, RuntimeClass, StatefulSet } from '../../src/api/kinds.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import type { AdmissionCheckState } from '../../src/api/kueue/types.ts';
import { Workload, WorkloadV1beta2 } from '../../src/api/kueue/workload.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { defineModule, type Client, type Kind } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import quota from '../../src/modules/quota/module.ts';
import queue from '../../src/modules/queue/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

/** The node gives this kind elsewhere. */
const runtimes = defineModule({ name: 'runtimes', description: 'runtime classes', kinds: [RuntimeClass] });

let client: Client;
let world: World;

beforeEach(async () => {
  world = await startWorld([core, quota, runtimes, workloads, garbageCollector, scheduler, queue]);
  client = world.client;
});

afterEach(() => world.stop());

const NS = { namespace: 'default' };
const QUEUE = { 'kueue.x-k8s.io/queue-name': 'team' };
const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => eventually(what, async () => holds());

async function team(cpu: string, more: NonNullable<ClusterQueue['spec']> = {}, name = 'team'): Promise<void> {
  await client.create(ResourceFlavor, { metadata: { name: 'f' }, spec: {} });
  await client.create(ClusterQueue, { metadata: { name: 'team' }, spec: { namespaceSelector: {}, resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'f', resources: [{ name: 'cpu', nominalQuota: cpu }] }] }], ...more } });
  await client.create(LocalQueue, { metadata: { name, ...NS }, spec: { clusterQueue: 'team' } });
}

const containers = (cpu?: string): object[] => [{ name: 'c', image: 'i:1', ...(cpu !== undefined && { resources: { requests: { cpu } } }) }];
const all = async <T extends KubeObject>(kind: Kind<T>): Promise<T[]> => (await client.list(kind, NS)).items;
const workloadOf = async (owner: string): Promise<Workload | undefined> => (await all(Workload)).find(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === owner));
const condition = (workload: Workload | undefined, type: string) => workload?.status?.conditions?.find((each) => each.type === type);
const isGated = ({ spec }: Pod): boolean => (spec?.schedulingGates?.length ?? 0) > 0;
const gates = async (): Promise<Record<string, boolean>> => Object.fromEntries((await all(Pod)).map((pod) => [pod.metadata.name, isGated(pod)]));
/** The kind's usual owner of pods, in the queue by a label of its own. */
const app = (name: string, replicas: number): object => ({ metadata: { name, ...NS, labels: QUEUE }, spec: { replicas, serviceName: name, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: containers('1') } } } });

describe('who names no queue', () => {
  test('is in the one called default, where its namespace has it', async () => {
    await client.create(Job, { metadata: { name: 'free', ...NS }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1') } } } } as Job);
    assert.equal((await client.get(Job, 'free', NS)).spec?.suspend, false);
    await team('1', {}, 'default');
    await until('the queue is known', async () => {
      await client.delete(Job, 'kept', NS).catch(() => undefined);
      const made = await client.create(Job, { metadata: { name: 'kept', ...NS }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1') } } } } as Job).catch(() => undefined);
      return made?.spec?.suspend === true && made.metadata.labels?.['kueue.x-k8s.io/queue-name'] === 'default';
    });
    await until('it runs when it is its turn', async () => (await client.get(Job, 'kept', NS)).spec?.suspend === false);
    for (const [kind, name] of [[Deployment, 'd'], [StatefulSet, 's']] as const) {
      const { metadata, spec } = app(name, 1) as { metadata: object; spec: object };
      const made = await client.create(kind as Kind<Deployment>, { metadata: { ...metadata, labels: {} }, spec } as Deployment);
      assert.deepEqual([made.metadata.labels?.['kueue.x-k8s.io/queue-name'], made.spec?.template.metadata?.labels?.['kueue.x-k8s.io/queue-name']], ['default', 'default']);
    }
    const pod = (name: string, nodeName?: string): Promise<Pod> => client.create(Pod, { metadata: { name, ...NS }, spec: { containers: containers('1'), ...(nodeName !== undefined && { nodeName }) } } as Pod);
    assert.deepEqual([isGated(await pod('plain')), isGated(await pod('placed', 'n1'))], [true, false]);
  });
});

test('where the configuration says so, Jobs without a queue wait until they are given one', async () => {
  await world.stop();
  world = await startWorld([core, workloads, { ...queue, admissions: queue.admissions!.map((each) => ({ ...each, admit: (request, context) => each.admit?.(request, { ...context, config: { manageJobsWithoutQueueName: true, managedJobsNamespaceSelector: { matchLabels: { batch: 'yes' } } } }) })) }]);
  client = world.client;
  await team('1');
  const made = (name: string): Promise<Job> => client.create(Job, { metadata: { name, ...NS }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1') } } } } as Job);
  assert.equal((await made('free')).spec?.suspend, false, 'its namespace is not selected');
  await client.patch(Namespace, 'default', { type: 'merge', body: { metadata: { labels: { batch: 'yes' } } } });
  assert.equal((await made('a')).spec?.suspend, true);
  assert.deepEqual(await all(Workload), []);
  await client.patch(Job, 'a', { type: 'merge', body: { metadata: { labels: QUEUE } } }, NS);
  await until('it runs', async () => (await client.get(Job, 'a', NS)).spec?.suspend === false);
});

describe('what serves', () => {
  test("a Deployment's pods wait each for itself", async () => {
    await team('2');
    await client.create(Deployment, app('web', 3) as Deployment);
    await until('two of three are let go', async () => Object.values(await gates()).filter((gated) => !gated).length === 2 && Object.values(await gates()).length === 3);
    await client.patch(ClusterQueue, 'team', { type: 'json', body: [{ op: 'replace', path: '/spec/resourceGroups/0/flavors/0/resources/0/nominalQuota', value: '3' }] });
    await until('all are', async () => Object.values(await gates()).every((gated) => !gated));
  });

  test('a StatefulSet waits as one, though its pods are made one after the other, and goes on with a pod in the place of another', async () => {
    await team('1');
    await client.create(StatefulSet, app('db', 2) as StatefulSet);
    await until('its Workload asks for all', async () => (await workloadOf('db-0'))?.spec.podSets[0]?.count === 2);
    assert.deepEqual(await gates(), { 'db-0': true });
    await client.patch(ClusterQueue, 'team', { type: 'json', body: [{ op: 'replace', path: '/spec/resourceGroups/0/flavors/0/resources/0/nominalQuota', value: '2' }] });
    await until('the first is let go', async () => (await gates())['db-0'] === false);
    const ready = async (name: string): Promise<void> => {
      const pod = await client.get(Pod, name, NS);
      await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } } as Pod, { subresource: 'status' });
    };
    await ready('db-0');
    await until('the second is, too', async () => (await gates())['db-1'] === false);
    await ready('db-1');
    const workload = (await workloadOf('db-0'))!.metadata.name;
    const { uid } = (await client.get(Pod, 'db-0', NS)).metadata;
    await client.delete(Pod, 'db-0', { ...NS, gracePeriodSeconds: 0 });
    await until('another takes its place', async () => {
      const pod = (await all(Pod)).find(({ metadata }) => metadata.name === 'db-0');
      return pod !== undefined && pod.metadata.uid !== uid && !isGated(pod);
    });
    await until('the Workload is its own too', async () => (await workloadOf('db-0'))?.metadata.name === workload && (await workloadOf('db-1'))?.metadata.name === workload);
    await assert.rejects(client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { replicas: 3 } } }, NS), /cannot be changed but to and from 0/);
    await client.patch(StatefulSet, 'db', { type: 'merge', body: { spec: { replicas: 0 } } }, NS);
  });
});

test('who waits may go to another queue, and be more important there; what serves stays in one', async () => {
  await team('0');
  await client.create(WorkloadPriorityClass, { metadata: { name: 'urgent' }, value: 1_000 } as WorkloadPriorityClass);
  await client.create(Pod, { metadata: { name: 'lone', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'nowhere' } }, spec: { containers: containers('1') } } as Pod);
  await client.create(Deployment, app('web', 1) as Deployment);
  await client.create(StatefulSet, app('db', 1) as StatefulSet);
  await until('all wait', async () => (await all(Workload)).length === 3 && (await all(Workload)).every((each) => condition(each, 'QuotaReserved')?.status === 'False'));
  assert.equal((await workloadOf('lone'))?.spec.queueName, 'nowhere');
  await client.patch(Pod, 'lone', { type: 'merge', body: { metadata: { labels: { ...QUEUE, 'kueue.x-k8s.io/priority-class': 'urgent' } } } }, NS);
  await until('its Workload says so', async () => {
    const { queueName, priority, priorityClassName } = (await workloadOf('lone'))!.spec;
    return queueName === 'team' && priority === 1_000 && priorityClassName === 'urgent';
  });
  for (const [kind, name] of [[Deployment, 'web'], [StatefulSet, 'db']] as readonly [Kind, string][]) {
    const moved = (to: string | null): Promise<unknown> => client.patch(kind, name, { type: 'merge', body: { metadata: { labels: { 'kueue.x-k8s.io/queue-name': to } } } }, NS);
    await assert.rejects(moved(null), /cannot be taken away/);
    await moved('other');
    await until('its pods and their Workload are there, too', async () => (await all(Pod)).some(({ metadata }) => metadata.name?.startsWith(name) === true && metadata.labels?.['kueue.x-k8s.io/queue-name'] === 'other') && (await all(Workload)).some(({ metadata, spec }) => metadata.name?.includes(`-${name}-`) === true && spec.queueName === 'other'));
  }
});

describe('groups of pods', () => {
  const member = (name: string, { labels = {}, annotations = {}, cpu = '1' }: { labels?: Record<string, string>; annotations?: Record<string, string>; cpu?: string } = {}): Promise<Pod> => client.create(Pod, {
    metadata: { name, ...NS, labels: { ...QUEUE, 'kueue.x-k8s.io/pod-group-name': 'crew', ...labels }, annotations: { 'kueue.x-k8s.io/pod-group-total-count': '2', ...annotations } }, spec: { containers: containers(cpu) },
  } as Pod);

  test('with fast admission go by the first; who is too many is deleted; who loses the Workload is stopped', async () => {
    await team('2');
    await member('a', { annotations: { 'kueue.x-k8s.io/pod-group-fast-admission': 'true' } });
    await until('the first is let go', async () => (await gates())['a'] === false);
    assert.equal((await client.get(Workload, 'crew', NS)).spec.podSets[0]?.count, 2);
    await member('b');
    await until('the second is let go', async () => (await gates())['b'] === false);
    await member('c');
    await until('the third is deleted', async () => !('c' in (await gates())));
    const pod = await client.get(Pod, 'a', NS);
    await client.createSubresource(Pod, { name: 'a', ...NS }, 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'a' }, target: { kind: 'Node', name: 'n1' } } as KubeObject);
    await until('it is bound', async () => (await client.get(Pod, 'a', NS)).spec?.nodeName === 'n1');
    await client.delete(Workload, 'crew', NS);
    await until('it is told to end', async () => {
      const now = (await all(Pod)).find(({ metadata }) => metadata.uid === pod.metadata.uid);
      return now === undefined || now.metadata.deletionTimestamp !== undefined;
    });
  });

  test('say that they wait for others in the place of failed ones, until they have them', async () => {
    await team('2');
    await member('a');
    await member('b');
    await until('both are let go', async () => Object.keys(await gates()).length === 2 && Object.values(await gates()).every((gated) => !gated));
    const waits = async (): Promise<unknown> => {
      const { status, reason, message } = condition(await client.get(Workload, 'crew', NS), 'WaitingForReplacementPods') ?? {};
      return [status, reason, message];
    };
    assert.deepEqual(await waits(), [undefined, undefined, undefined]);
    await client.update(Pod, { ...await client.get(Pod, 'a', NS), status: { phase: 'Failed' } } as Pod, { subresource: 'status' });
    await until('it is told', async () => JSON.stringify(await waits()) === '["True","PodsFailed","Some Failed pods need replacement"]');
    await member('c');
    await until('the new one is let go', async () => (await gates())['c'] === false);
    await until('nobody is waited for', async () => JSON.stringify(await waits()) === '["False","PodsReady","No pods need replacement"]');
    await member('d');
    await until('one too many goes, and it is told why', async () => !('d' in (await gates())) && (await all(Event)).some(({ reason, involvedObject }) => reason === 'ExcessPodDeleted' && involvedObject?.name === 'd'));
  });

  test('have succeeded when all have, though some are not there any more', async () => {
    await team('2');
    await member('a');
    await member('b');
    await until('both are let go', async () => Object.keys(await gates()).length === 2 && Object.values(await gates()).every((gated) => !gated));
    const succeed = async (name: string): Promise<unknown> => client.update(Pod, { ...await client.get(Pod, name, NS), status: { phase: 'Succeeded' } } as Pod, { subresource: 'status' });
    const crew = (): Promise<Workload> => client.get(Workload, 'crew', NS);
    await succeed('a');
    await until('its part is given back', async () => (await crew()).status?.reclaimablePods?.[0]?.count === 1);
    await until('it is kept', async () => (await client.get(Pod, 'a', NS)).metadata.finalizers?.includes('kueue.x-k8s.io/managed') === true);
    await client.delete(Pod, 'a', { ...NS, gracePeriodSeconds: 0 });
    await member('c');
    await until('nobody takes its place', async () => !('c' in (await gates())));
    await succeed('b');
    await until('the group has succeeded', async () => condition(await crew(), 'Finished')?.reason === 'Succeeded');
    await until('it need not be there any more', async () => JSON.stringify(Object.keys(await gates())) === '["b"]');
  });

  test('that are taken away whole go, whoever of them has succeeded', async () => {
    await team('2');
    await member('a');
    await member('b');
    await until('both are let go', async () => Object.keys(await gates()).length === 2 && Object.values(await gates()).every((gated) => !gated));
    await client.update(Pod, { ...await client.get(Pod, 'a', NS), status: { phase: 'Succeeded' } } as Pod, { subresource: 'status' });
    await until('it is kept', async () => (await client.get(Pod, 'a', NS)).metadata.finalizers !== undefined);
    for (const name of ['a', 'b']) await client.delete(Pod, name, { ...NS, gracePeriodSeconds: 0 });
    await until('none is there', async () => (await all(Pod)).length === 0 && (await all(Workload)).length === 0);
  });

  test('take the Workload that was made beforehand, each the set that is like it', async () => {
    await team('4');
    const labels = { 'kueue.x-k8s.io/prebuilt-workload-name': 'reserved' };
    await member('a', { labels, cpu: '1' });
    await member('b', { labels, cpu: '3' });
    assert.deepEqual(await gates(), { a: true, b: true });
    const set = (name: string, cpu: string): object => ({ name, count: 1, template: { spec: { containers: containers(cpu), restartPolicy: 'Always' } } });
    await client.create(Workload, { metadata: { name: 'reserved', ...NS }, spec: { queueName: 'team', active: true, podSets: [set('small', '1'), set('large', '3')] } } as unknown as Workload);
    await until('both are let go', async () => Object.values(await gates()).every((gated) => !gated));
    assert.deepEqual((await all(Workload)).map(({ metadata }) => [metadata.name, metadata.ownerReferences?.map(({ name }) => name).sort()]), [['reserved', ['a', 'b']]]);
  });
});

describe('checks by others', () => {
  const answer = (state: AdmissionCheckState['state'], more: object = {}): Promise<void> => until(`the check says ${state}`, async () => {
    const now = (await workloadOf('a'))!;
    const admissionChecks = (now.status?.admissionChecks ?? []).map((each) => ({ ...each, state, ...more, lastTransitionTime: new Date().toISOString() }));
    return admissionChecks.length > 0 && client.update(Workload, { ...now, status: { ...now.status, admissionChecks } }, { subresource: 'status' }).then(() => true, () => false);
  });
  const runs = async (): Promise<boolean> => (await client.get(Job, 'a', NS)).spec?.suspend === false;
  /** Nobody plays the node here: pods go when they are told to. */
  const sweep = async (): Promise<void> => {
    for (const { metadata } of await all(Pod)) if (metadata.deletionTimestamp !== undefined) await client.delete(Pod, metadata.name!, { ...NS, gracePeriodSeconds: 0 }).catch(() => undefined);
  };

  test('may ask for another try, then let go, and take it back while it runs', async () => {
    const check = await client.create(AdmissionCheck, { metadata: { name: 'budget' }, spec: { controllerName: 'example.com/budget' } });
    await client.update(AdmissionCheck, { ...check, status: { conditions: [{ type: 'Active', status: 'True', reason: 'Active', message: '', lastTransitionTime: new Date().toISOString() }] } }, { subresource: 'status' });
    await team('1', { admissionChecks: ['budget'] });
    await client.create(Job, { metadata: { name: 'a', ...NS, labels: QUEUE }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1') } } } } as Job);
    await until('its quota is reserved', async () => condition(await workloadOf('a'), 'QuotaReserved')?.status === 'True');
    await answer('Retry');
    await until('it is tried again', async () => {
      const now = await workloadOf('a');
      return now?.status?.schedulingStats?.evictions?.[0]?.reason === 'AdmissionCheck' && now.status.admissionChecks?.[0]?.state === 'Pending' && condition(now, 'QuotaReserved')?.status === 'True';
    });
    await answer('Retry', { requeueAfterSeconds: 3_600, message: 'too dear' });
    await until('it waits for its time', async () => {
      const now = await workloadOf('a');
      return condition(now, 'QuotaReserved')?.status === 'False' && Date.parse(now?.status?.requeueState?.requeueAt ?? '') > Date.now() + 3_000_000;
    });
    const held = (await workloadOf('a'))!;
    assert.equal(condition(held, 'Evicted')?.message, 'Evicted due to AdmissionCheck in Retry state: "budget" (too dear)');
    await client.update(Workload, { ...held, status: { ...held.status, requeueState: { requeueAt: new Date().toISOString() } } }, { subresource: 'status' });
    await until('its quota is reserved again', async () => condition(await workloadOf('a'), 'QuotaReserved')?.status === 'True');
    await answer('Ready');
    await until('it runs', runs);
    await answer('Rejected', { message: 'no' });
    await until('it is stopped for good', async () => {
      await sweep();
      const now = await workloadOf('a');
      return !(await runs()) && now?.spec.active === false && condition(now, 'Evicted')?.reason === 'DeactivatedDueToAdmissionCheck' && now.status?.admission === undefined;
    });
    const told = 'AdmissionCheck in Rejected state: "budget" (no)';
    assert.equal(condition(await workloadOf('a'), 'Evicted')?.message, `The workload is deactivated due to ${told}`);
    await until('its user is told', async () => (await all(Event)).some(({ reason, message }) => reason === 'AdmissionCheckRejected' && message === `Deactivated due to ${told}`));
  });
});

test('a pod counts with the defaults of its namespace and the overhead of its runtime', async () => {
  await client.create(LimitRange, { metadata: { name: 'defaults', ...NS }, spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '500m' } }] } } as LimitRange);
  await client.create(RuntimeClass, { metadata: { name: 'heavy' }, handler: 'crun', overhead: { podFixed: { cpu: '250m' } } } as RuntimeClass);
  await team('10');
  await client.create(Job, { metadata: { name: 'a', ...NS, labels: QUEUE }, spec: { template: { spec: { restartPolicy: 'Never', runtimeClassName: 'heavy', containers: containers() } } } } as Job);
  await until('it is let in for what it will ask', async () => (await workloadOf('a'))?.status?.admission?.podSetAssignments[0]?.resourceUsage?.['cpu'] === '750m');
});

test('who could never be made in its namespace is told so, and holds no quota', async () => {
  await client.create(LimitRange, { metadata: { name: 'bounds', ...NS }, spec: { limits: [{ type: 'Container', max: { cpu: '1' }, min: { cpu: '100m' } }, { type: 'Pod', max: { cpu: '1500m' } }] } } as LimitRange);
  await team('10');
  const job = (name: string, limit: string, ...cpus: string[]): Promise<Job> => client.create(Job, { metadata: { name, ...NS, labels: QUEUE }, spec: { template: { spec: { restartPolicy: 'Never', containers: cpus.map((cpu, index) => ({ name: `c${index}`, image: 'i:1', resources: { requests: { cpu }, limits: { cpu: limit } } })) } } } } as unknown as Job);
  const told = async (name: string): Promise<string | undefined> => condition(await workloadOf(name), 'QuotaReserved')?.message;
  const at = 'spec.podSets[0].template.spec';
  await job('wide', '2', '2');
  await until('it is told of its container', async () => (await told('wide')) === `resources didn't satisfy LimitRange constraints: [${at}.containers[0]: Invalid value: ["cpu"]: requests must not be above the limitRange max, ${at}: Invalid value: ["cpu"]: requests must not be above the limitRange max]`);
  await job('narrow', '1', '50m');
  await until('it is told of its container', async () => (await told('narrow')) === `resources didn't satisfy LimitRange constraints: ${at}.containers[0]: Invalid value: ["cpu"]: requests must not be below the limitRange min`);
  await job('both', '1', '1', '1');
  await until('it is told of the whole pod', async () => (await told('both')) === `resources didn't satisfy LimitRange constraints: ${at}: Invalid value: ["cpu"]: requests must not be above the limitRange max`);
  await client.create(Job, { metadata: { name: 'limited', ...NS, labels: QUEUE }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1200m') } } } } as Job);
  await until('the limit that it would be given is its own', async () => (await told('limited')) === `resources validation failed: ${at}.containers[0]: Invalid value: ["cpu"]: requests must not exceed its limits`);
  await client.delete(LimitRange, 'bounds', NS);
  await until('all are let in without it', async () => (await Promise.all(['wide', 'narrow', 'both', 'limited'].map(workloadOf))).every((each) => condition(each, 'Admitted')?.status === 'True'));
});

test('who names a priority class waits until it is there, and has its value, whatever becomes of it', async () => {
  await team('1');
  const job = (name: string, priorityClass?: string): Promise<Job> => client.create(Job, { metadata: { name, ...NS, labels: { ...QUEUE, ...(priorityClass && { 'kueue.x-k8s.io/priority-class': priorityClass }) } }, spec: { template: { spec: { restartPolicy: 'Never', containers: containers('1') } } } } as Job);
  await job('first');
  await until('it runs', async () => condition(await workloadOf('first'), 'Admitted')?.status === 'True');
  for (const kind of [Workload, WorkloadV1beta2]) assert.deepEqual((await Promise.all(['team', 'other', ''].map((queue) => client.list(kind, { ...NS, fieldSelector: `status.admission.clusterQueue=${queue}` })))).map(({ items }) => items.length), [1, 0, 0], 'they are told by the queue that they are in');
  await job('named', 'high');
  await client.create(Pod, { metadata: { name: 'pod', ...NS, labels: { ...QUEUE, 'kueue.x-k8s.io/priority-class': 'high' } }, spec: { containers: containers('1') } } as Pod);
  const missing = async (name: string): Promise<boolean> => (await all(Event)).some(({ reason, message, involvedObject, type }) => involvedObject?.name === name && type === 'Warning' && reason === 'WorkloadPriorityClassNotFound' && message === 'WorkloadPriorityClass "high" not found');
  await until('their users are told', async () => (await missing('named')) && (await missing('pod')));
  assert.equal((await all(Workload)).length, 1);
  await client.create(WorkloadPriorityClass, { metadata: { name: 'high' }, value: 100 });
  await until('they wait with its value', async () => [await workloadOf('named'), await workloadOf('pod')].every((each) => each?.spec.priority === 100));
  await client.patch(WorkloadPriorityClass, 'high', { type: 'merge', body: { value: 200 } });
  await until('and with another one', async () => [await workloadOf('named'), await workloadOf('pod')].every((each) => each?.spec.priority === 200));
  assert.equal((await workloadOf('first'))?.spec.priority, 0);
});
