import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../../api/generated/policy-v1.ts';
import { createProfile, type ProfileOptions } from '../profile.ts';
import { podTopologySpread } from '../plugins/pod-topology-spread.ts';
import { Cluster } from './cluster.ts';
import { createCycle, enoughNodes } from './cycle.ts';
import { decide, node, pod } from './fixtures.ts';
import { podInfoOf } from './pod-info.ts';

const zone = (name: string): Record<string, string> => ({ 'topology.kubernetes.io/zone': name });
const preemption = (rest: string): string => ` preemption: ${rest}`;

test('why a pod fits no node, in the words of upstream', () => {
  const tainted = node('n', { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } });
  const table: [string, Node[], Pod[], Pod, string][] = [
    ['no nodes', [], [], pod('p'), 'no nodes available to schedule pods'],
    ['cpu', [node('n', { cpu: '1' })], [pod('x', { cpu: '800m', node: 'n' })], pod('p', { cpu: '500m' }), `0/1 nodes are available: 1 Insufficient cpu.${preemption('0/1 nodes are available: 1 No preemption victims found for incoming pod.')}`],
    ['cpu and memory', [node('n', { cpu: '1', memory: '1Gi' })], [], pod('p', { cpu: '5', memory: '5Gi' }), `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.${preemption('0/1 nodes are available: 1 Preemption is not helpful for scheduling.')}`],
    ['extended', [node('n')], [], pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '1' } } }] } }), `0/1 nodes are available: 1 Insufficient example.com/gpu.${preemption('0/1 nodes are available: 1 Preemption is not helpful for scheduling.')}`],
    ['count', [node('n', { pods: '1' })], [pod('x', { node: 'n' })], pod('p'), `0/1 nodes are available: 1 Too many pods.${preemption('0/1 nodes are available: 1 No preemption victims found for incoming pod.')}`],
    ['taint', [tainted], [], pod('p'), `0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.${preemption('0/1 nodes are available: 1 Preemption is not helpful for scheduling.')}`],
    ['two names at once', [node('a'), node('b')], [], pod('p', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }, { key: 'metadata.name', operator: 'In', values: ['b'] }] }] } } } } }), `0/2 nodes are available: pod affinity terms conflict.${preemption('0/2 nodes are available: 2 Preemption is not helpful for scheduling.')}`],
    ['cordoned and selector', [node('a', { spec: { unschedulable: true } }), node('b')], [], pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }), `0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.${preemption('0/2 nodes are available: 2 Preemption is not helpful for scheduling.')}`],
    ['ports', [node('n')], [pod('x', { node: 'n', spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } })], pod('p', { spec: { containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 80, hostIP: '127.0.0.1' }] }] } }), `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.${preemption('0/1 nodes are available: 1 No preemption victims found for incoming pod.')}`],
  ];
  for (const [name, nodes, placed, wanted, message] of table) {
    const decision = decide(nodes, placed, wanted);
    assert.equal(decision.node, undefined, name);
    assert.equal(decision.message, message, name);
  }
});

test('who can go nowhere keeps no node for itself', () => {
  const conflict = pod('p', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }, { key: 'metadata.name', operator: 'In', values: ['b'] }] }] } } } } });
  const lost = [decide([], [], pod('p')), decide([node('a')], [], conflict), decide([node('a', { spec: { unschedulable: true } })], [], pod('p'))].map(({ losesNomination }) => losesNomination);
  assert.deepEqual(lost, [true, true, true]);
  const profile = createProfile();
  const reads = { name: 'Reads', preFilter: () => ({ rejection: { plugin: 'Reads', reasons: ['it is not read yet'], unresolvable: true }, isUnread: true }) };
  const { message, losesNomination, rejectedBy } = decide([node('a')], [], pod('p'), { ...profile, plugins: [...profile.plugins, reads] });
  assert.deepEqual([message, losesNomination, [...rejectedBy]], ['0/1 nodes are available: it is not read yet.', false, ['Reads']], 'but where that is not known yet');
});

