/** Pods placed by topology: near each other as they ask, on nodes that have room for them, by Kueue's own manifests. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Job, Node, Pod } from '../../src/api/kinds.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { LocalQueue, ResourceFlavor, WorkloadPriorityClass } from '../../src/api/kueue/local-queue.ts';
import { Topology } from '../../src/api/kueue/topology.ts';
import { Workload, WorkloadV1beta2 } from '../../src/api/kueue/workload.ts';
import { clearDeleted, client, complete, NS, openQueues, running, waiting, workload, world } from './queue-world.ts';
import { eventually } from './world.ts';

beforeEach(() => openQueues());
afterEach(() => world.stop());

const QUEUE = { 'kueue.x-k8s.io/queue-name': 'team' };
const HOST = 'kubernetes.io/hostname';

async function nodes(racks: Readonly<Record<string, string>>, cpu = '2'): Promise<void> {
  for (const [name, rack] of Object.entries(racks)) {
    await client.create(Node, { metadata: { name, labels: { pool: 'a', rack, [HOST]: name } }, spec: {} } as Node);
    const made = await client.get(Node, name);
    await client.update(Node, { ...made, status: { ...made.status, allocatable: { cpu, memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }] } } as Node, { subresource: 'status' });
  }
}

async function team(levels: readonly string[] = ['rack', HOST], cpu = '100', preemption: NonNullable<ClusterQueue['spec']>['preemption'] = {}): Promise<void> {
  if (levels.length > 0) await client.create(Topology, { metadata: { name: 'racks' }, spec: { levels: levels.map((nodeLabel) => ({ nodeLabel })) } });
  await client.create(ResourceFlavor, { metadata: { name: 'tas' }, spec: { nodeLabels: { pool: 'a' }, topologyName: 'racks' } });
  await client.create(ClusterQueue, { metadata: { name: 'team' }, spec: { namespaceSelector: {}, preemption, resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'tas', resources: [{ name: 'cpu', nominalQuota: cpu }] }] }] } });
  await client.create(LocalQueue, { metadata: { name: 'team', ...NS }, spec: { clusterQueue: 'team' } });
}

async function submit(name: string, pods: number, annotations: Record<string, string> = {}, more: Partial<NonNullable<Job['spec']>> = {}, labels: Record<string, string> = {}): Promise<void> {
  const template = { metadata: { annotations }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } };
  await client.create(Job, { metadata: { name, ...NS, labels: { ...QUEUE, ...labels } }, spec: { parallelism: pods, completions: pods, template, ...more } } as Job);
}

const required = (level: string) => ({ 'kueue.x-k8s.io/podset-required-topology': level });
const assignmentOf = async (name: string) => (await workload(name)).status?.admission?.podSetAssignments[0]?.topologyAssignment;
const domainsOf = async (name: string): Promise<string> => ((await assignmentOf(name))?.domains ?? []).map(({ values, count }) => `${values.join('/')}:${count}`).join(' ');
const told = async (name: string): Promise<string> => (await workload(name)).status?.conditions?.find(({ type }) => type === 'QuotaReserved')?.message ?? '';
/** Of the pods of a job: the hosts that they ask for, once all are past the gate. */
const hostsOf = async (name: string): Promise<string[] | undefined> => {
  const { items } = await client.list(Pod, { ...NS, labelSelector: `job-name=${name}` });
  return items.some(({ spec }) => (spec?.schedulingGates?.length ?? 0) > 0) ? undefined : items.map(({ spec }) => spec?.nodeSelector?.[HOST] ?? '').sort();
};

