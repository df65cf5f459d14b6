/** Labels, annotations and the finalizer by which jobs know their pods (batch/v1). */

/** Each in its old and its new spelling. */
export const JOB_LABELS = {
  name: ['job-name', 'batch.kubernetes.io/job-name'],
  uid: ['controller-uid', 'batch.kubernetes.io/controller-uid'],
} as const;

/** On a pod until its end has been counted. */
export const TRACKING = 'batch.kubernetes.io/job-tracking';
/** Label and annotation of the pods of Indexed jobs. */
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
/** How often the index failed before this pod, counted against backoffLimitPerIndex, and not. */
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';
export const INDEX_IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count';
/** When a CronJob wanted the job: RFC 3339 in the CronJob's time zone. */
export const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** spec.managedBy of jobs that are ours. */
export const JOB_CONTROLLER = 'kubernetes.io/job-controller';
