/** What the scaler itself does to the target: from none to some, back to none, to what a pause says. All between is the autoscaler's. Pure. */
import { PAUSED_REPLICAS, PAUSED_SCALE_IN, PAUSED_SCALE_OUT, type ScaledObject } from '../../api/keda/scaled-object.ts';
import { isMarked } from '../../api/keda/triggers.ts';

const DEFAULT_COOLDOWN_SECONDS = 300;

export interface Situation {
  replicas: number;
  /** Whether a trigger is active. */
  active: boolean;
  /** Whether all triggers could be read. */
  complete: boolean;
  nowMs: number;
}

/** A time so far ahead is of a clock that was wrong and was set back. */
const AHEAD_MS = 600_000;

/** Whether so many replicas are kept only since a trigger was active a moment ago. */
export function isCoolingDown(object: ScaledObject, { replicas, active, complete, nowMs }: Situation): boolean {
  const { minReplicaCount: least = 0, idleReplicaCount: idle } = object.spec;
  const above = idle === undefined ? least === 0 && replicas > 0 : replicas > idle;
  return !active && complete && above && !isMarked(object.metadata.annotations, PAUSED_SCALE_IN) && !isCooledDown(object, nowMs);
}

function isCooledDown({ metadata, spec, status }: ScaledObject, nowMs: number): boolean {
  const sinceMs = status?.lastActiveTime === undefined ? Date.parse(metadata.creationTimestamp ?? '') + (spec.initialCooldownPeriod ?? 0) * 1_000 : Date.parse(status.lastActiveTime) + (spec.cooldownPeriod ?? DEFAULT_COOLDOWN_SECONDS) * 1_000;
  return nowMs >= sinceMs || Date.parse(status?.lastActiveTime ?? metadata.creationTimestamp ?? '') - nowMs > AHEAD_MS;
}

/** The replicas to set, and why; undefined to leave them. */
export function decideScale(object: ScaledObject, { replicas, active, complete, nowMs }: Situation): { replicas: number; reason: string } | undefined {
  const { metadata, spec } = object;
  const paused = metadata.annotations?.[PAUSED_REPLICAS];
  if (paused !== undefined) return Number(paused) === replicas ? undefined : { replicas: Number(paused), reason: `paused at ${paused} replicas` };
  const { minReplicaCount: least = 0, idleReplicaCount: idle } = spec;
  const mayRise = !isMarked(metadata.annotations, PAUSED_SCALE_OUT);
  const mayFall = !isMarked(metadata.annotations, PAUSED_SCALE_IN);
  if (active) {
    const some = Math.max(1, least);
    const resting = replicas === 0 || idle !== undefined;
    return resting && replicas < some && mayRise ? { replicas: some, reason: 'a trigger is active' } : undefined;
  }
  // What cannot be read may be active: capacity is held.
  if (!complete) return undefined;
  const rest = idle ?? least;
  if (replicas < rest) return mayRise ? { replicas: rest, reason: 'fewer than the least' } : undefined;
  if (replicas === rest || !mayFall || (least > 0 && idle === undefined)) return undefined;
  return isCooledDown(object, nowMs) ? { replicas: rest, reason: 'no trigger has been active for the cooldown period' } : undefined;
}