test('where a pod goes', () => {
  const app = { labels: { app: 'web' } };
  const antiAffinity = (topologyKey: string) => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'web' } } }] } } });
  const affinity = (topologyKey: string) => ({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'web' } } }] } } });
  const spread = (whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway') => ({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable, labelSelector: { matchLabels: { app: 'web' } } }] });
  const soft = node('soft', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } });
  const hard = node('hard', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
  const ofJob = (name: string, on?: string): Pod => {
    const made = pod(name, { owner: 'j', ...(on !== undefined && { node: on }) });
    return { ...made, metadata: { ...made.metadata, ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j', controller: true }] } };
  };
  const table: [string, Node[], Pod[], Pod, string | undefined, ProfileOptions?][] = [
    ['the emptier node', [node('a'), node('b')], [pod('x', { cpu: '2', memory: '4Gi', node: 'a' })], pod('p', { cpu: '1', memory: '1Gi' }), 'b'],
    ['the fuller node, when packing', [node('a'), node('b')], [pod('x', { cpu: '2', memory: '4Gi', node: 'b' })], pod('p', { cpu: '1', memory: '1Gi' }), 'b', { scoring: { type: 'MostAllocated' } }],
    ['by a shape', [node('a'), node('b')], [pod('x', { cpu: '2', memory: '4Gi', node: 'b' })], pod('p', { cpu: '1', memory: '2Gi' }), 'b', { scoring: { type: 'RequestedToCapacityRatio', shape: [{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }] } }],
    ['by selector', [node('a'), node('b', { labels: { disk: 'ssd' } })], [], pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }), 'b'],
    ['by affinity field', [node('a'), node('b')], [], pod('p', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }] } } } } }), 'b'],
    ['by Gt', [node('a', { labels: { gen: '3' } }), node('b', { labels: { gen: '7' } })], [], pod('p', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'gen', operator: 'Gt', values: ['5'] }] }] } } } } }), 'b'],
    ['by preference', [node('a'), node('b', { labels: { disk: 'ssd' } })], [], pod('p', { spec: { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } }] } } } }), 'b'],
    ['away from a soft taint', [soft, node('b')], [], pod('p'), 'b'],
    ['to a tolerated taint', [hard], [], pod('p', { spec: { tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }] } }), 'hard'],
    ['to a cordoned node, tolerated', [node('a', { spec: { unschedulable: true } })], [], pod('p', { spec: { tolerations: [{ operator: 'Exists' }] } }), 'a'],
    ['away from its like', [node('a'), node('b')], [pod('x', { node: 'a', ...app })], pod('p', { ...app, spec: antiAffinity('kubernetes.io/hostname') }), 'b'],
    ['away from those that refuse it', [node('a'), node('b')], [pod('x', { node: 'a', ...app, spec: { ...antiAffinity('kubernetes.io/hostname'), nodeName: 'a' } })], pod('p', app), 'b'],
    ['away by zone', [node('a', { labels: zone('z') }), node('b', { labels: zone('z') })], [pod('x', { node: 'a', ...app })], pod('p', { ...app, spec: antiAffinity('topology.kubernetes.io/zone') }), undefined],
    ['near its friends', [node('a'), node('b', { cpu: '2' })], [pod('x', { node: 'b', ...app })], pod('p', { spec: affinity('kubernetes.io/hostname') }), 'b'],
    ['the first friend of itself', [node('a')], [], pod('p', { ...app, spec: affinity('kubernetes.io/hostname') }), 'a'],
    ['no friends', [node('a')], [], pod('p', { spec: affinity('kubernetes.io/hostname') }), undefined],
    ['other namespaces are not friends', [node('a')], [pod('x', { node: 'a', ...app, namespace: 'other' })], pod('p', { spec: affinity('kubernetes.io/hostname') }), undefined],
    ['spread by force', [node('a', { labels: zone('1') }), node('b', { labels: zone('2'), cpu: '1' })], [pod('x', { node: 'a', ...app })], pod('p', { ...app, cpu: '500m', spec: { containers: [], ...spread('DoNotSchedule') } }), 'b'],
    ['spread by force, full', [node('a', { labels: zone('1') }), node('b', { labels: zone('2'), pods: '0' })], [pod('x', { node: 'a', ...app })], pod('p', { ...app, spec: spread('DoNotSchedule') }), undefined],
    ['spread if possible', [node('a', { labels: zone('1') }), node('b', { labels: zone('2'), pods: '0' })], [pod('x', { node: 'a', ...app })], pod('p', { ...app, spec: spread('ScheduleAnyway') }), 'a'],
    ['replicas spread over nodes by default', [node('a', { cpu: '64', memory: '64Gi' }), node('b', { cpu: '32', memory: '32Gi' })], [pod('x', { node: 'a', owner: 'r' })], pod('p', { owner: 'r' }), 'b'],
    ['and pods of a Job do not', [node('a', { cpu: '64', memory: '64Gi' }), node('b', { cpu: '32', memory: '32Gi' })], [ofJob('x', 'a')], ofJob('p'), 'a'],
    ['where the image of a volume is', [node('a'), node('b', { images: [{ names: ['models:latest'], sizeBytes: 900 * 2 ** 20 }] })], [], pod('p', { spec: { volumes: [{ name: 'v', image: { reference: 'models' } }] } }), 'b'],
    ['where the image is', [node('a'), node('b', { images: [{ names: ['web:latest'], sizeBytes: 900 * 2 ** 20 }] })], [], pod('p'), 'b'],
  ];
  for (const [name, nodes, placed, wanted, expected, options] of table) {
    const decision = decide(nodes, placed, wanted, createProfile(options));
    assert.equal(decision.node?.name, expected, `${name}: ${decision.message}`);
  }
});

