/** What a metric is taken for when it cannot be read: so much that the replicas of the fallback follow (KEDA: fallback). Pure. */
import type { ScaledObjectSpec } from '../../api/keda/scaled-object.ts';
import type { Source } from './sources.ts';

/** The value; undefined when it is not known and there is no fallback for it: the autoscaler then holds what there is. */
export function valueOf({ reading, failures, target, type }: Source, fallback: ScaledObjectSpec['fallback'], replicas: number): number | undefined {
  if (failures === 0) return reading?.value;
  if (fallback === undefined || failures <= fallback.failureThreshold) return undefined;
  if (type !== 'AverageValue') return undefined;
  return fallbackReplicas(fallback, replicas) * target;
}

export function inFallback({ failures, type }: Source, fallback: ScaledObjectSpec['fallback']): boolean {
  return fallback !== undefined && failures > fallback.failureThreshold && type === 'AverageValue';
}

export function fallbackReplicas({ replicas: given, behavior = 'static' }: NonNullable<ScaledObjectSpec['fallback']>, current: number): number {
  switch (behavior) {
    case 'currentReplicas': return current;
    case 'currentReplicasIfHigher': return Math.max(current, given);
    case 'currentReplicasIfLower': return Math.min(current, given);
    default: return given;
  }
}
