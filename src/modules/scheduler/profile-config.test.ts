import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { decide, node, pod } from './framework/fixtures.ts';
import { profileOptions } from './profile-config.ts';
import { profilesOf, schedulerTimes } from './module.ts';
import { createProfile, type ProfileOptions } from './profile.ts';

const gpu = (count: string) => ({ spec: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': count } } }] } });
const withGpus = (name: string, count: string): Node => {
  const made = node(name);
  return { ...made, status: { ...made.status, allocatable: { ...made.status?.allocatable, 'example.com/gpu': count } } };
};
const zone = (name: string) => ({ labels: { 'topology.kubernetes.io/zone': name } });
const app = { labels: { app: 'web' } };
const near = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } }] } } };

test('profiles as kube-scheduler writes them', () => {
  const strategy = (scoringStrategy: object) => ({ pluginConfig: [{ name: 'NodeResourcesFit', args: { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'NodeResourcesFitArgs', scoringStrategy } }] });
  const packsGpus = { type: 'RequestedToCapacityRatio', resources: [{ name: 'example.com/gpu', weight: 3 }, { name: 'cpu', weight: 1 }], requestedToCapacityRatio: { shape: [{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }] } };
  const alone = { plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 5 }] } } };
  const full = pod('x', { cpu: '2', memory: '4Gi', node: 'b' });
  const table: [string, object, Node[], Pod[], Pod, string | undefined][] = [
    ['MostAllocated packs', strategy({ type: 'MostAllocated' }), [node('a'), node('b')], [full], pod('p', { cpu: '1', memory: '2Gi' }), 'b'],
    ['MostAllocated, of a node that is more than full by stand-ins', { ...strategy({ type: 'MostAllocated', resources: [{ name: 'cpu', weight: 1 }] }), ...alone }, [node('a'), node('b', { cpu: '50m' })], [], pod('p'), 'b'],
    ['a shape over a resource of its own', strategy(packsGpus), [withGpus('a', '8'), withGpus('b', '4')], [], pod('p', gpu('2')), 'b'],
    ['which does not count for pods that do not ask for it', { ...strategy({ type: 'LeastAllocated', resources: [{ name: 'example.com/gpu', weight: 9 }, { name: 'cpu' }] }), ...alone }, [withGpus('a', '8'), node('b', { cpu: '64' })], [], pod('p', { cpu: '1' }), 'b'],
    ['ignored resources', { pluginConfig: [{ name: 'NodeResourcesFit', args: { ignoredResourceGroups: ['example.com'] } }] }, [node('a')], [], pod('p', gpu('2')), 'a'],
    ['balance by other resources', { plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesBalancedAllocation' }] } }, pluginConfig: [{ name: 'NodeResourcesBalancedAllocation', args: { resources: [{ name: 'cpu' }, { name: 'memory' }, { name: 'ephemeral-storage' }] } }] }, [node('a', { cpu: '1' }), node('b')], [], pod('p', { cpu: '500m', memory: '1Gi' }), 'b'],
    ['no score of a plugin that still filters', { plugins: { score: { disabled: [{ name: 'NodeResourcesFit' }, { name: 'NodeResourcesBalancedAllocation' }, { name: 'ImageLocality' }] } } }, [node('a', { cpu: '500m' })], [], pod('p', { cpu: '1' }), undefined],
    ['a plugin disabled at all points', { plugins: { multiPoint: { disabled: [{ name: 'TaintToleration' }, { name: 'NodeVolumeLimits' }] } } }, [node('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })], [], pod('p'), 'a'],
    ['a default constraint by force', { pluginConfig: [{ name: 'PodTopologySpread', args: { defaultingType: 'List', defaultConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' }] } }] }, [node('a', zone('1')), node('b', { ...zone('2'), pods: '0' })], [pod('x', { node: 'a', owner: 'r' })], pod('p', { owner: 'r' }), undefined],
    ['the affinity of those that are there', { pluginConfig: [{ name: 'InterPodAffinity', args: { hardPodAffinityWeight: 100 } }], plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'InterPodAffinity' }] } } }, [node('a'), node('b'), node('c')], [pod('x', { node: 'b', ...app, spec: { ...near, nodeName: 'b' } })], pod('p', app), 'b'],
    ['and nothing of it for those that prefer nothing, where it says so', { pluginConfig: [{ name: 'InterPodAffinity', args: { hardPodAffinityWeight: 100, ignorePreferredTermsOfExistingPods: true } }], plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'InterPodAffinity' }] } } }, [node('a'), node('b'), node('c')], [pod('x', { node: 'b', ...app, spec: { ...near, nodeName: 'b' } })], pod('p', app), 'a'],
    ['default constraints of its own ask for the topology', { pluginConfig: [{ name: 'PodTopologySpread', args: { defaultingType: 'List', defaultConstraints: [{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' }] } }], plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'PodTopologySpread' }] } } }, [node('bare'), node('b', zone('1'))], [pod('x', { node: 'b', owner: 'r' })], pod('p', { owner: 'r' }), 'b'],
    ['an affinity of the profile', { pluginConfig: [{ name: 'NodeAffinity', args: { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['2'] }] }] } } } }] }, [node('a', zone('1')), node('b', zone('2'))], [], pod('p'), 'b'],
  ];
  for (const [name, profile, nodes, placed, wanted, expected] of table) assert.equal(decide(nodes, placed, wanted, createProfile(profileOptions(profile))).node?.name, expected, name);
});

test('what cannot be done is refused', () => {
  for (const [profile, message] of [
    [{ pluginConfig: [{ name: 'Coscheduling', args: {} }] }, /there are no args of Coscheduling/],
    [{ pluginConfig: [{ name: 'NodeResourcesFit', args: { scoring: {} } }] }, /NodeResourcesFit has no scoring; it has ignoredResources/],
    [{ pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'Fullest' } } }] }, /scoringStrategy\.type must be one of LeastAllocated, MostAllocated, RequestedToCapacityRatio, not "Fullest"/],
    ...[[], [{ utilization: 50, score: 5 }, { utilization: 20, score: 1 }], [{ utilization: 0, score: 11 }]].map((shape) => [{ pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'RequestedToCapacityRatio', requestedToCapacityRatio: { shape } } } }] }, /shape must be a list/] as const),
    [{ pluginConfig: [{ name: 'DefaultPreemption', args: { minCandidateNodesPercentage: 101 } }] }, /minCandidateNodesPercentage of DefaultPreemption must be a number from 0 to 100, not 101/],
    ...['0s', 'soon', 0.5].map((bindingTimeout) => [{ pluginConfig: [{ name: 'DynamicResources', args: { bindingTimeout } }] }, /bindingTimeoutSeconds of DynamicResources must be a number from 1 to 86400/] as const),
    [{ pluginConfig: [{ name: 'VolumeBinding', args: { bindTimeout: 3 } }] }, /VolumeBinding has no bindTimeout/],
    [{ plugins: { scores: {} } }, /plugins has no scores/],
    [{ plugins: { score: { enabled: ['ImageLocality'] } } }, /enabled must be a list of maps/],
    [{ plugins: { score: { enabled: [{ name: 'Coscheduling', weight: 3 }] } } }, /there is no scheduler plugin 'Coscheduling'/],
  ] as [object, RegExp][]) assert.throws(() => createProfile(profileOptions(profile as ProfileOptions)), message);
});

