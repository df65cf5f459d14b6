/** What of Kueue's kinds is refused, at creation and later, in both versions. Source: Kueue, test/integration/singlecluster/webhook/core. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ClusterQueue, ClusterQueueV1beta2, Cohort } from '../../src/api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor } from '../../src/api/kueue/local-queue.ts';
import { Topology } from '../../src/api/kueue/topology.ts';
import { Workload, WorkloadV1beta2 } from '../../src/api/kueue/workload.ts';
import type { Json, KubeObject } from '../../src/api/meta.ts';
import core from '../../src/modules/core/module.ts';
import queue from '../../src/modules/queue/module.ts';
import { defineModule, type Client, type Kind } from '../../src/sdk/index.ts';
import { startWorld, type World } from './world.ts';

/** The kinds alone: nobody acts upon them. */
const kinds = defineModule({ name: 'kueue-kinds', description: 'the kinds of queues', kinds: queue.kinds! });
let world: World;
let client: Client;
before(async () => {
  world = await startWorld([core, kinds]);
  client = world.client;
});
after(() => world.stop());

const NS = { namespace: 'default' };
let made = 0;
const metadataOf = (kind: Kind, more: object = {}): object => ({ name: `x${made++}`, ...(kind.namespaced && NS), ...more });
const create = (kind: Kind, fields: object, more?: object): Promise<KubeObject> => client.create(kind, { metadata: metadataOf(kind, more), ...fields } as KubeObject);

type Case = readonly [what: string, fields: object, refusal?: RegExp];
function creates(kind: Kind, name: string, cases: readonly Case[]): void {
  describe(name, () => {
    for (const [what, fields, refusal] of cases) test(what, async () => void (await (refusal === undefined ? create(kind, fields) : assert.rejects(create(kind, fields), refusal))));
  });
}

const quota = (resource: string, more: object = {}, flavor = 'f'): object => ({ coveredResources: [resource], flavors: [{ name: flavor, resources: [{ name: resource, nominalQuota: '1', ...more }] }] });
const spec = (fields: object): object => ({ spec: fields });
const groups = (...list: object[]): object => ({ resourceGroups: list });
const fungible = (fields: object): object => spec({ flavorFungibility: fields });

creates(ClusterQueue, 'ClusterQueues', [
  ['with nothing', {}],
  ['names of resources', spec(groups(quota('@cpu'))), /spec\.resourceGroups\[0\]\.coveredResources\[0\]: Invalid value: "@cpu"/],
  ['names of flavors', spec(groups(quota('cpu', {}, 'a_b'))), /flavors\[0\]\.name/],
  ['extended resources', spec(groups(quota('example.com/gpu')))],
  ['selectors of namespaces: labels', spec({ namespaceSelector: { matchLabels: { 'nospecialchars^=@': 'bar' } } }), /spec\.namespaceSelector\.matchLabels: Invalid value/],
  ['selectors of namespaces: expressions', spec({ namespaceSelector: { matchExpressions: [{ key: 'key', operator: 'In' }] } }), /spec\.namespaceSelector\.matchExpressions\[0\]\.values: Required value/],
  ['lending more than its own', spec({ cohort: 'c', ...groups(quota('cpu', { lendingLimit: '2' })) }), /lendingLimit: Invalid value: "2": must be less than or equal to the nominalQuota/],
  ['a weight next to nothing', spec({ fairSharing: { weight: '1n' } }), /spec\.fairSharing\.weight: Invalid value: "1n": When not 0, weight must be > 10e-9/],
  ['a weight of nothing', spec({ fairSharing: { weight: '0' } })],
  ['a check of a flavor that it has', spec({ ...groups(quota('cpu')), admissionChecksStrategy: { admissionChecks: [{ name: 'c', onFlavors: ['f'] }] } })],
  ['a check of a flavor that it has not', spec({ ...groups(quota('cpu')), admissionChecksStrategy: { admissionChecks: [{ name: 'c', onFlavors: ['f', 'g'] }] } }), /spec\.admissionChecksStrategy\.admissionChecks\[0\]\.onFlavors\[1\]: Unsupported value: "g": supported values: "f"/],
  ['more flavors than it may have', spec(groups(...Array.from({ length: 5 }, (_, group) => ({ coveredResources: [`r${group}`], flavors: Array.from({ length: 52 }, (_none, index) => ({ name: `f${group}-${index}`, resources: [{ name: `r${group}`, nominalQuota: '1' }] })) })))), /total number of flavors across all resourceGroups must be ≤ 256, got 260/],
  ['a preference among flavors, where the search goes on', fungible({ whenCanBorrow: 'TryNextFlavor', whenCanPreempt: 'TryNextFlavor', preference: 'PreemptionOverBorrowing' })],
  ['a preference among flavors, where it stops', fungible({ whenCanPreempt: 'TryNextFlavor', preference: 'PreemptionOverBorrowing' }), /preference can only be set when both whenCanBorrow and whenCanPreempt are TryNextFlavor/],
]);
creates(ClusterQueueV1beta2, 'ClusterQueues of v1beta2', [
  ['names of cohorts', spec({ cohortName: '@prod' }), /spec\.cohortName/],
  ['selectors of namespaces', spec({ namespaceSelector: { matchLabels: { 'a^': 'b' } } }), /spec\.namespaceSelector\.matchLabels/],
]);
creates(Cohort, 'Cohorts', [
  ['lending more than its own', spec({ parent: 'p', ...groups(quota('cpu', { lendingLimit: '5' })) })],
  ['lending to nobody', spec(groups(quota('cpu', { lendingLimit: '1' }))), /lendingLimit: Invalid value: "1": must be nil when parent is empty/],
  ['names of resources', spec(groups(quota('@cpu'))), /coveredResources\[0\]/],
]);

