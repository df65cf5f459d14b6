/** Conditions of a Deployment, by upstream's rules of when their times move. Pure. */
import type { DeploymentCondition } from '../../../api/generated/apps-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';

export function conditionOf(conditions: readonly DeploymentCondition[] | undefined, type: string): DeploymentCondition | undefined {
  return conditions?.find((each) => each.type === type);
}

export function condition(type: string, status: 'True' | 'False' | 'Unknown', reason: string, message: string, nowMs: number): DeploymentCondition {
  const time = rfc3339(nowMs);
  return { type, status, lastUpdateTime: time, lastTransitionTime: time, reason, message };
}

/** Keeps the old one when status and reason are the same; keeps the transition time when only the reason changed. */
export function withCondition(conditions: readonly DeploymentCondition[], added: DeploymentCondition): DeploymentCondition[] {
  const current = conditionOf(conditions, added.type);
  if (current?.status === added.status && current.reason === added.reason) return [...conditions];
  const kept = current?.status === added.status ? { ...added, lastTransitionTime: current.lastTransitionTime } : added;
  return [...withoutCondition(conditions, added.type), kept];
}

export function withoutCondition(conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] {
  return conditions.filter((each) => each.type !== type);
}