test('all pods go to one rack that has room for them, and to its hosts as many as fit', async () => {
  await nodes({ n1: 'r1', n2: 'r2', n3: 'r2' });
  await team();
  await submit('wide', 3, required('rack'));
  await running('wide');
  assert.deepEqual(await assignmentOf('wide'), { levels: [HOST], domains: [{ values: ['n2'], count: 2 }, { values: ['n3'], count: 1 }] });
  await eventually('its pods are past the gate, each on its host', async () => JSON.stringify(await hostsOf('wide')) === JSON.stringify(['n2', 'n2', 'n3']));
  const newer = await client.get(WorkloadV1beta2, (await workload('wide')).metadata.name ?? '', NS) as unknown as { status: { admission: { podSetAssignments: { topologyAssignment: unknown }[] } } };
  assert.deepEqual(newer.status.admission.podSetAssignments[0]?.topologyAssignment, { levels: [HOST], slices: [{ domainCount: 2, valuesPerLevel: [{ individual: { roots: ['n2', 'n3'] } }], podCounts: { individual: [2, 1] } }] });
  await eventually('who may use the LocalQueue knows the levels', async () => JSON.stringify((await client.get(LocalQueue, 'team', NS)).status?.flavors?.[0]?.topology) === JSON.stringify({ name: 'racks', levels: ['rack', HOST] }));
  // Whatever has all made anew, what is held is known from Workloads. Quota is there, and no rack has room for three more.
  await client.patch(ClusterQueue, 'team', { type: 'merge', body: { metadata: { annotations: { touched: 'yes' } } } });
  await submit('next', 3, required('rack'));
  await waiting('next');
  await eventually('it is told why', async () => (await told('next')).includes(`topology "racks" allows to fit only 2 out of 3 pod(s)`));
  await submit('narrow', 2, required('rack'));
  await running('narrow');
  assert.equal(await domainsOf('narrow'), 'n1:2', 'who fits elsewhere goes past it');
  await complete('wide');
  await running('next');
  assert.equal(await domainsOf('next'), 'n2:2 n3:1');
});

test('preferred levels widen where they must, and who asks for nothing goes anywhere', async () => {
  await nodes({ n1: 'r1', n2: 'r2', n3: 'r2' });
  await team();
  await submit('near', 5, { 'kueue.x-k8s.io/podset-preferred-topology': HOST });
  await running('near');
  assert.equal(await domainsOf('near'), 'n1:2 n2:2 n3:1');
  await submit('any', 1);
  await running('any');
  assert.equal(await domainsOf('any'), 'n3:1');
  await submit('wrong', 1, required('block'));
  await eventually('a level that there is not is told', async () => (await told('wrong').catch(() => '')).includes('Flavor "tas" does not contain the requested level'));
  await assert.rejects(submit('both', 1, { ...required('rack'), 'kueue.x-k8s.io/podset-unconstrained-topology': 'true' }), /must not contain more than one topology annotation/);
});

test('slices of a set go to one rack each', async () => {
  await nodes({ n1: 'r1', n2: 'r1', n3: 'r2', n4: 'r2' });
  await client.create(Pod, { metadata: { name: 'other', ...NS }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } as Pod);
  await team();
  const sliced = (size: number, level = 'rack') => ({ 'kueue.x-k8s.io/podset-slice-required-topology': level, 'kueue.x-k8s.io/podset-slice-size': `${size}` });
  await submit('wide', 6, sliced(3), { completionMode: 'Indexed' });
  await running('wide');
  assert.equal(await domainsOf('wide'), 'n1:1 n2:2 n3:2 n4:1');
  assert.deepEqual((await workload('wide')).spec.podSets[0]?.topologyRequest, { podSetSliceRequiredTopology: 'rack', podSetSliceSize: 3, podIndexLabel: 'batch.kubernetes.io/job-completion-index' });
  await eventually('its pods are past the gate', async () => JSON.stringify(await hostsOf('wide')) === JSON.stringify(['n1', 'n2', 'n2', 'n3', 'n3', 'n4']));
  await complete('wide');
  await submit('many', 8, sliced(4));
  await waiting('many');
  await eventually('it is told how many slices fit', async () => (await told('many')).includes('topology "racks" allows to fit only 1 out of 2 slice(s)'));
  await submit('above', 2, { ...required(HOST), ...sliced(2) });
  await eventually('slices are of what is asked for, not above it', async () => (await told('above').catch(() => '')).includes(`podset slice topology rack is above the podset topology ${HOST}`));
});