const taint = { key: 'spot', value: 'true', effect: 'NoSchedule' };
const tolerating = (...tolerations: object[]): object => spec({ tolerations });
creates(ResourceFlavor, 'ResourceFlavors', [
  ['as it should be', spec({ nodeLabels: { foo: 'bar' }, nodeTaints: [taint], tolerations: [{ key: 'spot', operator: 'Exists' }] })],
  ['a taint without effect', spec({ nodeTaints: [{ key: 'a' }] }), /spec\.nodeTaints\[0\]\.effect: Required value/],
  ['a taint of an unknown effect', spec({ nodeTaints: [{ ...taint, effect: 'Invalid' }] }), /spec\.nodeTaints\[0\]\.effect: Unsupported value: "Invalid"/],
  ['the key of a taint', spec({ nodeTaints: [{ ...taint, key: '@foo' }] }), /spec\.nodeTaints\[0\]\.key: Invalid value: "@foo"/],
  ['the same taint twice', spec({ nodeTaints: [taint, { ...taint, value: 'false' }] }), /taints must be unique by key and effect pair/],
  ['labels of nodes', spec({ nodeLabels: { '@abc': 'foo' } }), /spec\.nodeLabels: Invalid value: "@abc"/],
  ['the key of a toleration', tolerating({ key: '@abc', value: 'v' }), /spec\.tolerations\[0\]\.key: Invalid value: "@abc"/],
  ['a toleration of any value that has one', tolerating({ key: 'abc', operator: 'Exists', value: 'v' }), /spec\.tolerations\[0\]\.operator: Invalid value/],
  ['the effect of a toleration', tolerating({ key: 'abc', value: 'v', effect: 'not-valid' }), /spec\.tolerations\[0\]\.effect: Unsupported value: "not-valid"/],
  ['a toleration of no key', tolerating({ value: 'v' }), /operator must be Exists when `key` is empty/],
]);

const check = (parameters: object): object => spec({ controllerName: 'c', parameters: { apiGroup: 'ref.api.group', kind: 'RefKind', name: 'ref-name', ...parameters } });
creates(AdmissionCheck, 'AdmissionChecks', [
  ['as it should be', check({})],
  ['no controller', spec({ parameters: { apiGroup: 'a', kind: 'K', name: 'n' } }), /spec\.controllerName: Required value/],
  ['the group of its parameters', check({ apiGroup: 'ref.api.group/Bad' }), /spec\.parameters\.apiGroup: Invalid value/],
  ['the kind of its parameters', check({ kind: 'RefKind/Bad' }), /spec\.parameters\.kind: Invalid value/],
  ['the name of its parameters', check({ name: 'ref-name/Bad' }), /spec\.parameters\.name: Invalid value/],
  ['no name of its parameters', check({ name: '' }), /spec\.parameters\.name: Invalid value/],
]);

