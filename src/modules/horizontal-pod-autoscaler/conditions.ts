/** The conditions of an autoscaler: AbleToScale, ScalingActive, ScalingLimited. */
import type { HorizontalPodAutoscalerCondition } from '../../api/generated/autoscaling-v2.ts';
import { rfc3339 } from '../../base/clock.ts';

export interface Conditions {
  set(type: string, status: 'True' | 'False', reason: string, message: string): void;
  list(): HorizontalPodAutoscalerCondition[];
}

/** The time of transition changes with the status alone. */
export function createConditions(old: readonly HorizontalPodAutoscalerCondition[], nowMs: number): Conditions {
  const conditions = old.map((each) => ({ ...each }));
  return {
    set(type, status, reason, message) {
      const found = conditions.find((each) => each.type === type);
      if (found === undefined) conditions.push({ type, status, lastTransitionTime: rfc3339(nowMs), reason, message });
      else Object.assign(found, { reason, message }, found.status !== status && { status, lastTransitionTime: rfc3339(nowMs) });
    },
    list: () => conditions,
  };
}
