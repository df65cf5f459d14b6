/** Jobs of other operators are suspended from their first moment on, as Jobs are. Source: Kueue, their webhooks. */
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { FieldError } from '../../../api/field-error.ts';
import type { Admission, Caches } from '../../../sdk/index.ts';
import { suspending } from '../intake.ts';
import { groupingErrors, queueErrors, topologyErrors, type Grouped } from '../job-rules.ts';
import { queueNameOf } from '../owner.ts';
import { at, fieldOf, withAt } from './fields.ts';
import type { Framework } from './framework.ts';
import { FRAMEWORKS } from './table.ts';

/** Of kinds that read nothing beside their jobs. */
const NONE: Caches = { of: (kind) => { throw new Error(`${kind.kind} is not read here`); } };

export const queuedFrameworks: readonly Admission[] = FRAMEWORKS.map((framework) => suspending(framework.kind, `queued-${framework.kind.plural}`, {
  suspend: (job) => void (job.spec = withAt(job, framework.suspend, true).spec!),
  isOurs: (job) => framework.isOurs?.(job) !== false,
  errorsOf: (job, old) => errorsOf(framework, job, old),
}));

function errorsOf(framework: Framework, job: ForeignObject, old: ForeignObject | undefined): FieldError[] {
  const isSuspended = (each: ForeignObject): boolean => at(each, framework.suspend) === true;
  const errors = queueErrors(job, old, isSuspended);
  if (queueNameOf(job) === undefined) return errors;
  const own = [...errors, ...(framework.errorsOf?.(job) ?? [])];
  if (own.length > 0 || framework.isOurs?.(job) === false) return own;
  // Templates that others keep are judged where they are written.
  const places = (framework.reads ?? []).length > 0 ? [] : framework.placesOf(job, NONE);
  const sets = places.map(({ path, name, template, count }): Grouped => ({ annotations: template.metadata?.annotations, path: path === undefined ? `podSets[${name}].template.metadata.annotations` : `${fieldOf(path)}.metadata.annotations`, count }));
  return [...sets.flatMap(({ annotations, path, count }) => topologyErrors(annotations, path, count)), ...groupingErrors(sets)];
}
