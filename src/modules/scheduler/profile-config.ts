/** Profiles as kube-scheduler's own configuration writes them (kubescheduler.config.k8s.io/v1 KubeSchedulerProfile): what of them is known becomes options, the rest is refused. */
import { ApiError } from '../../api/errors.ts';
import { parseDuration } from '../../api/times.ts';
import type { Plugin } from './framework/plugin.ts';
import type { ScoringStrategy } from './plugins/node-resources.ts';
import type { ProfileOptions } from './profile.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The points of the framework, and what of a plugin is called there. */
const POINTS: Readonly<Record<string, readonly (keyof Plugin)[]>> = {
  preEnqueue: ['preEnqueue'], queueSort: ['queueSort'], preFilter: ['preFilter'], filter: ['filter'], postFilter: ['postFilter'], preScore: [], score: ['score'], reserve: ['reserve', 'unreserve'], permit: ['permit'], preBind: [], bind: [], postBind: [],
};
/** There as parts of others, or not needed here; to name them is no mistake. */
const WITHOUT_BODY = new Set(['DefaultBinder', 'EBSLimits', 'GCEPDLimits', 'AzureDiskLimits']);

/** Throws BadRequest with what cannot be done. A profile without `plugins` and `pluginConfig` is given back as it is. */
export function profileOptions(profile: ProfileOptions & { plugins?: unknown; pluginConfig?: unknown }): ProfileOptions {
  const { plugins, pluginConfig, ...own } = profile;
  if (plugins === undefined && pluginConfig === undefined) return own;
  if (pluginConfig !== undefined && (!Array.isArray(pluginConfig) || pluginConfig.some((each: unknown) => typeof each !== 'object' || each === null))) throw new ApiError('BadRequest', `modules.scheduler.profiles: pluginConfig must be a list of maps with name and args, not ${JSON.stringify(pluginConfig)}`);
  const args = ((pluginConfig ?? []) as Fields[]).map((each: Fields) => argsOf(String(each['name']), fields(each['args'], `args of ${String(each['name'])}`)));
  return Object.assign({}, own, ...args, pluginsOf(fields(plugins, 'plugins'), own)) as ProfileOptions;
}

