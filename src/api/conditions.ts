/** Conditions of a status (meta/v1 Condition; upstream: apimachinery, meta.SetStatusCondition). Pure. */

export interface Conditioned {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

/** The conditions with this one in the place of the one of its type, or at the end. The time of transition moves with the status alone; `now` is RFC 3339. */
export function withCondition<T extends Conditioned>(conditions: readonly T[], condition: Omit<T, 'lastTransitionTime'> & Pick<Conditioned, 'type' | 'status'>, now: string): T[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const next = { ...condition, lastTransitionTime: (before?.status === condition.status ? before.lastTransitionTime : undefined) ?? now } as unknown as T;
  return before === undefined ? [...conditions, next] : conditions.map((each) => (each === before ? next : each));
}
