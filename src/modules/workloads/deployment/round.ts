/**
 * One round over a Deployment: the replica sets as they are and as the steps of the round want them. Steps see the sizes that earlier
 * steps chose; nothing is written here.
 */
import type { Deployment, DeploymentCondition, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { byCreation, isActive, maxSurge, newReplicaSetReplicas, replicasOf } from './replica-counts.ts';
import { annotationsOfNew, DESIRED_REPLICAS, MAX_REPLICAS, nextRevision, notedReplicas, REVISION, sizeAnnotations } from './revision.ts';
import { condition, conditionOf, withCondition } from './conditions.ts';
import { findNewReplicaSet, makeReplicaSet } from './template.ts';
import { hasDeadline } from './status.ts';

export interface PlannedEvent {
  reason: string;
  message: string;
}

export interface Round {
  readonly deployment: Deployment;
  readonly nowMs: number;
  newest: ReplicaSet | undefined;
  old: ReplicaSet[];
  conditions: DeploymentCondition[];
  /** The newest, when it is to be created. */
  created: ReplicaSet | undefined;
  /** By name: how existing replica sets should be. */
  readonly changed: Map<string, ReplicaSet>;
  readonly removed: ReplicaSet[];
  /** The revision annotation that the deployment should have. */
  revision: string | undefined;
  readonly events: PlannedEvent[];
}

export function beginRound(deployment: Deployment, replicaSets: readonly ReplicaSet[], nowMs: number): Round {
  const newest = findNewReplicaSet(deployment, replicaSets);
  const old = replicaSets.filter((each) => each !== newest).sort(byCreation);
  const conditions = [...(deployment.status?.conditions ?? [])];
  return { deployment, nowMs, newest, old, conditions, created: undefined, changed: new Map(), removed: [], revision: undefined, events: [] };
}

export function allOf(round: Round): ReplicaSet[] {
  return round.newest === undefined ? round.old : [...round.old, round.newest];
}

/** Active replica sets but the newest. */
export function activeOld(round: Round): ReplicaSet[] {
  return round.old.filter(isActive);
}

/** Gives the newest replica set its revision and annotations, and the deployment the revision; creates it when `create` says so. */
export function syncNewest(round: Round, { create }: { create: boolean }): void {
  const { deployment } = round;
  const revision = nextRevision(round.old);
  if (round.newest !== undefined) {
    const annotations = annotationsOfNew(deployment, round.newest, revision);
    change(round, round.newest, { annotations, minReadySeconds: deployment.spec?.minReadySeconds ?? 0 });
    if (hasDeadline(deployment) && conditionOf(round.conditions, 'Progressing') === undefined) {
      note(round, 'FoundNewReplicaSet', `Found new replica set "${round.newest.metadata.name}"`);
    }
  } else if (create) {
    const made = makeReplicaSet(deployment, { replicas: 0, revision });
    made.spec = { ...made.spec!, replicas: newReplicaSetReplicas(deployment, [...round.old, made], 0) };
    round.newest = round.created = made;
    if (replicasOf(made) > 0) announceScale(round, made, 0);
    if (hasDeadline(deployment)) note(round, 'NewReplicaSetCreated', `Created new replica set "${made.metadata.name}"`);
  }
  const annotation = round.newest?.metadata.annotations?.[REVISION];
  if (annotation !== undefined && deployment.metadata.annotations?.[REVISION] !== annotation) round.revision = annotation;
}

/** Sets the size of one replica set, and notes the deployment's size on it. Gives by how much it changed. */
export function resize(round: Round, target: ReplicaSet, replicas: number): number {
  const before = replicasOf(target);
  const wanted = Number(sizeAnnotations(round.deployment)[MAX_REPLICAS]);
  const isNoted = notedReplicas(target, DESIRED_REPLICAS) === replicasOf(round.deployment) && notedReplicas(target, MAX_REPLICAS) === wanted;
  if (before === replicas && isNoted) return 0;
  const after = change(round, target, { replicas, annotations: { ...target.metadata.annotations, ...sizeAnnotations(round.deployment) } });
  if (before !== replicas) announceScale(round, after, before);
  return replicas - before;
}

/** Whether a replica set still notes another size of the deployment: then this is a change of size, not a rollout. */
export function isScaling(round: Round): boolean {
  return allOf(round).filter(isActive).some((each) => {
    const noted = notedReplicas(each, DESIRED_REPLICAS);
    return noted !== undefined && noted !== replicasOf(round.deployment);
  });
}

/** Most pods that may exist during a rollout. */
export function ceiling(deployment: Deployment): number {
  return replicasOf(deployment) === 0 ? 0 : replicasOf(deployment) + maxSurge(deployment);
}

function change(round: Round, target: ReplicaSet, to: { replicas?: number; annotations?: Record<string, string>; minReadySeconds?: number }): ReplicaSet {
  const { minReadySeconds = target.spec?.minReadySeconds ?? 0, replicas = target.spec?.replicas, annotations = target.metadata.annotations } = to;
  const same = replicas === target.spec?.replicas && minReadySeconds === (target.spec?.minReadySeconds ?? 0) && sameText(annotations, target.metadata.annotations);
  if (same) return target;
  const spec = { ...target.spec!, replicas };
  if (minReadySeconds > 0) spec.minReadySeconds = minReadySeconds;
  else delete spec.minReadySeconds;
  const after: ReplicaSet = { ...target, metadata: { ...target.metadata, annotations }, spec };
  if (round.created === target) round.created = after;
  else round.changed.set(after.metadata.name ?? '', after);
  if (round.newest === target) round.newest = after;
  round.old = round.old.map((each) => (each === target ? after : each));
  return after;
}

function sameText(left: Record<string, string> = {}, right: Record<string, string> = {}): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

function note(round: Round, reason: string, message: string): void {
  round.conditions = withCondition(round.conditions, condition('Progressing', 'True', reason, message, round.nowMs));
}

function announceScale(round: Round, after: ReplicaSet, before: number): void {
  const direction = replicasOf(after) > before ? 'up' : 'down';
  round.events.push({ reason: 'ScalingReplicaSet', message: `Scaled ${direction} replica set ${after.metadata.name} from ${before} to ${replicasOf(after)}` });
}