function argsOf(name: string, args: Fields): ProfileOptions {
  switch (name) {
    case 'NodeResourcesFit': {
      known(args, name, ['ignoredResources', 'ignoredResourceGroups', 'scoringStrategy']);
      const { type, resources, requestedToCapacityRatio } = fields(args['scoringStrategy'], 'scoringStrategy');
      if (type !== undefined && !STRATEGIES.includes(String(type))) throw new ApiError('BadRequest', `modules.scheduler.profiles: scoringStrategy.type must be one of ${STRATEGIES.join(', ')}, not ${JSON.stringify(type)}`);
      const shape = fields(requestedToCapacityRatio, 'requestedToCapacityRatio')['shape'];
      if (type === 'RequestedToCapacityRatio') checkShape(shape);
      const scoring = { type: type ?? 'LeastAllocated', ...(resources !== undefined && { resources }), ...(type === 'RequestedToCapacityRatio' && { shape }) } as ScoringStrategy;
      return { scoring, ignored: { resources: args['ignoredResources'] as string[] | undefined, groups: args['ignoredResourceGroups'] as string[] | undefined } };
    }
    case 'NodeResourcesBalancedAllocation':
      known(args, name, ['resources']);
      return { balanced: args['resources'] as ProfileOptions['balanced'] };
    case 'PodTopologySpread':
      known(args, name, ['defaultConstraints', 'defaultingType']);
      checkDefaulting(args);
      return args['defaultingType'] === 'List' ? { defaultConstraints: (args['defaultConstraints'] ?? []) as ProfileOptions['defaultConstraints'] } : {};
    case 'InterPodAffinity':
      known(args, name, ['hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods']);
      return { podAffinity: args };
    case 'NodeAffinity':
      known(args, name, ['addedAffinity']);
      return { addedAffinity: args['addedAffinity'] as ProfileOptions['addedAffinity'] };
    case 'VolumeBinding':
      known(args, name, ['bindTimeoutSeconds', 'shape']);
      return { volumeBinding: numbersOf(args, name, { bindTimeoutSeconds: [1, 86_400] }) };
    case 'DefaultPreemption':
      known(args, name, ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute']);
      return { preemption: numbersOf(args, name, { minCandidateNodesPercentage: [0, 100], minCandidateNodesAbsolute: [0, 1_000_000] }) };
    case 'DynamicResources': {
      // How long devices may be looked for is settled here.
      known(args, name, ['filterTimeout', 'bindingTimeout']);
      const { bindingTimeout } = args;
      if (bindingTimeout === undefined) return {};
      return { devices: numbersOf({ bindingTimeoutSeconds: typeof bindingTimeout === 'string' ? parseDuration(bindingTimeout) / 1e9 : bindingTimeout }, name, { bindingTimeoutSeconds: [1, 86_400] }) };
    }
    default: throw new ApiError('BadRequest', `pluginConfig: there are no args of ${name}; known are those of NodeResourcesFit, NodeResourcesBalancedAllocation, PodTopologySpread, InterPodAffinity, NodeAffinity, VolumeBinding, DynamicResources, DefaultPreemption`);
  }
}

/** Source: upstream, validateDefaultingType. */
function checkDefaulting({ defaultingType = 'System', defaultConstraints }: Fields): void {
  if (defaultingType !== 'System' && defaultingType !== 'List') throw new ApiError('BadRequest', `modules.scheduler.profiles: defaultingType must be one of System, List, not ${JSON.stringify(defaultingType)}`);
  if (defaultingType === 'System' && Array.isArray(defaultConstraints) && defaultConstraints.length > 0) throw new ApiError('BadRequest', 'modules.scheduler.profiles: defaultConstraints are for the defaultingType List, not System, which is the default');
}

const STRATEGIES = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

/** Source: upstream, validateFunctionShape. */
function checkShape(shape: unknown): void {
  const points = Array.isArray(shape) ? (shape as ({ utilization?: unknown; score?: unknown } | null)[]) : [];
  const within = (value: unknown, most: number): boolean => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
  const rises = points.every((point, index) => index === 0 || Number(point?.utilization) > Number(points[index - 1]?.utilization));
  if (points.length === 0 || !rises || !points.every((point) => within(point?.utilization, 100) && within(point?.score, 10))) {
    throw new ApiError('BadRequest', 'modules.scheduler.profiles: requestedToCapacityRatio.shape must be a list of at least one { utilization: 0 to 100, score: 0 to 10 }, whole numbers, utilization rising');
  }
}

/** What is enabled is there already, so that its weight alone counts; `*` disables all that are not enabled beside it. */
function pluginsOf(plugins: Fields, own: ProfileOptions): ProfileOptions {
  const disabled = new Set(own.disabled);
  const without: Record<string, (keyof Plugin)[]> = {};
  const weights: Record<string, number> = { ...own.weights };
  known(plugins, 'plugins', [...Object.keys(POINTS), 'multiPoint']);
  for (const [point, value] of Object.entries(plugins)) {
    const set = fields(value, `plugins.${point}`);
    known(set, `plugins.${point}`, ['enabled', 'disabled']);
    const enabled = listOf(set, 'enabled').filter(({ name }) => !WITHOUT_BODY.has(name));
    for (const { name, weight } of enabled) if (weight !== undefined && weight !== 0) weights[name] = weight;
    for (const { name } of listOf(set, 'disabled').filter((each) => !WITHOUT_BODY.has(each.name))) {
      const names = name === '*' ? NAMES.filter((each) => !enabled.some((one) => one.name === each)) : enabled.some((one) => one.name === name) ? [] : [name];
      for (const each of names) {
        if (point === 'multiPoint') disabled.add(each);
        else without[each] = [...(without[each] ?? []), ...POINTS[point]!];
      }
    }
  }
  return { disabled: [...disabled], without, weights };
}

/** All that the default profile has; queues must be sorted by something, and gates hold whatever the profile says. */
const NAMES = [
  'NodeUnschedulable', 'NodeName', 'TaintToleration', 'NodeAffinity', 'NodePorts', 'NodeResourcesFit', 'VolumeRestrictions', 'NodeVolumeLimits', 'VolumeBinding', 'VolumeZone', 'DynamicResources', 'PodTopologySpread', 'InterPodAffinity', 'DefaultPreemption',
  'NodeResourcesBalancedAllocation', 'ImageLocality',
] as const;

/** Those that are given, each within its bounds. */
function numbersOf<K extends string>(args: Fields, name: string, bounds: Readonly<Record<K, readonly [least: number, most: number]>>): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {};
  for (const [key, [least, most]] of Object.entries(bounds) as [K, readonly [number, number]][]) {
    const value = args[key];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value >= least && value <= most)) throw new ApiError('BadRequest', `modules.scheduler.profiles: ${key} of ${name} must be a number from ${least} to ${most}, not ${JSON.stringify(value)}`);
    found[key] = value;
  }
  return found;
}

function listOf(set: Fields, key: 'enabled' | 'disabled'): { name: string; weight?: number }[] {
  const list = set[key] ?? [];
  if (!Array.isArray(list) || list.some((each: Fields | null) => typeof each?.['name'] !== 'string')) throw new ApiError('BadRequest', `modules.scheduler.profiles: ${key} must be a list of maps with the name of a plugin`);
  return list as { name: string; weight?: number }[];
}

function fields(value: unknown, what: string): Fields {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ApiError('BadRequest', `modules.scheduler.profiles: ${what} must be a map, not ${JSON.stringify(value)}`);
  return value as Fields;
}

function known(given: Fields, what: string, names: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => !names.includes(key) && key !== 'apiVersion' && key !== 'kind');
  if (unknown !== undefined) throw new ApiError('BadRequest', `modules.scheduler.profiles: ${what} has no ${unknown}; it has ${names.join(', ')}`);
}
