import type { HorizontalPodAutoscalerBehavior, HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';
import { quantityMillis } from '../../api/quantity.ts';
import type { Tolerance } from './desired.ts';

/** `modules.horizontal-pod-autoscaler` and `modules.predictive-autoscaler` of the configuration, in the names and defaults of kube-controller-manager's flags. */
export interface Settings {
  /** How often every autoscaler is looked at. */
  syncPeriodSeconds: number;
  /** How far a ratio may be from 1 without a change. */
  tolerance: number;
  /** Scaling down waits for so long that nothing asks for more. */
  downscaleStabilizationSeconds: number;
  cpuInitializationMs: number;
  initialReadinessMs: number;
}

const DEFAULTS = { syncPeriodSeconds: 15, tolerance: 0.1, downscaleStabilizationSeconds: 300, cpuInitializationPeriodSeconds: 300, initialReadinessDelaySeconds: 30 };

/** Throws an Error that names the key that is wrong. */
export function settingsOf(config: Readonly<Record<string, unknown>>, name = 'horizontal-pod-autoscaler'): Settings {
  const values = { ...DEFAULTS };
  for (const [key, value] of Object.entries(config)) {
    if (key === 'enabled') continue;
    if (!Object.hasOwn(DEFAULTS, key)) throw new Error(`modules.${name}.${key} is no setting; there are ${Object.keys(DEFAULTS).join(', ')}`);
    if (typeof value !== 'number' || !(value >= 0) || !Number.isFinite(value)) throw new Error(`modules.${name}.${key} must be a number that is not negative`);
    values[key as keyof typeof DEFAULTS] = value;
  }
  if (values.syncPeriodSeconds < 1) throw new Error(`modules.${name}.syncPeriodSeconds must be at least 1`);
  const { cpuInitializationPeriodSeconds, initialReadinessDelaySeconds, ...same } = values;
  return { ...same, cpuInitializationMs: cpuInitializationPeriodSeconds * 1_000, initialReadinessMs: initialReadinessDelaySeconds * 1_000 };
}

/** Of each direction: what its behaviour says, else what the settings say. */
export function toleranceOf(behavior: HorizontalPodAutoscalerBehavior | undefined, { tolerance }: Pick<Settings, 'tolerance'>): Tolerance {
  const of = (rules: HPAScalingRules | undefined): number => (rules?.tolerance === undefined ? tolerance : quantityMillis(rules.tolerance) / 1_000);
  return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
}
