/** Revisions and the other annotations by which a Deployment and its replica sets remember their history. Pure. */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { maxSurge, replicasOf } from './replica-counts.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

const NOT_COPIED = new Set(['kubectl.kubernetes.io/last-applied-configuration', REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, 'deprecated.deployment.rollback.to']);

export function revisionOf(object: Deployment | ReplicaSet): number {
  return Number.parseInt(object.metadata.annotations?.[REVISION] ?? '0', 10) || 0;
}

/** One more than the highest of the old replica sets. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return old.reduce((highest, each) => Math.max(highest, revisionOf(each)), 0) + 1;
}

/**
 * The annotations that the new replica set should have: those of the deployment, its revision, and, when it served an earlier revision
 * (a rollback), that one in its history.
 */
export function annotationsOfNew(deployment: Deployment, existing: ReplicaSet | undefined, revision: number): Record<string, string> {
  const annotations = { ...existing?.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) if (!NOT_COPIED.has(key)) annotations[key] = value;
  const earlier = existing === undefined ? 0 : revisionOf(existing);
  if (earlier < revision) {
    annotations[REVISION] = String(revision);
    if (earlier > 0) annotations[REVISION_HISTORY] = [annotations[REVISION_HISTORY], String(earlier)].filter(Boolean).join(',');
  }
  return existing === undefined ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

/** What a replica set notes of its deployment's size, so that a later change of size can be told from a rollout. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  return { [DESIRED_REPLICAS]: String(replicasOf(deployment)), [MAX_REPLICAS]: String(replicasOf(deployment) + maxSurge(deployment)) };
}

export function notedReplicas(replicaSet: ReplicaSet, annotation: typeof DESIRED_REPLICAS | typeof MAX_REPLICAS): number | undefined {
  const text = replicaSet.metadata.annotations?.[annotation];
  const count = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isNaN(count) ? undefined : count;
}
