/** What a metric is taken for when it cannot be read: so much that the replicas of the fallback follow (KEDA: fallback). Pure. */
import type { ScaledObjectSpec } from '../../api/keda/scaled-object.ts';
import type { Source } from './sources.ts';

/** Of the target: how many there should be, and how many are ready. */
export interface Replicas { replicas: number; ready: number }

/** The value; undefined when it is not known and there is no fallback for it: the autoscaler then holds what there is. */
export function valueOf({ reading, failures, target, type }: Source, fallback: ScaledObjectSpec['fallback'], { replicas, ready }: Replicas): number | undefined {
  if (failures === 0) return reading?.value;
  if (fallback === undefined || !inFallback({ failures }, fallback)) return undefined;
  const wanted = fallbackReplicas(fallback, replicas) * target;
  if (type === 'AverageValue') return wanted;
  // An autoscaler multiplies those that are ready by how far the value is from its target.
  return ready > 0 ? wanted / ready : undefined;
}

export function inFallback({ failures }: Pick<Source, 'failures'>, fallback: ScaledObjectSpec['fallback']): boolean {
  return fallback !== undefined && fallback.behavior !== 'triggerScoped' && failures > fallback.failureThreshold;
}

/** Of `triggerScoped` there are no replicas of a fallback: the formula is told that this trigger is `nil`. */
export function isNil({ failures }: Pick<Source, 'failures'>, fallback: ScaledObjectSpec['fallback']): boolean {
  return fallback?.behavior === 'triggerScoped' && failures > fallback.failureThreshold;
}

export function fallbackReplicas({ replicas: given, behavior = 'static' }: NonNullable<ScaledObjectSpec['fallback']>, current: number): number {
  switch (behavior) {
    case 'currentReplicas': return current;
    case 'currentReplicasIfHigher': return Math.max(current, given);
    case 'currentReplicasIfLower': return Math.min(current, given);
    default: return given;
  }
}
