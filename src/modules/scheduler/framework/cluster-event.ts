/** Changes of the cluster that may let a waiting pod go (upstream: framework.ClusterEvent with queueing hints). */
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

export type ClusterEvent =
  | { type: 'node-added'; node: NodeInfo }
  | { type: 'node-changed'; node: NodeInfo; changed: NodeChange }
  | { type: 'node-removed'; name: string }
  | { type: 'pod-placed' | 'pod-relabelled'; pod: PodInfo }
  /** `wasNominated`: it had no node yet, only room on one, which was kept from pods of its priority and below. */
  | { type: 'pod-removed'; pod: PodInfo; wasNominated?: boolean }
  | { type: 'pod-shrunk'; pod: PodInfo }
  | { type: 'namespace-changed'; name: string }
  /** A claim, which it tells; or a volume, a class, a CSINode, an attachment. */
  | { type: 'storage-changed'; claim?: ClaimOf }
  /** A claim of devices, a class or a slice of them. */
  | { type: 'devices-changed' };

export interface ClaimOf { namespace: string; name: string }

export interface NodeChange {
  labels: boolean;
  /** Taints or the unschedulable mark. */
  taints: boolean;
  allocatable: boolean;
}

export function isNodeEvent(event: ClusterEvent): event is Extract<ClusterEvent, { node: NodeInfo }> {
  return event.type === 'node-added' || event.type === 'node-changed';
}
