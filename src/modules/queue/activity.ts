/** Whether queues let workloads in, and why not, in Kueue's words. */
import type { AdmissionCheck, ClusterQueue, LocalQueue, ResourceFlavor, Topology } from '../../api/kueue/types.ts';

export interface Activity {
  active: boolean;
  reason: string;
  message: string;
}

export interface Known {
  flavorOf(name: string): ResourceFlavor | undefined;
  topologyOf(name: string): Topology | undefined;
  checkOf(name: string): AdmissionCheck | undefined;
  queueOf(name: string): ClusterQueue | undefined;
}

/** Names of the checks that a ClusterQueue asks for; with `flavors`, those that hold for one of these. */
export function checksOf({ spec }: ClusterQueue, flavors?: ReadonlySet<string>): string[] {
  const ruled = spec?.admissionChecksStrategy?.admissionChecks ?? [];
  const named = ruled.filter(({ onFlavors = [] }) => flavors === undefined || onFlavors.length === 0 || onFlavors.some((each) => flavors.has(each))).map(({ name }) => name);
  return [...new Set([...(spec?.admissionChecks ?? []), ...named])];
}

/** Source: Kueue, ClusterQueue condition Active (cache.inactiveReason). */
export function activityOf(queue: ClusterQueue, known: Pick<Known, 'flavorOf' | 'checkOf' | 'topologyOf'>): Activity {
  const reasons: [string, string][] = [];
  const { spec, metadata } = queue;
  if (metadata.deletionTimestamp !== undefined) return { active: false, reason: 'Terminating', message: "Can't admit new workloads; clusterQueue is terminating" };
  if (spec?.stopPolicy !== undefined && spec.stopPolicy !== 'None') reasons.push(['Stopped', 'is stopped']);
  const flavors = (spec?.resourceGroups ?? []).flatMap((group) => group.flavors.map(({ name }) => name));
  const missing = flavors.filter((name) => known.flavorOf(name) === undefined);
  if (missing.length > 0) reasons.push(['FlavorNotFound', `references missing ResourceFlavor(s): ${missing.join(',')}`]);
  const topological = flavors.map((name) => known.flavorOf(name)).find((each) => each?.spec?.topologyName !== undefined && known.topologyOf(each.spec.topologyName) === undefined);
  if (topological !== undefined) reasons.push(['TopologyNotFound', `there is no Topology "${topological.spec?.topologyName}" for TAS flavor "${topological.metadata.name}"`]);
  const checks = checksOf(queue);
  const unknown = checks.filter((name) => known.checkOf(name) === undefined);
  if (unknown.length > 0) reasons.push(['AdmissionCheckNotFound', `references missing AdmissionCheck(s): ${unknown.join(',')}`]);
  const inactive = checks.filter((name) => known.checkOf(name) !== undefined && known.checkOf(name)!.status?.conditions?.some(({ type, status }) => type === 'Active' && status === 'True') !== true);
  if (inactive.length > 0) reasons.push(['AdmissionCheckInactive', `references inactive AdmissionCheck(s): ${inactive.join(',')}`]);
  if (reasons.length === 0) return { active: true, reason: 'Ready', message: 'Can admit new workloads' };
  return { active: false, reason: reasons[0]![0], message: `Can't admit new workloads: ${reasons.map(([, text]) => text).join(', ')}.` };
}

/** Source: Kueue, LocalQueue condition Active. */
export function localActivityOf({ spec }: LocalQueue, known: Known): Activity {
  if (spec?.stopPolicy !== undefined && spec.stopPolicy !== 'None') return { active: false, reason: 'Stopped', message: 'LocalQueue is stopped' };
  const queue = known.queueOf(spec?.clusterQueue ?? '');
  if (queue === undefined) return { active: false, reason: 'ClusterQueueDoesNotExist', message: "Can't submit new workloads to clusterQueue" };
  return activityOf(queue, known).active ? { active: true, reason: 'Ready', message: 'Can submit new workloads to localQueue' } : { active: false, reason: 'ClusterQueueIsInactive', message: "Can't submit new workloads to clusterQueue" };
}
