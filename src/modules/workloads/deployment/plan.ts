/** What a Deployment wants of its replica sets now: one pure function from what is observed to what is to be written. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { condition, conditionOf, withCondition } from './conditions.ts';
import { INT32_MAX, isRollingUpdate, replicasOf } from './replica-counts.ts';
import { revisionOf } from './revision.ts';
import { recreate, rollingUpdate } from './rolling.ts';
import { allOf, beginRound, isScaling, syncNewest, type PlannedEvent, type Round } from './round.ts';
import { scale } from './scale.ts';
import { baseStatus, hasDeadline, isComplete, rolloutStatus, untilDeadlineMs } from './status.ts';

export interface Observed {
  deployment: Deployment;
  /** Those that it controls. */
  replicaSets: readonly ReplicaSet[];
  /** Whether any pod of the replica set has not ended; asked for Recreate only. */
  hasRunningPods(replicaSet: ReplicaSet): boolean;
  nowMs: number;
}

export interface DeploymentPlan {
  create: ReplicaSet | undefined;
  update: ReplicaSet[];
  remove: ReplicaSet[];
  status: DeploymentStatus;
  /** The deployment's revision annotation, when it is to change. */
  revision: string | undefined;
  events: PlannedEvent[];
  requeueAfterMs: number | undefined;
}

export function planDeployment(observed: Observed): DeploymentPlan {
  const { deployment, nowMs } = observed;
  const round = beginRound(deployment, observed.replicaSets, nowMs);
  const status = stepOf(round, observed);
  return {
    create: round.created, update: [...round.changed.values()], remove: round.removed, status, revision: round.revision, events: round.events,
    requeueAfterMs: untilDeadlineMs(deployment, status, nowMs),
  };
}

function stepOf(round: Round, observed: Observed): DeploymentStatus {
  const { deployment } = round;
  if (deployment.metadata.deletionTimestamp !== undefined) return baseStatus(inputOf(round));
  round.conditions = pauseCondition(round);
  if (deployment.spec?.paused === true || isScaling(round)) {
    syncNewest(round, { create: false });
    scale(round);
    if (deployment.spec?.paused === true) trimHistory(round);
    return baseStatus(inputOf(round));
  }
  if (isRollingUpdate(deployment)) {
    if (rollingUpdate(round)) trimHistory(round);
  } else {
    const settled = recreate(round, { oldPodsRun: round.old.some((each) => observed.hasRunningPods(each)) });
    if (settled && isComplete(deployment, deployment.status ?? {})) trimHistory(round);
  }
  return rolloutStatus(inputOf(round));
}

function inputOf(round: Round): Parameters<typeof baseStatus>[0] {
  return { deployment: round.deployment, conditions: round.conditions, all: allOf(round), newest: round.newest, nowMs: round.nowMs };
}

/** A paused rollout makes no progress, and that is no failure: the condition says so. */
function pauseCondition({ deployment, conditions, nowMs }: Round): DeploymentCondition[] {
  const current = conditionOf(conditions, 'Progressing');
  if (!hasDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return conditions;
  const isPaused = deployment.spec?.paused === true;
  const saysPaused = current?.reason === 'DeploymentPaused';
  if (isPaused && !saysPaused) return withCondition(conditions, condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs));
  if (!isPaused && saysPaused) return withCondition(conditions, condition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs));
  return conditions;
}

/** Old replica sets beyond revisionHistoryLimit go, the oldest revision first, unless they still have pods. */
function trimHistory(round: Round): void {
  const limit = round.deployment.spec?.revisionHistoryLimit ?? 10;
  if (limit === INT32_MAX) return;
  const alive = round.old.filter((each) => each.metadata.deletionTimestamp === undefined);
  const excess = alive.sort((left, right) => revisionOf(left) - revisionOf(right)).slice(0, Math.max(0, alive.length - limit));
  for (const each of excess) {
    const isObserved = (each.metadata.generation ?? 0) <= (each.status?.observedGeneration ?? 0);
    if (replicasOf(each) === 0 && (each.status?.replicas ?? 0) === 0 && isObserved) round.removed.push(each);
  }
}