test('the finer rules of spreading, affinity and requests', () => {
  const app = (more: Record<string, string> = {}) => ({ labels: { app: 'web', ...more } });
  const spread = (more: object) => ({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' as const, labelSelector: { matchLabels: { app: 'web' } }, ...more }] });
  const [a, b] = [node('a', { labels: zone('1') }), node('b', { labels: zone('2') })];
  const tainted = node('b', { labels: zone('2'), spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
  const near = (kind: 'podAffinity' | 'podAntiAffinity', more: object) => ({ affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'topology.kubernetes.io/zone', labelSelector: { matchLabels: { app: 'web' } }, ...more }] } } });
  const onA = (more: Record<string, string> = {}): Pod => pod('x', { node: 'a', ...app(more) });
  const table: [string, Node[], Pod[], Pod, string | undefined][] = [
    ['minDomains: with fewer domains the least is none', [a], [onA()], pod('p', { ...app(), spec: spread({ minDomains: 2 }) }), undefined],
    ['and with as many it is as usual', [a, b], [onA()], pod('p', { ...app(), spec: spread({ minDomains: 2 }) }), 'b'],
    ['nodeTaintsPolicy Ignore, the default: a tainted node counts, and none fits', [a, tainted], [onA()], pod('p', { ...app(), spec: spread({}) }), undefined],
    ['Honor: it does not count', [a, tainted], [onA()], pod('p', { ...app(), spec: spread({ nodeTaintsPolicy: 'Honor' }) }), 'a'],
    ['nodeAffinityPolicy Honor, the default: nodes that it may not go to do not count', [a, b], [onA()], pod('p', { ...app(), spec: { ...spread({}), nodeSelector: zone('1') } }), 'a'],
    ['Ignore: they count', [a, b], [onA()], pod('p', { ...app(), spec: { ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: zone('1') } }), undefined],
    ['matchLabelKeys of a spread: only pods of its own revision count', [a, node('b', { labels: zone('2'), pods: '0' })], [onA({ rev: '1' })], pod('p', { ...app({ rev: '2' }), spec: spread({ matchLabelKeys: ['rev'] }) }), 'a'],
    ['matchLabelKeys of an affinity', [a, b], [onA({ rev: '1' }), pod('y', { node: 'b', ...app({ rev: '2' }) })], pod('p', { labels: { rev: '2' }, spec: near('podAffinity', { matchLabelKeys: ['rev'] }) }), 'b'],
    ['mismatchLabelKeys: away from those of other tenants only', [a, b], [onA({ tenant: 'x' }), pod('y', { node: 'b', ...app({ tenant: 'y' }) })], pod('p', { ...app({ tenant: 'y' }), spec: near('podAntiAffinity', { mismatchLabelKeys: ['tenant'] }) }), 'b'],
    ['overhead counts', [node('a', { cpu: '1' }), node('b', { cpu: '2' })], [], pod('p', { cpu: '900m', spec: { overhead: { cpu: '200m' } } }), 'b'],
    ['requests of the whole pod go before those of its containers', [node('a', { cpu: '1' })], [], pod('p', { cpu: '100m', spec: { resources: { requests: { cpu: '2' } } } }), undefined],
    ['a sidecar counts beside the others, an init container alone', [node('a', { cpu: '1' })], [], pod('p', { cpu: '500m', spec: { initContainers: [{ name: 'i', resources: { requests: { cpu: '1' } } }, { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '500m' } } }] } }), 'a'],
  ];
  for (const [name, nodes, placed, wanted, expected] of table) {
    const decision = decide(nodes, placed, wanted);
    assert.equal(decision.node?.name, expected, `${name}: ${decision.message}`);
  }
});