test('an AdmissionCheck waits for a quarter of an hour, where it says nothing', async () => assert.equal(((await create(AdmissionCheck, spec({ controllerName: 'c' }))) as AdmissionCheck).spec?.retryDelayMinutes, 15));
creates(LocalQueue, 'LocalQueues', [['the name of a ClusterQueue', spec({ clusterQueue: 'invalid_name' }), /spec\.clusterQueue/]]);

const container = (requests?: object): object => ({ name: 'c', image: 'i', ...(requests && { resources: { requests } }) });
const set = (more: object = {}, requests?: object): object => ({ name: 'main', count: 3, template: { spec: { containers: [container(requests)] } }, ...more });
const sets = (...podSets: object[]): object => spec({ podSets });
creates(Workload, 'Workloads', [
  ['no sets', sets(), /spec\.podSets/],
  ['sets of one name', sets(set(), set()), /Duplicate value/],
  ['a set of nobody', sets(set({ count: 0 }))],
  ['the name of a set', sets(set({ name: '@driver' })), /spec\.podSets\[0\]\.name/],
  ['the pods resource', sets(set({}, { pods: '1' })), /spec\.podSets\[0\]\.template\.spec\.containers\[0\]\.resources\.requests\[pods\]: Invalid value: "pods": the key is reserved for internal kueue use/],
  ['less than nothing', sets(set({}, { cpu: '-1' })), /spec\.podSets\[0\]\.template\.spec\.containers\[0\]\.resources\.requests\[cpu\]: Invalid value: "-1": must be greater than or equal to 0/],
  ['labels of a set', sets(set({ template: { metadata: { labels: { '@a': 'b' } }, spec: { containers: [container()] } } })), /spec\.podSets\[0\]\.template\.metadata\.labels: Invalid value: "@a"/],
  ['annotations of a set', sets(set({ template: { metadata: { annotations: { '@a': 'b' } }, spec: { containers: [container()] } } })), /spec\.podSets\[0\]\.template\.metadata\.annotations: Invalid value: "@a"/],
  ['a slice without a size', sets(set({ topologyRequest: { podSetSliceRequiredTopology: 'rack' } })), /podSetSliceRequiredTopology and podSetSliceSize must be set together/],
  ['a slice of nobody', sets(set({ topologyRequest: { podSetSliceRequiredTopology: 'rack', podSetSliceSize: 0 } })), /podSetSliceSize/],
  ['slices of both sorts', sets(set({ topologyRequest: { podSetSliceRequiredTopology: 'rack', podSetSliceSize: 2, podsetSliceRequiredTopologyConstraints: [{ topology: 'rack', size: 2 }] } })), /mutually exclusive/],
  ['none at least', sets(set({ minCount: 0 }))],
  ['more at least than there are', sets(set({ minCount: 4 })), /minCount should be positive and less or equal to count/],
  ['several that may be smaller', sets(set({ minCount: 2 }), set({ name: 'b', minCount: 1 })), /at most one podSet can use minCount/],
  ['a class without a priority', spec({ podSets: [set()], priorityClassName: 'high' }), /priority should not be nil when priorityClassName is set/],
  ['no time at all', spec({ podSets: [set()], maximumExecutionTimeSeconds: 0 }), /spec\.maximumExecutionTimeSeconds/],
  ['the name of a queue', spec({ podSets: [set()], queueName: '@invalid' }), /spec\.queueName/],
]);
const classed = (ref: object): object => spec({ podSets: [set()], priority: 1, priorityClassRef: { group: 'kueue.x-k8s.io', kind: 'WorkloadPriorityClass', name: 'high', ...ref } });
creates(WorkloadV1beta2, 'Workloads of v1beta2', [
  ['a class', classed({})],
  ['the group of a class', classed({ group: 'apps' }), /spec\.priorityClassRef\.group: Unsupported value: "apps"/],
  ['a class without a priority', spec({ podSets: [set()], priorityClassRef: { group: 'kueue.x-k8s.io', kind: 'WorkloadPriorityClass', name: 'high' } }), /priority should not be nil/],
]);

