/** What a ReplicaSet wants of its pods: how many to make, which to delete. Pure. */
import type { ReplicaSet } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Kind } from '../../../api/kind.ts';
import { controllerReference } from '../../../api/owner.ts';
import { podsToDelete } from './deletion-order.ts';

/** At most so many pods are made or deleted in one round (upstream: BurstReplicas). */
export const BURST = 500;

export interface ScalePlan {
  create: number;
  remove: Pod[];
}

/** `active` are its own pods, `related` the active pods of all replica sets of the same owner. */
export function scalePlan(replicaSet: ReplicaSet, active: readonly Pod[], related: readonly Pod[], nowMs: number): ScalePlan {
  if (replicaSet.metadata.deletionTimestamp !== undefined) return { create: 0, remove: [] };
  const missing = (replicaSet.spec?.replicas ?? 1) - active.length;
  if (missing >= 0) return { create: Math.min(missing, BURST), remove: [] };
  return { create: 0, remove: podsToDelete(active, related, { count: Math.min(-missing, BURST), nowMs }) };
}

/** A pod of the replica set's template, not yet created; `kind` is what its owner is. */
export function podOfTemplate(replicaSet: ReplicaSet, kind: Pick<Kind, 'group' | 'version' | 'kind'>): Pod {
  const template = replicaSet.spec?.template;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      generateName: `${replicaSet.metadata.name}-`, namespace: replicaSet.metadata.namespace, labels: { ...labels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }), ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }), ownerReferences: [controllerReference(kind, replicaSet)],
    },
    spec: template?.spec,
  };
}