test('preemption proposes the least harm', () => {
  const full = (name: string, priority: number, on: string): Pod => pod(name, { cpu: '2', node: on, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], nodeName: on, priority } });
  const placed = [full('low1', 1, 'a'), full('mid', 50, 'a'), full('low2', 1, 'b'), full('high', 1000, 'b')];
  const wanted = pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], priority: 100 } });
  const decision = decide([node('a', { cpu: '4' }), node('b', { cpu: '4' })], placed, wanted);
  assert.equal(decision.node, undefined);
  assert.deepEqual(decision.nominated?.victims.map((each) => each.priority), [1], 'only the lowest goes');
  const below = [full('one', -5, 'a'), ...['two', 'three'].map((name) => pod(name, { node: 'b', spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }], nodeName: 'b', priority: -5 } }))];
  assert.deepEqual(decide([node('b', { cpu: '2' }), node('a', { cpu: '2' })], below, wanted).nominated?.victims.map(({ name }) => name), ['one'], 'fewer go, also below zero');
  const none = decide([node('a', { cpu: '4' })], placed.slice(0, 2), pod('p', { cpu: '2', spec: { ...wanted.spec, priority: 1 } }));
  assert.equal(none.nominated, undefined);
  assert.match(none.message, /No preemption victims found/);
  const inTheWay = decide([node('a', { cpu: '4' })], [full('low', 1, 'a'), full('high', 1000, 'a')], pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '3' } } }], priority: 100 } }));
  assert.equal(inTheWay.message, `0/1 nodes are available: 1 Insufficient cpu.${preemption('0/1 nodes are available: 1 Insufficient cpu.')}`, 'the end of the lower ones is not enough');
});

test('preemption spares budgets where something else makes room, and breaks them where nothing does', () => {
  const full = (name: string, on: string, priority: number, labels: Record<string, string>): Pod => pod(name, { node: on, labels, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], nodeName: on, priority } });
  const wanted = pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], priority: 100 } });
  const budget = (disruptionsAllowed: number): PodDisruptionBudget => ({ metadata: { name: 'b', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'db' } } }, status: { disruptionsAllowed, currentHealthy: 2, desiredHealthy: 2, expectedPods: 2 } });
  const nodes = [node('a', { cpu: '2' }), node('b', { cpu: '2' })];
  const db = [full('db1', 'a', 1, { app: 'db' }), full('other', 'b', 50, { app: 'web' })];
  const decideWith = (placed: Pod[], allowed: number) => decide(nodes, placed, wanted, createProfile({}, { budgetsOf: (namespace) => (namespace === 'default' ? [budget(allowed)] : []) })).nominated;
  assert.deepEqual(decideWith(db, 0)?.victims.map(({ name }) => name), ['other'], 'the more important one, whose end breaks nothing');
  assert.deepEqual(decideWith(db, 1)?.victims.map(({ name }) => name), ['db1']);
  const both = [full('db1', 'a', 1, { app: 'db' }), full('db2', 'b', 2, { app: 'db' })];
  assert.deepEqual(decideWith(both, 0)?.victims.map(({ name }) => name), ['db1'], 'nothing else makes room');
  // On one node the protected one is put back first, though it is less important.
  const shared = decide([node('a', { cpu: '4' })], [full('db1', 'a', 1, { app: 'db' }), full('web', 'a', 50, { app: 'web' })], wanted, createProfile({}, { budgetsOf: () => [budget(0)] })).nominated;
  assert.deepEqual(shared?.victims.map(({ name }) => name), ['web']);
});

