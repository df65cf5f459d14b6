/** The HorizontalPodAutoscaler that a PredictiveAutoscaler has as its floor: what one with the same spec would be. Pure. */
import { SCALE_DOWN, SCALE_UP } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { PredictiveAutoscalerSpec } from '../../../api/autoscaling/predictive-autoscaler.ts';
import type { HPAScalingRules, MetricSpec } from '../../../api/generated/autoscaling-v2.ts';
import { toleranceOf, type Settings } from '../settings.ts';
import type { PredictiveOptions } from './predictive.ts';

export type Floor = NonNullable<PredictiveOptions['floor']>;

export function floorOf(metric: MetricSpec, { minReplicas = 1, maxReplicas, behavior }: PredictiveAutoscalerSpec, settings: Settings): Floor {
  const [up, down] = [behavior?.scaleUp ?? SCALE_UP, behavior?.scaleDown ?? SCALE_DOWN];
  const downWindowSeconds = settings.downscaleStabilizationSeconds;
  return {
    by: (metric.object ?? metric.external)?.target.type === 'AverageValue' ? 'AverageValue' : 'Value',
    ...(metric.type !== 'Resource' && metric.type !== 'ContainerResource' && { shownAtMost: Infinity }),
    tolerance: toleranceOf(behavior, settings),
    limits: { least: Math.max(1, minReplicas), most: maxReplicas, up, down, downWindowSeconds, memoryMs: 1_000 * Math.max(downWindowSeconds, longest(up), longest(down)) },
  };
}

/** How far back its rules look, in seconds. */
function longest({ stabilizationWindowSeconds = 0, policies = [] }: HPAScalingRules): number {
  return Math.max(stabilizationWindowSeconds, ...policies.map(({ periodSeconds }) => periodSeconds));
}
