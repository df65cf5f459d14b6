/**
 * What the status of a Job must be like, in upstream's words (batch/v1 validation, the checks of status updates). Most rules are asked only of what the update
 * changes, so that a status which is wrong already does not refuse what has nothing to do with it (upstream: getStatusValidationOptions).
 */
import type { Job } from '../generated/batch-v1.ts';
import { nonNegative } from '../apps/workload.ts';
import { duplicate, invalid, invalidUnshown, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import type { Json } from '../meta.ts';
import { checkIndexes, parseIndexes } from './indexes.ts';

export function isJobCondition(job: Pick<Job, 'status'>, type: string): boolean {
  return job.status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

/** Complete or Failed: nothing will change any more. */
export function isJobFinished(job: Pick<Job, 'status'>): boolean {
  return isJobCondition(job, 'Complete') || isJobCondition(job, 'Failed');
}

export function jobStatusErrors(job: Job, old: Job): FieldError[] {
  const { status = {} } = job;
  const errors: FieldError[] = [];
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) errors.push(...nonNegative(`status.${field}`, status[field]));
  const change = changeOf(job, old);
  return [...errors, ...uncountedErrors(status), ...finishErrors(job, change), ...indexErrors(job, change), ...criteriaErrors(job), ...transitionErrors(job, old)];
}

/** Whether a field of the status changes, or a condition comes to be true or ceases to be. */
interface Change {
  field(...names: (keyof NonNullable<Job['status']>)[]): boolean;
  condition(...types: string[]): boolean;
}

function changeOf(job: Job, old: Job): Change {
  return {
    field: (...names) => names.some((name) => !equalJson((job.status?.[name] || null) as Json, (old.status?.[name] || null) as Json)),
    condition: (...types) => types.some((type) => isJobCondition(job, type) !== isJobCondition(old, type)),
  };
}

function uncountedErrors({ uncountedTerminatedPods }: NonNullable<Job['status']>): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [index, uid] of (uncountedTerminatedPods?.[list] ?? []).entries()) {
      const path = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') errors.push(invalid(path, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(path, uid));
      seen.add(uid);
    }
  }
  return errors;
}