test('of victims that are as important those go that started last; who has not started yet is the newest', () => {
  const started = (name: string, on: string, startTime: string | undefined, { priority = 1, created = '2026-01-01T00:00:00Z' } = {}): Pod => {
    const made = pod(name, { node: on, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }], nodeName: on, priority } });
    return { ...made, metadata: { ...made.metadata, creationTimestamp: created }, status: startTime === undefined ? {} : { startTime } };
  };
  const at = (second: number): string => `2026-02-01T00:00:0${second}Z`;
  const asking = (cpu: string): Pod => pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }], priority: 100 } });
  const nodes = ['a', 'b'].map((name) => node(name, { cpu: '2' }));
  const table: [string, Node[], Pod[], Pod, string[]][] = [
    ['on one node the last', nodes.slice(0, 1), [started('new', 'a', at(2)), started('old', 'a', at(1))], asking('1'), ['new']],
    ['priority goes before age', nodes.slice(0, 1), [started('new', 'a', at(2), { priority: 2 }), started('old', 'a', at(1))], asking('1'), ['old']],
    ['who has not started goes first, though it was made long ago', nodes.slice(0, 1), [started('bound', 'a', undefined, { created: '2020-01-01T00:00:00Z' }), started('old', 'a', at(1))], asking('1'), ['bound']],
    ['the node whose earliest victim is the latest', nodes, [started('a1', 'a', at(1)), started('a2', 'a', at(9)), started('b1', 'b', at(2)), started('b2', 'b', at(3))], asking('2'), ['b1', 'b2']],
    ['the earliest of those that are most important', nodes, [started('a1', 'a', at(1), { priority: 0 }), started('a2', 'a', at(9)), started('b1', 'b', at(2), { priority: 0 }), started('b2', 'b', at(3))], asking('2'), ['a2', 'a1']],
    ['the node where nobody has started', nodes, [started('a1', 'a', at(1)), started('a2', 'a', undefined), started('b1', 'b', undefined), started('b2', 'b', undefined)], asking('2'), ['b1', 'b2']],
  ];
  for (const [name, on, placed, wanted, expected] of table) assert.deepEqual(decide(on, placed, wanted).nominated?.victims.map((each) => each.name), expected, name);
});

test('a pod without labels is of no budget', () => {
  const budget: PodDisruptionBudget = { metadata: { name: 'b', namespace: 'default' }, spec: { selector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] } }, status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 } };
  const full = (name: string, on: string, priority: number, labels: Record<string, string>): Pod => pod(name, { node: on, labels, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], nodeName: on, priority } });
  const wanted = pod('p', { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], priority: 100 } });
  const victims = (labels: Record<string, string>) => decide(['a', 'b'].map((name) => node(name, { cpu: '2' })), [full('low', 'a', 1, labels), full('mid', 'b', 50, { app: 'web' })], wanted, createProfile({}, { budgetsOf: () => [budget] })).nominated?.victims.map(({ name }) => name);
  assert.deepEqual([victims({}), victims({ tier: 'x' })], [['low'], ['mid']]);
});

test('large clusters are sampled', () => {
  assert.deepEqual([enoughNodes(50, 0), enoughNodes(1000, 0), enoughNodes(5000, 0), enoughNodes(5000, 50), enoughNodes(20_000, 0)], [50, 420, 500, 2500, 1000]);
});

test('a profile refuses plugins that it does not know', () => {
  assert.throws(() => createProfile({ disabled: ['NodeFit'] }), /there is no scheduler plugin 'NodeFit'/);
  assert.equal(decide([node('n', { spec: { unschedulable: true } })], [], pod('p'), createProfile({ disabled: ['NodeUnschedulable'] })).node?.name, 'n');
});