test('a flavor keeps its topology, and may be of other nodes', async () => {
  const { metadata } = await create(ResourceFlavor, spec({ nodeLabels: { a: 'b' }, topologyName: 't' }));
  const patch = (body: { [field: string]: Json }): Promise<unknown> => client.patch(ResourceFlavor, metadata.name!, { type: 'merge', body });
  await assert.rejects(patch({ spec: { topologyName: 'u' } }), /spec\.topologyName: Invalid value: "u": field is immutable/);
  await assert.rejects(patch({ spec: { nodeLabels: {} } }).then(() => patch({ spec: { nodeLabels: { a: null } } })), /at least one nodeLabel is required when topology is set/);
  await patch({ spec: { nodeLabels: { a: 'c' }, nodeTaints: [taint], tolerations: [{ key: 'spot', operator: 'Exists' }] } });
  await patch({ metadata: { labels: { still: 'changes' } } });
});

test('a topology is of other levels only where its lowest is the node', async () => {
  const levels = (...labels: string[]): { [field: string]: Json } => ({ spec: { levels: labels.map((nodeLabel) => ({ nodeLabel })) } });
  const patch = (of: KubeObject, body: { [field: string]: Json }): Promise<unknown> => client.patch(Topology, of.metadata.name!, { type: 'merge', body });
  const byNode = await create(Topology, levels('block', 'kubernetes.io/hostname'));
  await patch(byNode, levels('block', 'rack', 'kubernetes.io/hostname'));
  await assert.rejects(patch(byNode, levels('block', 'rack')), /spec\.levels: Invalid value.*field is immutable/);
  await assert.rejects(patch(await create(Topology, levels('block')), levels('rack')), /field is immutable/);
});

const since = '2026-01-01T00:00:00Z';
const yes = (type: string): object => ({ type, status: 'True', reason: 'Test', message: '', lastTransitionTime: since });
const admission = (clusterQueue = 'cq', ...names: string[]): object => ({ clusterQueue, podSetAssignments: (names.length === 0 ? ['main'] : names).map((name) => ({ name, count: 3 })) });
const answered = (podSetUpdates: object[], state = 'Ready'): object => ({ admissionChecks: [{ name: 'ac', state, message: '', lastTransitionTime: since, podSetUpdates }] });

