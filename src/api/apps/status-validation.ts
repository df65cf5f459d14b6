/** What the status of a workload may count, in upstream's words (apps/validation: ValidateDeploymentStatus and its like). */
import { invalid, type FieldError } from '../field-error.ts';
import { nonNegative } from './workload.ts';

type Counts = Readonly<Record<string, unknown>>;

/** `counts` are not negative; those of `within` are not more than there are replicas, and what is available is ready. */
export function countErrors(status: object | undefined, counts: readonly string[], within: readonly string[] = []): FieldError[] {
  const all = (status ?? {}) as Counts;
  const count = (field: string): number => (typeof all[field] === 'number' ? all[field] : 0);
  const errors = [...counts, ...within].flatMap((field) => nonNegative(`status.${field}`, all[field] as number | undefined));
  for (const field of within) if (count(field) > count('replicas')) errors.push(invalid(`status.${field}`, count(field), 'cannot be greater than status.replicas'));
  if (within.includes('availableReplicas') && count('availableReplicas') > count('readyReplicas')) errors.push(invalid('status.availableReplicas', count('availableReplicas'), 'cannot be greater than readyReplicas'));
  return errors;
}

/** The count of names that were taken only rises. */
export function collisionErrors(status: { collisionCount?: number } | undefined, old: { collisionCount?: number } | undefined): FieldError[] {
  const [now, before] = [status?.collisionCount, old?.collisionCount];
  // None is as much as 0 here: who leaves zeros out takes nothing back.
  return (now ?? 0) < (before ?? 0) ? [invalid('status.collisionCount', now ?? null, 'cannot be decremented')] : [];
}