test('slices of slices go to one rack each, and their parts to one host each', async () => {
  await nodes({ n1: 'r1', n2: 'r1', n3: 'r2', n4: 'r2' }, '3');
  await team();
  const layers = (...of: [string, number][]) => ({ 'kueue.x-k8s.io/podset-slice-required-topology-constraints': JSON.stringify(of.map(([topology, size]) => ({ topology, size }))) });
  await submit('wide', 8, layers(['rack', 4], [HOST, 2]), { completionMode: 'Indexed' });
  await running('wide');
  assert.equal(await domainsOf('wide'), 'n1:2 n2:2 n3:2 n4:2', 'no host has a third one, though there is room');
  const { metadata } = await workload('wide');
  const newer = await client.get(WorkloadV1beta2, metadata.name ?? '', NS);
  assert.deepEqual(newer.spec.podSets[0]?.topologyRequest?.podsetSliceRequiredTopologyConstraints, [{ topology: 'rack', size: 4 }, { topology: HOST, size: 2 }]);
  await eventually('its pods are past the gate, by their numbers', async () => {
    const { items } = await client.list(Pod, { ...NS, labelSelector: 'job-name=wide' });
    const byIndex = items.toSorted((one, other) => Number(one.metadata.labels?.['batch.kubernetes.io/job-completion-index']) - Number(other.metadata.labels?.['batch.kubernetes.io/job-completion-index']));
    return byIndex.map(({ spec }) => (spec?.schedulingGates === undefined ? spec?.nodeSelector?.[HOST] : '')).join() === 'n1,n1,n2,n2,n3,n3,n4,n4';
  });
  await complete('wide');
  await submit('many', 12, layers(['rack', 6], [HOST, 2]));
  await waiting('many');
  await eventually('it is told of each layer', async () => (await told('many')).includes(`topology "racks" doesn't allow to fit; 0/2 slice(s) fit on level rack; 2/6 slice(s) fit on level ${HOST}`));
  await submit('upside-down', 4, layers([HOST, 2], ['rack', 1]));
  await eventually('the second is of a lower level', async () => (await told('upside-down').catch(() => '')).includes(`additional slice layer topology rack must be at a lower level than ${HOST}`));
  await assert.rejects(submit('uneven', 4, layers(['rack', 4], [HOST, 3])), /must evenly divide the parent layer size 4/);
});

test('pods that no topology placed, nodes that come and go, and evictions count', async () => {
  await nodes({ n1: 'r1' });
  await client.create(Pod, { metadata: { name: 'other', ...NS }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } as Pod);
  await team();
  await submit('two', 2, required('rack'));
  await waiting('two');
  await eventually('it is told what takes the room', async () => (await told('two')).includes('topology "racks" allows to fit only 1 out of 2 pod(s)'));
  await nodes({ n2: 'r1' });
  await running('two');
  await eventually('its pods are placed', async () => JSON.stringify(await hostsOf('two')) === JSON.stringify(['n2', 'n2']));
  const { metadata } = await workload('two');
  await client.patch(Workload, metadata.name ?? '', { type: 'merge', body: { spec: { active: false } } }, NS);
  await eventually('it is as it was made', async () => {
    await clearDeleted();
    const { spec } = await client.get(Job, 'two', NS);
    return spec?.suspend === true && spec.template.spec?.schedulingGates === undefined && spec.template.metadata?.labels?.['kueue.x-k8s.io/tas'] === undefined;
  });
  await submit('after', 2, required(HOST));
  await running('after');
  assert.equal(await domainsOf('after'), 'n2:2', 'what it gave up is free');
});

test('a more important one has those stopped that take its room, though quota is there', async () => {
  await nodes({ n1: 'r1', n2: 'r2' });
  await client.create(WorkloadPriorityClass, { metadata: { name: 'urgent' }, value: 100 });
  await team(['rack', HOST], '100', { withinClusterQueue: 'LowerPriority' });
  for (const name of ['a', 'b', 'c', 'd']) {
    await submit(name, 1, required(HOST));
    await running(name);
  }
  assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd'].map(domainsOf)), ['n1:1', 'n1:1', 'n2:1', 'n2:1']);
  await submit('urgent', 2, required('rack'), {}, { 'kueue.x-k8s.io/priority-class': 'urgent' });
  await eventually('those of one rack are stopped, and no others', async () => {
    await clearDeleted();
    return (await client.get(Job, 'urgent', NS)).spec?.suspend === false;
  });
  assert.match(await domainsOf('urgent'), /^n[12]:2$/);
  const stopped = (await client.list(Workload, NS)).items.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Preempted' && is === 'True'));
  assert.equal(stopped.length, 2);
});