test('how long devices may take to come', () => {
  assert.deepEqual(profileOptions({ pluginConfig: [{ name: 'DynamicResources', args: { bindingTimeout: '1m30s', filterTimeout: '10s' } }] }).devices, { bindingTimeoutSeconds: 90 });
});

test('what holds for all profiles', () => {
  const percentages = profilesOf({ apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration', percentageOfNodesToScore: 30, profiles: [{ schedulerName: 'a' }, { schedulerName: 'b', percentageOfNodesToScore: 70 }] });
  assert.deepEqual(percentages.map((each) => [each.schedulerName, each.percentageOfNodesToScore]), [['a', 30], ['b', 70]]);
  assert.deepEqual(schedulerTimes({ podInitialBackoffSeconds: 2, podMaxBackoffSeconds: 30 }), { initialBackoffMs: 2_000, maxBackoffMs: 30_000, percentageOfNodesToScore: 0 });
  for (const [config, message] of [
    [{ extenders: [] }, /modules\.scheduler\.extenders is not known/], [{ percentageOfNodesToScore: 101 }, /must be a number from 0 to 100/], [{ podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 1 }, /podMaxBackoffSeconds must be a number from 5/],
    [{ profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] }, /each schedulerName may stand there once/],
  ] as [Record<string, unknown>, RegExp][]) assert.throws(() => profilesOf(config), message);
});

test('what makes no sense in a profile is told', () => {
  const args = (name: string, given: object) => ({ pluginConfig: [{ name, args: given }] });
  const spread = (...defaultConstraints: object[]) => args('PodTopologySpread', { defaultingType: 'List', defaultConstraints });
  const byZone = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
  const least = (resources: unknown) => args('NodeResourcesFit', { scoringStrategy: { type: 'LeastAllocated', resources } });
  for (const [profile, message] of [
    [{ scorring: {} }, /scorring: .*is not known; there are schedulerName/], [{ schedulerName: 5 }, /schedulerName: .*must be the name of a scheduler/], [{ disabled: 'TaintToleration' }, /disabled: .*must be a list/],
    [{ scoring: { type: 'Fullest' } }, /scoring\.type: Unsupported value: "Fullest"/], [{ percentageOfNodesToScore: 400 }, /percentageOfNodesToScore: .*not in valid range \[0, 100\]/], [{ weights: { ImageLocality: 'x' } }, /weights\[ImageLocality\]: .*not in valid range/],
    [{ plugins: { score: { enabled: [{ name: 'ImageLocality', weight: -3 }] } } }, /weights\[ImageLocality\]: .*not in valid range/], [{ pluginConfig: {} }, /pluginConfig must be a list of maps/],
    [args('InterPodAffinity', { hardPodAffinityWeight: 101 }), /hardPodAffinityWeight: .*\[0, 100\]/], [args('InterPodAffinity', { ignorePreferredTermsOfExistingPods: 'yes' }), /must be true or false/],
    [spread({ ...byZone, maxSkew: 0 }), /defaultConstraints\[0\]\.maxSkew: .*not in valid range \(0, inf\)/], [spread({ ...byZone, topologyKey: '' }), /topologyKey: Required value: can not be empty/], [spread({ ...byZone, whenUnsatisfiable: 'Never' }), /whenUnsatisfiable: Unsupported value/],
    [spread({ ...byZone, labelSelector: {} }), /labelSelector: Forbidden: constraint must not define a selector/], [spread(byZone, byZone), /defaultConstraints\[1\]: Duplicate value/],
    [args('PodTopologySpread', { defaultConstraints: [byZone] }), /defaultConstraints are for the defaultingType List/], [args('PodTopologySpread', { defaultingType: 'Lost' }), /defaultingType must be one of System, List, not "Lost"/],
    [least([{ name: 'cpu', weight: 101 }]), /resource weight of cpu not in valid range \(0, 100\]/], [least('cpu'), /scoring\.resources: .*must be a list/], [args('NodeResourcesFit', { ignoredResources: 'x' }), /ignored\.resources: .*must be a list/],
    [args('NodeResourcesFit', { ignoredResourceGroups: ['a/b'] }), /resource group name can't contain '\/'/], [args('NodeResourcesBalancedAllocation', { resources: [{ name: 'cpu', weight: 4 }] }), /must be 1/],
    [args('NodeAffinity', { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Near' }] }] } } }), /operator: .*not a valid selector operator/],
    [args('DefaultPreemption', { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 }), /cannot be zero at the same time/],
  ] as [object, RegExp][]) assert.throws(() => profilesOf({ profiles: [profile] }), message);
  assert.equal(profilesOf({ profiles: [{ schedulerName: 'a', weights: { ImageLocality: 0 }, ...spread(byZone, { ...byZone, whenUnsatisfiable: 'ScheduleAnyway' }) }] }).length, 1);
});
