/** What ScaledObject and ScaledJob share: triggers and conditions (keda.sh/v1alpha1). Source: kedacore/keda, apis/keda/v1alpha1. */
import { invalid, type FieldError } from '../field-error.ts';
import { flag, int32, listByKey, oneOf, struct, text, textMap, time } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

export const GROUP = 'keda.sh';
export const VERSION = 'v1alpha1';

export interface TriggerSpec {
  type: string;
  name?: string;
  metadata: Record<string, string>;
  authenticationRef?: { name: string; kind?: 'TriggerAuthentication' | 'ClusterTriggerAuthentication' };
  metricType?: 'AverageValue' | 'Value' | 'Utilization';
  useCachedMetrics?: boolean;
}

export interface KedaCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export const triggers: Schema = {
  type: 'array', minItems: 1,
  items: struct({
    type: text, name: text, metadata: textMap, authenticationRef: struct({ name: text, kind: text }, ['name']), metricType: oneOf(['AverageValue', 'Value', 'Utilization']), useCachedMetrics: flag,
  }, ['metadata', 'type']),
};

export const kedaConditions: Schema = listByKey(struct({ type: text, status: text, reason: text, message: text, lastTransitionTime: time }, ['status', 'type']), 'type');
export const replicas: Schema = { ...int32, minimum: 0 };

/** The words are upstream's (ValidateTriggers). */
export function triggerErrors(all: readonly TriggerSpec[]): FieldError[] {
  return all.flatMap(({ type, name, useCachedMetrics }, index) => [
    ...(useCachedMetrics === true && ['cpu', 'memory', 'cron'].includes(type) ? [invalid(`spec.triggers[${index}].useCachedMetrics`, true, `property "useCachedMetrics" is not supported for ${JSON.stringify(type)} scaler`)] : []),
    ...(name !== undefined && name !== '' && all.slice(0, index).some((each) => each.name === name) ? [invalid(`spec.triggers[${index}].name`, name, `triggerName ${JSON.stringify(name)} is defined multiple times in the ScaledObject, but it must be unique`)] : []),
  ]);
}

/** The status of a condition, for a column. */
export function conditionStatus(conditions: readonly KedaCondition[] | undefined, type: string): string {
  return conditions?.find((each) => each.type === type)?.status ?? '';
}

/** `paused: "false"` is not paused; a value that is no boolean is meant as true. */
export function isMarked(annotations: Readonly<Record<string, string>> | undefined, name: string): boolean {
  const value = annotations?.[name];
  return value !== undefined && !['false', 'False', 'FALSE', 'f', 'F', '0'].includes(value);
}