test('a queue lets nobody in without the topology of its flavor, and a group of pods is placed as one', async () => {
  await nodes({ n1: 'r1', n2: 'r2' }, '2');
  await team([]);
  const reason = async (): Promise<string | undefined> => (await client.get(ClusterQueue, 'team')).status?.conditions?.find(({ type }) => type === 'Active')?.reason;
  await eventually('it is not there', async () => (await reason()) === 'TopologyNotFound');
  await client.create(Topology, { metadata: { name: 'racks' }, spec: { levels: [{ nodeLabel: 'rack' }] } });
  await eventually('it is there', async () => (await reason()) === 'Ready');
  await eventually('it is kept', async () => ((await client.get(Topology, 'racks')).metadata.finalizers?.length ?? 0) > 0);
  await client.delete(Topology, 'racks');
  assert.ok((await client.get(Topology, 'racks')).metadata.deletionTimestamp, 'who deletes it while a flavor names it waits until none does');
  const group = { metadata: (name: string) => ({ name, ...NS, labels: { ...QUEUE, 'kueue.x-k8s.io/pod-group-name': 'g' }, annotations: { 'kueue.x-k8s.io/pod-group-total-count': '2', ...required('rack') } }) };
  for (const name of ['a', 'b']) await client.create(Pod, { metadata: group.metadata(name), spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } as Pod);
  await eventually('both go to one rack', async () => {
    const pods = [await client.get(Pod, 'a', NS), await client.get(Pod, 'b', NS)];
    return pods.every(({ spec }) => spec?.nodeSelector?.['rack'] === 'r1' && spec.nodeSelector['pool'] === 'a' && spec.schedulingGates === undefined);
  });
});

const group = (level: string) => ({ ...required(level), 'kueue.x-k8s.io/podset-group-name': 'team' });
const submitSet = (name: string, jobs: Readonly<Record<string, readonly [pods: number, annotations: object]>>): Promise<unknown> => client.create(JobSet, {
  metadata: { name, ...NS, labels: QUEUE },
  spec: { replicatedJobs: Object.entries(jobs).map(([job, [pods, annotations]]) => ({ name: job, template: { spec: { parallelism: pods, completions: pods, template: { metadata: { annotations }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '1' } } }] } } } } })) },
} as unknown as JobSet);
const setsOf = async (name: string): Promise<Record<string, string>> => Object.fromEntries(((await workload(name)).status?.admission?.podSetAssignments ?? []).map((each) => [each.name, (each.topologyAssignment?.domains ?? []).map(({ values, count }) => `${values.join('/')}:${count}`).join(' ')]));
const admitted = (name: string): Promise<void> => eventually(`${name} is let in`, async () => (await workload(name).catch(() => undefined))?.status?.admission !== undefined);

test('a leader is near those that it leads, where they are a group', async () => {
  await nodes({ n1: 'r1', n2: 'r2', n3: 'r2' });
  await team();
  await submitSet('apart', { leader: [1, required('rack')], workers: [2, required('rack')] });
  await admitted('apart');
  assert.deepEqual(await setsOf('apart'), { leader: 'n1:1', workers: 'n2:2' }, 'each for itself, where it leaves the least');
  await client.delete(JobSet, 'apart', NS);
  await eventually('its place is free', async () => (await client.list(Workload, NS)).items.length === 0);
  await submitSet('together', { leader: [1, group('rack')], workers: [2, group('rack')] });
  await admitted('together');
  assert.deepEqual(await setsOf('together'), { leader: 'n2:1', workers: 'n2:1 n3:1' });
  assert.equal((await workload('together')).spec.podSets[0]?.topologyRequest?.podSetGroupName, 'team');
  await submitSet('more', { leader: [1, group('rack')], workers: [2, group('rack')] });
  await eventually('it is told why', async () => (await told('more').catch(() => '')).includes('topology "racks" allows to fit only 1 out of 2 pod(s)'));
});

test('a set without pods is nowhere', async () => {
  await nodes({ n1: 'r1' });
  await team();
  await submitSet('idle', { some: [1, required('rack')], none: [0, required(HOST)] });
  await admitted('idle');
  assert.deepEqual(await setsOf('idle'), { some: 'n1:1', none: '' });
});
