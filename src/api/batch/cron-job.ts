/** CronJob (batch/v1). */
import type { CronJob as CronJobType, CronJobSpec } from '../generated/batch-v1.ts';
import { ageOf } from '../age.ts';
import { nonNegative } from '../apps/workload.ts';
import { AGE, column, containerColumns, NAME, showSelector } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { ownerNameWarnings, podWarnings } from '../core/pod-warnings.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { checkZone, parseSchedule } from './cron-schedule.ts';
import { jobSpecErrors } from './job-validation.ts';

export type CronJob = CronJobType;

export const CronJob: Kind<CronJob> = defineKind<CronJob>({
  group: 'batch', version: 'v1', kind: 'CronJob', plural: 'cronjobs', namespaced: true,
  shortNames: ['cj'], categories: ['all'],
  schema: () => schemaOf('batch', 'v1', 'CronJob'),
  rules: {
    defaults: defaultCronJob,
    prepareForCreate(cronJob) {
      cronJob.status = {};
    },
    validate: cronJobErrors,
    warnings: ({ metadata, spec }, old) => [...ownerNameWarnings(metadata, old), ...podWarnings(spec?.jobTemplate?.spec?.template, 'spec.jobTemplate.spec.template')],
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Schedule', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', ({ spec }) => spec?.timeZone ?? '<none>'),
    column('Suspend', ({ spec }) => (spec?.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False')),
    column('Active', ({ status }) => status?.active?.length ?? 0, { type: 'integer' }),
    column('Last Schedule', ({ status }, nowMs) => (status?.lastScheduleTime ? ageOf(status.lastScheduleTime, nowMs) : '<none>')),
    AGE,
    ...containerColumns<CronJob>(({ spec }) => spec?.jobTemplate?.spec?.template),
    column('Selector', ({ spec }) => showSelector(spec?.jobTemplate?.spec?.selector), { wide: true }),
  ],
});

function defaultCronJob({ spec }: CronJob): void {
  if (spec === undefined) return;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  const template = spec.jobTemplate?.spec?.template;
  if (template !== undefined) defaultPodTemplate(template);
}

/** The suffix of the names of its jobs has eleven characters, and they must fit a label. */
const LONGEST_NAME = 52;

function cronJobErrors({ spec, metadata }: CronJob, old: CronJob | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.schedule')];
  const errors = [...scheduleErrors(spec, old?.spec), ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds)];
  if (old === undefined || spec.timeZone !== old.spec?.timeZone) errors.push(...timeZoneErrors(spec.timeZone));
  const policies = ['Allow', 'Forbid', 'Replace'];
  if (!policies.includes(spec.concurrencyPolicy ?? '')) errors.push(notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy ?? '', policies));
  errors.push(...templateErrors(spec, old?.spec));
  errors.push(...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit), ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit));
  if (old === undefined && (metadata.name?.length ?? 0) > LONGEST_NAME) errors.push(invalid('metadata.name', metadata.name, `must be no more than ${LONGEST_NAME} characters`));
  return errors;
}

function scheduleErrors({ schedule, timeZone }: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  if (!schedule) return [required('spec.schedule')];
  const errors: FieldError[] = [];
  try {
    parseSchedule(schedule, 'UTC');
  } catch (error) {
    errors.push(invalid('spec.schedule', schedule, (error as Error).message));
  }
  if (!schedule.includes('TZ')) return errors;
  const wasAllowed = old?.schedule?.includes('TZ') === true;
  if (!wasAllowed) errors.push(invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  else if (timeZone !== undefined) errors.push(invalid('spec.schedule', schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'));
  return errors;
}

function timeZoneErrors(timeZone: string | undefined): FieldError[] {
  const path = 'spec.timeZone';
  if (timeZone === undefined) return [];
  if (timeZone === '') return [invalid(path, timeZone, 'timeZone must be nil or non-empty string')];
  const isOdd = timeZone.split('/').some((part) => part === '.' || part === '..' || part.startsWith('-') || !/^[A-Za-z.\-_0-9+]{1,14}$/.test(part));
  if (isOdd) return [invalid(path, timeZone, `unknown time zone ${timeZone}`)];
  if (timeZone.toLowerCase() === 'local') return [invalid(path, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  try {
    checkZone(timeZone);
    return [];
  } catch (error) {
    return [invalid(path, timeZone, (error as Error).message)];
  }
}

function templateErrors({ jobTemplate }: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  const spec = jobTemplate?.spec;
  const path = 'spec.jobTemplate.spec';
  if (spec === undefined) return [required(`${path}.template`)];
  const errors = jobSpecErrors(spec, path, { judgeTemplate: !equalJson(spec.template, old?.jobTemplate?.spec?.template) });
  if (spec.selector !== undefined) errors.push(invalid(`${path}.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector === true) errors.push(notSupported(`${path}.manualSelector`, true, ['nil', 'false']));
  return errors;
}