describe('Workloads later', () => {
  const started = async (fields: object, status: object) => {
    const { metadata } = await create(Workload, spec({ podSets: [set()], ...fields }));
    const patch = (body: object, subresource?: string): Promise<Workload> => client.patch(Workload, metadata.name!, { type: 'merge', body: body as { [field: string]: Json } }, { ...NS, ...(subresource && { subresource }) });
    if (Object.keys(status).length > 0) await patch({ status }, 'status');
    return { update: (wanted: object) => patch({ spec: wanted }), tell: (wanted: object) => patch({ status: wanted }, 'status') };
  };
  const own = { priorityClassName: 'low', priorityClassSource: 'kueue.x-k8s.io/workloadpriorityclass', priority: 1 };
  const ofPods = { ...own, priorityClassSource: 'scheduling.k8s.io/priorityclass' };
  const waiting = {};
  const RUNS = { conditions: [yes('QuotaReserved'), yes('Admitted')], admission: admission() };
  const updates: readonly [string, object, object, object, RegExp?][] = [
    ['sets change while it waits', {}, waiting, { podSets: [set({ count: 2 })] }],
    ['sets stay while it has quota', {}, RUNS, { podSets: [set({ count: 2 })] }, /spec\.podSets: Invalid value: 1: field is immutable/],
    ['it changes queues while it waits', { queueName: 'a' }, waiting, { queueName: 'b' }],
    ['and not while it has quota', { queueName: 'a' }, RUNS, { queueName: 'b' }, /spec\.queueName: Invalid value: "b": field is immutable/],
    ['it is given another class of its own while it runs', own, RUNS, { priorityClassName: 'high', priority: 9 }],
    ['a class of pods stays', ofPods, RUNS, { priorityClassName: 'high', priority: 9 }, /spec\.priorityClassName: Invalid value: "high": field is immutable/],
    ['classes of both sorts are not exchanged', own, RUNS, { priorityClassSource: 'scheduling.k8s.io/priorityclass' }, /spec\.priorityClassSource/],
    ['it gets no class while it runs', {}, RUNS, own, /field is immutable/],
    ['its time is told while it waits', {}, waiting, { maximumExecutionTimeSeconds: 1 }],
    ['and not while it runs', { maximumExecutionTimeSeconds: 1 }, RUNS, { maximumExecutionTimeSeconds: 2 }, /maximumExecutionTimeSeconds is immutable/],
  ];
  for (const [what, fields, status, wanted, refusal] of updates) {
    test(what, async () => {
      const { update } = await started(fields, status);
      await (refusal === undefined ? update(wanted) : assert.rejects(update(wanted), refusal));
    });
  }
  const tells: readonly [string, object, object, RegExp?][] = [
    ['sets that it does not have are not admitted', waiting, { conditions: [yes('QuotaReserved')], admission: admission('cq', 'other') }, /status\.admission\.podSetAssignments\[0\]\.name: Not found: "other"/],
    ['quota is reserved somewhere', waiting, { conditions: [yes('QuotaReserved')] }, /status\.admission: Required value: must be set while the QuotaReserved condition is True/],
    ['all of its sets are', waiting, { conditions: [yes('QuotaReserved')], admission: { clusterQueue: 'cq', podSetAssignments: [] } }, /podSetAssignments must have the same number of podSets as the spec/],
    ['the queue that let it in stays', RUNS, { admission: admission('other') }, /status\.admission: Invalid value.*field is immutable/],
    ['where its pods go may be told later', RUNS, { admission: { clusterQueue: 'cq', podSetAssignments: [{ name: 'main', count: 3, topologyAssignment: { levels: ['a'], domains: [{ values: ['b'], count: 3 }] } }] } }],
    ['it may be put back', RUNS, { conditions: [], admission: null }],
    ['checks change sets that it has', waiting, answered([{ name: 'main', labels: { a: 'b' } }])],
    ['and no others', waiting, answered([{ name: 'third' }]), /status\.admissionChecks\[0\]\.podSetUpdates\[0\]\.name: Unsupported value: "third": supported values: "main"/],
    ['their labels are labels', waiting, answered([{ name: 'main', labels: { foo: '@abc' } }]), /podSetUpdates\[0\]\.labels: Invalid value: "@abc"/],
    ['so are their selectors', waiting, answered([{ name: 'main', nodeSelector: { '@abc': 'foo' } }]), /podSetUpdates\[0\]\.nodeSelector: Invalid value: "@abc"/],
    ['what is ready stays', answered([{ name: 'main', labels: { a: 'b' } }]), answered([{ name: 'main', labels: { a: 'c' } }]), /status\.admissionChecks\[0\]\.podSetUpdates.*field is immutable/],
    ['and may be pending again', answered([{ name: 'main', labels: { a: 'b' } }]), answered([{ name: 'main', labels: { a: 'c' } }], 'Pending')],
    ['no more pods are over than there are', waiting, { reclaimablePods: [{ name: 'main', count: 4 }] }, /status\.reclaimablePods\[main\]\.count: Invalid value: 4: should be less or equal to 3/],
    ['nor those of others', waiting, { reclaimablePods: [{ name: 'b', count: 1 }] }, /status\.reclaimablePods\[b\]\.name: Unsupported value: "b"/],
    ['it stays in its cluster', { clusterName: 'a' }, { clusterName: 'b' }, /clusterName is immutable once set/],
    ['and is not in one that it may go to', waiting, { clusterName: 'a', nominatedClusterNames: ['a'] }, /clusterName and nominatedClusterNames are mutually exclusive/],
  ];
  for (const [what, status, wanted, refusal] of tells) {
    test(what, async () => {
      const { tell } = await started({}, status);
      await (refusal === undefined ? tell(wanted) : assert.rejects(tell(wanted), refusal));
    });
  }
});