/** How a job may end. */
function finishErrors(job: Job, { field, condition }: Change): FieldError[] {
  const { status = {}, spec } = job;
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => void errors.push(invalidUnshown('status.conditions', detail));
  const is = (type: string): boolean => isJobCondition(job, type);
  const [complete, failed, finished] = [is('Complete'), is('Failed'), isJobFinished(job)];
  const finishes = condition('Complete', 'Failed');
  if (condition('Complete', 'Failed') && complete && failed) wrong('cannot set Complete=True and Failed=true conditions');
  if (condition('Complete', 'FailureTarget') && complete && is('FailureTarget')) wrong('cannot set Complete=True and FailureTarget=true conditions');
  if (condition('Complete') || field('completionTime')) {
    if (status.completionTime && !complete) errors.push(invalid('status.completionTime', status.completionTime, 'cannot set completionTime when there is no Complete=True condition'));
    if (!status.completionTime && complete) errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  }
  if (field('startTime', 'completionTime') && status.startTime && status.completionTime && Date.parse(status.completionTime) < Date.parse(status.startTime)) errors.push(invalid('status.completionTime', status.completionTime, 'completionTime cannot be set before startTime'));
  if (condition('Failed', 'FailureTarget') && failed && !is('FailureTarget')) wrong('cannot set Failed=True condition without the FailureTarget=true condition');
  if (condition('Complete', 'SuccessCriteriaMet') && complete && !is('SuccessCriteriaMet')) wrong('cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  if (!finished) return errors;
  if ((finishes || field('active')) && (status.active ?? 0) > 0) errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'));
  // Nothing was asked of it, so it ends without ever having started.
  const hasNothingToDo = spec?.suspend === true && spec.completions === 0;
  if ((finishes || field('startTime')) && !status.startTime && !hasNothingToDo) errors.push(required('status.startTime', 'startTime is required for finished job'));
  const { succeeded = [], failed: uncountedFailed = [] } = status.uncountedTerminatedPods ?? {};
  if ((finishes || field('uncountedTerminatedPods')) && succeeded.length + uncountedFailed.length > 0) errors.push(invalid('status.uncountedTerminatedPods', status.uncountedTerminatedPods, 'uncountedTerminatedPods needs to be empty for finished job'));
  if ((finishes || field('terminating')) && (status.terminating ?? 0) > 0) errors.push(invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job'));
  return errors;
}

function indexErrors({ spec, status = {} }: Job, { field }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const { completions, backoffLimitPerIndex } = spec ?? {};
  for (const name of ['completedIndexes', 'failedIndexes'] as const) {
    const text = status[name];
    if (!field(name) || text === undefined || completions === undefined || (name === 'failedIndexes' && backoffLimitPerIndex === undefined)) continue;
    const checked = checkIndexes(text, completions);
    if ('error' in checked) errors.push(invalid(`status.${name}`, text, `error parsing ${name}: ${checked.error}`));
  }
  if (field('completedIndexes') && status.completedIndexes && spec?.completionMode !== 'Indexed') errors.push(invalid('status.completedIndexes', status.completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'));
  if (field('failedIndexes') && status.failedIndexes !== undefined && backoffLimitPerIndex === undefined) errors.push(invalid('status.failedIndexes', status.failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'));
  const common = completions === undefined || !field('failedIndexes', 'completedIndexes') ? undefined : firstCommon(status.completedIndexes, status.failedIndexes, completions);
  if (common !== undefined) errors.push(invalid('status.failedIndexes', status.failedIndexes, `failedIndexes and completedIndexes overlap at index: ${common}`));
  if (field('ready', 'active') && (status.ready ?? 0) > (status.active ?? 0)) errors.push(invalid('status.ready', status.ready, 'cannot set more ready pods than active'));
  return errors;
}

function firstCommon(left: string | undefined, right: string | undefined, completions: number): number | undefined {
  for (const [first, last] of parseIndexes(left, completions)) {
    for (const [from, to] of parseIndexes(right, completions)) if (Math.max(first, from) <= Math.min(last, to)) return Math.max(first, from);
  }
  return undefined;
}

function criteriaErrors(job: Job): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => void errors.push(invalidUnshown('status.conditions', detail));
  if (!isJobCondition(job, 'SuccessCriteriaMet')) {
    if (job.spec?.successPolicy !== undefined && isJobCondition(job, 'Complete')) wrong('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
    return errors;
  }
  if (isJobCondition(job, 'Failed')) wrong('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (isJobCondition(job, 'FailureTarget')) wrong('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  return errors;
}

/** What may not be taken back. */
function transitionErrors(job: Job, old: Job): FieldError[] {
  const { status = {}, spec } = job;
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => void errors.push(invalidUnshown('status.conditions', detail));
  const ceases = (type: string): boolean => isJobCondition(old, type) && !isJobCondition(job, type);
  for (const type of ['Failed', 'Complete', 'FailureTarget']) if (ceases(type)) wrong(`cannot disable the terminal ${type}=True condition`);
  const mayShrink = spec?.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  for (const field of ['failed', 'succeeded'] as const) {
    if (field === 'succeeded' && mayShrink) continue;
    if ((status[field] ?? 0) < (old.status?.[field] ?? 0)) errors.push(invalid(`status.${field}`, status[field] ?? 0, `cannot decrease the ${field} counter`));
  }
  if (status.completionTime && old.status?.completionTime && status.completionTime !== old.status.completionTime) errors.push(invalid('status.completionTime', status.completionTime, 'completionTime cannot be mutated'));
  // A job that is resumed starts anew.
  if (old.status?.startTime && status.startTime !== old.status.startTime && spec?.suspend !== true && !ceases('Suspended')) errors.push(invalid('status.startTime', status.startTime ?? null, 'field is immutable for unsuspended job once set'));
  if (ceases('SuccessCriteriaMet')) wrong('cannot disable the SuccessCriteriaMet=True condition');
  if (isJobCondition(old, 'Complete') && !isJobCondition(old, 'SuccessCriteriaMet') && isJobCondition(job, 'SuccessCriteriaMet')) wrong('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  return errors;
}
