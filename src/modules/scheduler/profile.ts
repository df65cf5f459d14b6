/** The default profile: upstream's default plugins and weights. Others are made from configuration by name. */
import { ApiError } from '../../api/errors.ts';
import type { NodeAffinity } from '../../api/generated/core-v1.ts';
import type { Plugin, Profile } from './framework/plugin.ts';
import { defaultPreemption, type BudgetsOf, type PreemptionOptions } from './plugins/default-preemption.ts';
import { interPodAffinity, type InterPodAffinityOptions } from './plugins/inter-pod-affinity.ts';
import { dynamicResources, type DevicesOptions, type DevicesView } from './plugins/dynamic-resources.ts';
import { balancedAllocation, nodeResourcesFit, type IgnoredResources, type ScoredResource, type ScoringStrategy } from './plugins/node-resources.ts';
import { podTopologySpread, type DefaultConstraint } from './plugins/pod-topology-spread.ts';
import { nodeVolumeLimits } from './plugins/volume-limits.ts';
import { volumeZone } from './plugins/volume-zone.ts';
import { volumeBinding, volumeRestrictions, type StorageView, type VolumeBindingOptions } from './plugins/volumes.ts';
import { imageLocality, nodeAffinity, nodeName, nodePorts, nodeUnschedulable, prioritySort, schedulingGates, taintToleration } from './plugins/simple.ts';

export interface ProfileOptions {
  /** Default `default-scheduler`. */
  schedulerName?: string;
  /** Names of plugins to leave out. */
  disabled?: readonly string[];
  /** What of plugins is left out, by plugin: `score` of one that still filters. */
  without?: Readonly<Record<string, readonly (keyof Plugin)[]>>;
  /** Default LeastAllocated over cpu and memory. */
  scoring?: ScoringStrategy;
  ignored?: IgnoredResources;
  /** Default cpu and memory. */
  balanced?: readonly ScoredResource[];
  /** Default upstream's, by node and zone. */
  defaultConstraints?: readonly DefaultConstraint[];
  podAffinity?: InterPodAffinityOptions;
  addedAffinity?: NodeAffinity;
  preemption?: PreemptionOptions;
  volumeBinding?: VolumeBindingOptions;
  devices?: DevicesOptions;
  weights?: Readonly<Record<string, number>>;
  percentageOfNodesToScore?: number;
}

const WEIGHTS = { TaintToleration: 3, NodeAffinity: 2, PodTopologySpread: 2, InterPodAffinity: 2, NodeResourcesFit: 1, NodeResourcesBalancedAllocation: 1, ImageLocality: 1 };

export interface ProfileViews {
  /** Without it the volume claims of pods are not looked at. */
  storage?: StorageView;
  /** Without it their claims of devices are not. */
  devices?: DevicesView;
  /** Without it preemption spares no budgets. */
  budgetsOf?: BudgetsOf;
}

export function createProfile(options: ProfileOptions = {}, { storage, devices, budgetsOf }: ProfileViews = {}): Profile {
  const all: readonly Plugin[] = [
    prioritySort, schedulingGates, nodeUnschedulable, nodeName, taintToleration, nodeAffinity(options.addedAffinity), nodePorts, nodeResourcesFit(options.scoring, options.ignored),
    ...(storage === undefined ? [] : [volumeRestrictions(storage), nodeVolumeLimits(storage), volumeBinding(storage, options.volumeBinding), volumeZone(storage)]), ...(devices === undefined ? [] : [dynamicResources(devices, options.devices)]),
    podTopologySpread(options.defaultConstraints), interPodAffinity(options.podAffinity), defaultPreemption(budgetsOf, options.preemption), balancedAllocation(options.balanced), imageLocality,
  ];
  for (const name of [...(options.disabled ?? []), ...Object.keys(options.without ?? {}), ...Object.keys(options.weights ?? {})]) {
    if (!all.some((each) => each.name === name) && !BY_VIEW.includes(name)) throw new ApiError('BadRequest', `there is no scheduler plugin '${name}'; known are ${all.map((each) => each.name).join(', ')}`);
  }
  return {
    schedulerName: options.schedulerName ?? 'default-scheduler',
    plugins: all.filter((each) => options.disabled?.includes(each.name) !== true).map((each) => reduced(each, options.without?.[each.name])),
    weights: { ...WEIGHTS, ...options.weights },
    percentageOfNodesToScore: options.percentageOfNodesToScore ?? 0,
  };
}

/** There only where what they look at is. */
const BY_VIEW = ['VolumeBinding', 'VolumeRestrictions', 'NodeVolumeLimits', 'VolumeZone', 'DynamicResources'];

function reduced(plugin: Plugin, without: readonly (keyof Plugin)[] | undefined): Plugin {
  if (without === undefined) return plugin;
  return Object.fromEntries(Object.entries(plugin).filter(([key]) => !without.includes(key as keyof Plugin))) as unknown as Plugin;
}
