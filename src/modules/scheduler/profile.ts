/** The default profile: upstream's default plugins and weights. Others are made from configuration by name. */
import { ApiError } from '../../api/errors.ts';
import type { Profile } from './framework/plugin.ts';
import { defaultPreemption, type BudgetsOf } from './plugins/default-preemption.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity.ts';
import { dynamicResources, type DevicesView } from './plugins/dynamic-resources.ts';
import { balancedAllocation, nodeResourcesFit, type ScoringStrategy } from './plugins/node-resources.ts';
import { podTopologySpread } from './plugins/pod-topology-spread.ts';
import { volumeBinding, volumeRestrictions, type StorageView } from './plugins/volumes.ts';
import { imageLocality, nodeAffinity, nodeName, nodePorts, nodeUnschedulable, prioritySort, schedulingGates, taintToleration } from './plugins/simple.ts';

export interface ProfileOptions {
  /** Default `default-scheduler`. */
  schedulerName?: string;
  /** Names of plugins to leave out. */
  disabled?: readonly string[];
  /** Default LeastAllocated over cpu and memory. */
  scoring?: ScoringStrategy;
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
  const all = [
    prioritySort, schedulingGates, nodeUnschedulable, nodeName, taintToleration, nodeAffinity, nodePorts, nodeResourcesFit(options.scoring),
    ...(storage === undefined ? [] : [volumeRestrictions(storage), volumeBinding(storage)]), ...(devices === undefined ? [] : [dynamicResources(devices)]),
    podTopologySpread, interPodAffinity, defaultPreemption(budgetsOf), balancedAllocation, imageLocality,
  ];
  for (const name of options.disabled ?? []) {
    if (!all.some((each) => each.name === name)) throw new ApiError('BadRequest', `there is no scheduler plugin '${name}'; known are ${all.map((each) => each.name).join(', ')}`);
  }
  return {
    schedulerName: options.schedulerName ?? 'default-scheduler',
    plugins: all.filter((each) => options.disabled?.includes(each.name) !== true),
    weights: { ...WEIGHTS, ...options.weights },
    percentageOfNodesToScore: options.percentageOfNodesToScore ?? 0,
  };
}
