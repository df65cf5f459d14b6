/** Job (batch/v1). */
import type { Job as JobType } from '../generated/batch-v1.ts';
import { humanDuration } from '../age.ts';
import { AGE, column, containerColumns, NAME, showSelector } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { ownerNameWarnings, podWarnings } from '../core/pod-warnings.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { JOB_LABELS } from './job-labels.ts';
import { jobErrors } from './job-validation.ts';
import { isJobCondition, jobStatusErrors } from './job-status-validation.ts';

export type Job = JobType;

const MAX_INT32 = 2_147_483_647;

export const Job: Kind<Job> = defineKind<Job>({
  group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true, categories: ['all'],
  schema: () => schemaOf('batch', 'v1', 'Job'),
  rules: {
    defaults: defaultJob,
    prepareForCreate(job) {
      job.status = {};
      if (job.spec?.manualSelector !== true) generateSelector(job);
    },
    validate: jobErrors,
    validateStatus: jobStatusErrors,
    warnings: ({ metadata, spec }, old) => [...ownerNameWarnings(metadata, old), ...podWarnings(spec?.template, 'spec.template')],
    orphansDependents: true,
    deleteWarning: 'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Status', showStatus),
    column('Completions', showCompletions),
    column('Duration', showDuration),
    AGE,
    ...containerColumns<Job>(({ spec }) => spec?.template),
    column('Selector', ({ spec }) => showSelector(spec?.selector), { wide: true }),
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
});

function defaultJob(job: Job): void {
  const spec = job.spec;
  if (spec === undefined) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...labels };
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

/** Pods carry the name and uid of their job, and the uid selects them. */
function generateSelector({ spec, metadata }: Job): void {
  if (spec?.template === undefined) return;
  const labels = ((spec.template.metadata ??= {}).labels ??= {});
  for (const key of JOB_LABELS.name) labels[key] ??= metadata.name ?? '';
  for (const key of JOB_LABELS.uid) labels[key] ??= metadata.uid ?? '';
  ((spec.selector ??= {}).matchLabels ??= {})[JOB_LABELS.uid[1]] ??= metadata.uid ?? '';
}

function showStatus(job: Job): string {
  const has = (type: string): boolean => isJobCondition(job, type);
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function showCompletions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return (spec?.parallelism ?? 0) > 1 ? `${succeeded}/1 of ${spec?.parallelism}` : `${succeeded}/1`;
}

function showDuration({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return '';
  const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return humanDuration(endMs - Date.parse(status.startTime));
}
