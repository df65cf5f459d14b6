/** The order of groups and versions in discovery (upstream: the API priorities of the control plane, and those of custom resources). */
import { ownValue } from '../json.ts';

export interface Priority {
  /** Groups with more come first. */
  group: number;
  /** Versions of a group with more come first. */
  version: number;
}

const GROUPS: Readonly<Record<string, number>> = {
  '': 18_000, apps: 17_800, 'events.k8s.io': 17_750, 'authentication.k8s.io': 17_700, 'authorization.k8s.io': 17_600, autoscaling: 17_500, batch: 17_400,
  'certificates.k8s.io': 17_300, 'networking.k8s.io': 17_200, policy: 17_100, 'rbac.authorization.k8s.io': 17_000, 'storage.k8s.io': 16_800,
  'admissionregistration.k8s.io': 16_700, 'apiextensions.k8s.io': 16_700, 'scheduling.k8s.io': 16_600, 'coordination.k8s.io': 16_500, 'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200, 'flowcontrol.apiserver.k8s.io': 16_100, 'internal.apiserver.k8s.io': 16_000, 'resource.k8s.io': 15_900, 'storagemigration.k8s.io': 15_800,
};

/** Where the rank of a version is not that of its kind of version. */
const VERSIONS: Readonly<Record<string, number>> = { '/v1': 1, 'autoscaling/v2': 30, 'flowcontrol.apiserver.k8s.io/v1': 21 };

/** Of custom resources, and of all that upstream does not know. */
export const CUSTOM_PRIORITY: Priority = { group: 1_000, version: 100 };

/** Of a group of Kubernetes itself; undefined for others. */
export function builtInPriority(group: string, version: string): Priority | undefined {
  const ofGroup = ownValue(GROUPS, group);
  if (ofGroup === undefined) return undefined;
  return { group: ofGroup, version: VERSIONS[`${group}/${version}`] ?? (version.includes('alpha') ? 1 : version.includes('beta') ? 9 : 15) };
}

/** The one that registers the others comes before all of them. */
export function priorityOf(group: string, version: string): Priority {
  if (group === 'apiregistration.k8s.io') return { group: 20_000, version: 100 };
  return builtInPriority(group, version) ?? CUSTOM_PRIORITY;
}