test('pods that are nominated to nodes, and pods that are about to leave', () => {
  const zoned = (name: string, cpu: string): Node => node(name, { cpu, labels: zone(name) });
  const wants = (name: string, priority: number, more: { labels?: Record<string, string>; nominatedNodeName?: string; spec?: Partial<NonNullable<Pod['spec']>> } = {}): Pod => ({
    ...pod(name, { labels: more.labels ?? {}, spec: { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }], priority, ...more.spec } }),
    status: more.nominatedNodeName === undefined ? {} : { nominatedNodeName: more.nominatedNodeName },
  });
  const scheduled = (nodes: readonly Node[], placed: readonly Pod[], nominated: readonly Pod[], wanted: Pod) => {
    const cluster = new Cluster();
    for (const each of nodes) cluster.setNode(each);
    for (const each of placed) cluster.setPod(each);
    for (const each of nominated) cluster.nominate(podInfoOf(each), each.status?.nominatedNodeName ?? '');
    const { node: chosen, nominated: made, losesNomination } = createCycle(cluster, createProfile(), () => 0.999).schedule(podInfoOf(wanted));
    return { node: chosen?.name, made: made?.node.name, losesNomination };
  };
  const leaving = (reason: string): Pod => ({
    ...pod('victim', { cpu: '2', node: 'a' }), metadata: { name: 'victim', namespace: 'default', uid: 'victim', deletionTimestamp: '2026-01-01T00:00:00Z' },
    status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] },
  });
  const near = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } }] } } };
  const web = { labels: { app: 'web' } };
  const [a, b] = [zoned('a', '2'), zoned('b', '64')];
  const none = { node: undefined, made: undefined, losesNomination: false };
  assert.deepEqual(scheduled([a, b], [], [], wants('p', 5, { nominatedNodeName: 'a' })), { ...none, node: 'a' }, 'where it made room is where it goes, though another node is emptier');
  assert.deepEqual(scheduled([a, b], [pod('x', { cpu: '1', node: 'a' })], [], wants('p', 0, { nominatedNodeName: 'a' })), { ...none, node: 'b' }, 'unless it does not fit there now');
  assert.deepEqual(scheduled([b], [], [wants('friend', 9, { ...web, nominatedNodeName: 'b' })], wants('p', 5, { spec: near })), { ...none, losesNomination: true }, 'a friend that is only nominated is no friend yet');
  assert.deepEqual(scheduled([a], [], [wants('rival', 9, { nominatedNodeName: 'a' })], wants('p', 5)), { ...none, losesNomination: true }, 'who is nominated keeps its room before the less important');
  assert.deepEqual(scheduled([a], [], [wants('less', 1, { nominatedNodeName: 'a' })], wants('p', 5)), { ...none, node: 'a' }, 'and not before the more important');
  assert.deepEqual(scheduled([a], [leaving('PreemptionByScheduler')], [], wants('p', 5, { nominatedNodeName: 'a' })), none, 'its victim is leaving: no more of them');
  assert.deepEqual(scheduled([a], [leaving('EvictionByEvictionAPI')], [], wants('p', 5, { nominatedNodeName: 'a' })), { ...none, made: 'a' }, 'who leaves for another reason made no room for it');
  const cordoned = node('a', { cpu: '2', spec: { unschedulable: true } });
  const full = pod('low', { cpu: '63', node: 'b' });
  assert.deepEqual(scheduled([cordoned, b], [leaving('PreemptionByScheduler'), full], [], wants('p', 5, { nominatedNodeName: 'a' })), { ...none, made: 'b' }, 'the node will not do any more, whoever leaves');
});

test('nodes without a topology of a spread weigh nothing in its scores', () => {
  const spread = ['zone', 'kubernetes.io/hostname'].map((topologyKey) => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway' as const, labelSelector: { matchLabels: { app: 'web' } } }));
  const there = (name: string, on: string): Pod => pod(name, { node: on, labels: { app: 'web' } });
  const nodes = [node('a', { labels: { zone: '1' } }), node('b', { labels: { zone: '2' } }), ...Array.from({ length: 8 }, (_, index) => node(`bare-${index}`))];
  const wanted = pod('p', { labels: { app: 'web' }, spec: { topologySpreadConstraints: spread } });
  const cluster = new Cluster();
  for (const each of nodes) cluster.setNode(each);
  for (const each of [there('x', 'a'), there('y', 'a'), there('z', 'b')]) cluster.setPod(each);
  const scorer = podTopologySpread().score!(podInfoOf(wanted), cluster, cluster.nodes)!;
  const scores = Float64Array.from(cluster.nodes, (each) => scorer.score(each));
  // Two zones and two nodes that count: (pods of the zone + pods of the node) * ln(2 + 2).
  assert.deepEqual([...scores.slice(0, 3)], [Math.round(4 * Math.log(4)), Math.round(2 * Math.log(4)), -1]);
});
