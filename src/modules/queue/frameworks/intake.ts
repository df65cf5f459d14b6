/** Jobs of other operators are suspended from their first moment on, as Jobs are. Source: Kueue, their webhooks. */
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { FieldError } from '../../../api/field-error.ts';
import type { Admission } from '../../../sdk/index.ts';
import { suspending } from '../intake.ts';
import { queueErrors } from '../job-rules.ts';
import { queueNameOf } from '../owner.ts';
import { at, withAt } from './fields.ts';
import type { Framework } from './framework.ts';
import { FRAMEWORKS } from './table.ts';

export const queuedFrameworks: readonly Admission[] = FRAMEWORKS.map((framework) => suspending(framework.kind, `queued-${framework.kind.plural}`, {
  suspend: (job) => void (job.spec = withAt(job, framework.suspend, true).spec!),
  isOurs: (job) => framework.isOurs?.(job) !== false,
  errorsOf: (job, old) => errorsOf(framework, job, old),
}));

function errorsOf(framework: Framework, job: ForeignObject, old: ForeignObject | undefined): FieldError[] {
  const isSuspended = (each: ForeignObject): boolean => at(each, framework.suspend) === true;
  return [...queueErrors(job, old, isSuspended), ...(queueNameOf(job) === undefined ? [] : (framework.errorsOf?.(job) ?? []))];
}
