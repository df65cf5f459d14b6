/** What the status of a Job must be like, in upstream's words (batch/v1 validation, the checks of status updates). */
import type { Job } from '../generated/batch-v1.ts';
import { nonNegative } from '../apps/workload.ts';
import { duplicate, invalid, invalidUnshown, required, type FieldError } from '../field-error.ts';
import { checkIndexes } from './indexes.ts';

export function isJobCondition(job: Pick<Job, 'status'>, type: string): boolean {
  return job.status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

/** Complete or Failed: nothing will change any more. */
export function isJobFinished(job: Pick<Job, 'status'>): boolean {
  return isJobCondition(job, 'Complete') || isJobCondition(job, 'Failed');
}

export function jobStatusErrors(job: Job, old: Job): FieldError[] {
  const { status = {}, spec } = job;
  const errors: FieldError[] = [];
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) errors.push(...nonNegative(`status.${field}`, status[field]));
  errors.push(...uncountedErrors(status), ...conditionErrors(job, old));
  if (isJobFinished(job) && !isJobFinished(old)) errors.push(...finishErrors(job));
  if (status.completionTime && !isJobCondition(job, 'Complete')) errors.push(invalid('status.completionTime', status.completionTime, 'cannot set completionTime when there is no Complete=True condition'));
  if (status.completionTime && old.status?.completionTime && status.completionTime !== old.status.completionTime) errors.push(invalid('status.completionTime', status.completionTime, 'field is immutable'));
  for (const field of ['completedIndexes', 'failedIndexes'] as const) {
    const text = status[field];
    if (text === undefined || text === old.status?.[field] || spec?.completions === undefined) continue;
    const checked = checkIndexes(text, spec.completions);
    if ('error' in checked) errors.push(invalid(`status.${field}`, text, `error parsing ${field}: ${checked.error}`));
  }
  if (status.completedIndexes && spec?.completionMode !== 'Indexed') errors.push(invalid('status.completedIndexes', status.completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'));
  if (status.failedIndexes !== undefined && spec?.backoffLimitPerIndex === undefined) errors.push(invalid('status.failedIndexes', status.failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'));
  for (const field of ['failed', 'succeeded'] as const) {
    if (field === 'succeeded' && spec?.completionMode === 'Indexed') continue;
    if ((status[field] ?? 0) < (old.status?.[field] ?? 0)) errors.push(invalid(`status.${field}`, status[field] ?? 0, `cannot decrease the ${field} counter`));
  }
  if ((status.ready ?? 0) > (status.active ?? 0) && status.ready !== old.status?.ready) errors.push(invalid('status.ready', status.ready, 'cannot set more ready pods than active'));
  return errors;
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

function conditionErrors(job: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  const is = (type: string): boolean => isJobCondition(job, type);
  const wrong = (detail: string): void => void errors.push(invalidUnshown('status.conditions', detail));
  if (is('Complete') && is('Failed')) wrong('cannot set Complete=True and Failed=true conditions');
  if (is('Complete') && is('FailureTarget')) wrong('cannot set Complete=True and FailureTarget=true conditions');
  if (is('SuccessCriteriaMet') && is('Failed')) wrong('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (is('SuccessCriteriaMet') && is('FailureTarget')) wrong('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  for (const type of ['Failed', 'Complete', 'FailureTarget', 'SuccessCriteriaMet']) {
    if (isJobCondition(old, type) && !is(type)) wrong(`cannot disable the ${type === 'SuccessCriteriaMet' ? '' : 'terminal '}${type}=True condition`);
  }
  return errors;
}

function finishErrors(job: Job): FieldError[] {
  const { status = {} } = job;
  const errors: FieldError[] = [];
  const complete = isJobCondition(job, 'Complete');
  if (complete && !status.completionTime) errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  if (status.startTime && status.completionTime && Date.parse(status.completionTime) < Date.parse(status.startTime)) errors.push(invalid('status.completionTime', status.completionTime, 'must be equal to or after `startTime`'));
  if (!complete && !isJobCondition(job, 'FailureTarget')) errors.push(invalidUnshown('status.conditions', 'cannot set Failed=True condition without the FailureTarget=true condition'));
  if (complete && !isJobCondition(job, 'SuccessCriteriaMet')) errors.push(invalidUnshown('status.conditions', 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'));
  if ((status.active ?? 0) > 0) errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'));
  if (!status.startTime) errors.push(required('status.startTime', 'startTime is required for finished job'));
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0) errors.push(invalid('status.uncountedTerminatedPods', status.uncountedTerminatedPods, 'must be empty for finished job'));
  if ((status.terminating ?? 0) > 0) errors.push(invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job'));
  return errors;
}
