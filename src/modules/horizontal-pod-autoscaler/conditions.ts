/** The conditions of an autoscaler: AbleToScale, ScalingActive, ScalingLimited. */
import { withCondition } from '../../api/conditions.ts';
import type { HorizontalPodAutoscalerCondition } from '../../api/generated/autoscaling-v2.ts';
import { rfc3339 } from '../../base/clock.ts';

export interface Conditions {
  set(type: string, status: 'True' | 'False', reason: string, message: string): void;
  list(): HorizontalPodAutoscalerCondition[];
}

/** The time of transition changes with the status alone. */
export function createConditions(old: readonly HorizontalPodAutoscalerCondition[], nowMs: number): Conditions {
  let conditions = [...old];
  return {
    set(type, status, reason, message) {
      conditions = withCondition(conditions, { type, status, reason, message }, rfc3339(nowMs));
    },
    list: () => conditions,
  };
}
