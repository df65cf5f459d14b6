/** What of the queue of a Job, or of a JobSet, may be written, and when. Pure. Source: Kueue, jobframework/validation.go. */
import type { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/types.ts';
import type { KubeObject } from '../../api/meta.ts';
import { forbidden, invalid, required, type FieldError } from '../../api/field-error.ts';
import { COMPLETIONS_EQUAL_PARALLELISM, ELASTIC, MAX_EXEC_TIME, MIN_PARALLELISM, PREBUILT, PREFERRED_TOPOLOGY, PRIORITY_CLASS, QUEUE_NAME, REQUIRED_TOPOLOGY, SLICE_SIZE, SLICE_TOPOLOGY, UNCONSTRAINED_TOPOLOGY } from '../../api/kueue/names.ts';
import { dns1123SubdomainErrors } from '../../api/names.ts';
import { asksToBeElastic, isTrue } from './asks.ts';

const TOPOLOGY_ANNOTATIONS = [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY, UNCONSTRAINED_TOPOLOGY];
const labelPath = (key: string): string => `metadata.labels[${key}]`;

/** `old`: what it was before an update. */
export function queuedJobErrors(job: Job, old?: Job): FieldError[] {
  const errors = [...queueErrors(job, old), ...topologyErrors(job.spec?.template?.metadata?.annotations, 'spec.template.metadata.annotations', podsCount(job))];
  errors.push(...elasticErrors(job), ...equalErrors(job));
  if (job.metadata.annotations?.[MIN_PARALLELISM] !== old?.metadata.annotations?.[MIN_PARALLELISM]) errors.push(...leastErrors(job));
  const isPartial = old?.metadata.annotations?.[MIN_PARALLELISM] !== undefined && old.spec?.suspend !== true;
  if (isPartial && (old.spec?.parallelism ?? 1) !== (job.spec?.parallelism ?? 1)) errors.push(forbidden('spec.parallelism', 'cannot change when partial admission is enabled and the job is not suspended'));
  return errors;
}

const annotationPath = (key: string): string => `metadata.annotations[${key}]`;
const podsCount = ({ spec }: Pick<Job, 'spec'>): number => Math.min(spec?.parallelism ?? 1, spec?.completions ?? Infinity);

/** Source: Kueue, the webhook of Jobs (validatePartialAdmissionCreate). */
function leastErrors(job: Job): FieldError[] {
  const text = job.metadata.annotations?.[MIN_PARALLELISM];
  if (text === undefined) return [];
  if (!/^[+-]?\d+$/.test(text)) return [invalid(annotationPath(MIN_PARALLELISM), text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)];
  return Number(text) >= podsCount(job) || Number(text) <= 0 ? [invalid(annotationPath(MIN_PARALLELISM), Number(text), `should be between 0 and ${podsCount(job) - 1}`)] : [];
}

/** Source: the same, validateSyncCompletionCreate. */
function equalErrors({ metadata, spec }: Job): FieldError[] {
  const text = metadata.annotations?.[COMPLETIONS_EQUAL_PARALLELISM];
  if (text === undefined) return [];
  if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text)) return [invalid(annotationPath(COMPLETIONS_EQUAL_PARALLELISM), text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)];
  if (!isTrue(text)) return [];
  const errors = spec?.completionMode === 'Indexed' ? [] : [invalid(annotationPath(COMPLETIONS_EQUAL_PARALLELISM), text, 'should not be enabled for NonIndexed jobs')];
  if ((spec?.parallelism ?? 1) !== (spec?.completions ?? 1)) errors.push(invalid('spec.completions', spec?.completions ?? null, `should be equal to parallelism when ${COMPLETIONS_EQUAL_PARALLELISM} is annotation is true`));
  return errors;
}

/** What is scaled while it runs cannot be near anything that is asked for, nor be let in in part. */
function elasticErrors(job: Job): FieldError[] {
  if (!asksToBeElastic(job)) return [];
  const { annotations = {} } = job.spec?.template?.metadata ?? {};
  const placed = [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY].filter((key) => annotations[key] !== undefined).map((key) => invalid(`spec.template.metadata.annotations[${key}]`, annotations[key], 'cannot be asked for by an elastic job'));
  const least = job.metadata.annotations?.[MIN_PARALLELISM];
  return least === undefined ? placed : [...placed, invalid(annotationPath(MIN_PARALLELISM), least, 'cannot be set for an elastic job')];
}

export function queuedJobSetErrors(jobSet: JobSet, old?: JobSet): FieldError[] {
  const sets = jobSet.spec?.replicatedJobs ?? [];
  return [...queueErrors(jobSet, old), ...sets.flatMap(({ template, replicas = 1 }, index) => topologyErrors(template?.spec?.template?.metadata?.annotations, `spec.replicatedJobs[${index}].template.metadata.annotations`, replicas * podsCount(template ?? {})))];
}

interface Suspendable extends KubeObject { spec?: { suspend?: boolean } }

/** `isSuspended`: of those that say it elsewhere than Jobs do. */
export function queueErrors<T extends KubeObject>(job: T, old: T | undefined, isSuspended: (job: T) => boolean = ({ spec }: Suspendable) => spec?.suspend === true): FieldError[] {
  const { labels = {} } = job.metadata;
  const isNew = (key: string): boolean => labels[key] !== undefined && labels[key] !== old?.metadata.labels?.[key];
  const errors = [QUEUE_NAME, PREBUILT].filter(isNew).flatMap((key) => dns1123SubdomainErrors(labels[key]!).map((each) => invalid(labelPath(key), labels[key], each)));
  const most = labels[MAX_EXEC_TIME];
  if (isNew(MAX_EXEC_TIME) && !(Number.isInteger(Number(most)) && Number(most) > 0)) errors.push(invalid(labelPath(MAX_EXEC_TIME), most, 'should be greater than 0'));
  if (old === undefined) return errors;
  const changed = (key: string): FieldError[] => (old.metadata.labels?.[key] === labels[key] ? [] : [invalid(labelPath(key), labels[key] ?? '', 'field is immutable')]);
  const [runs, ran] = [!isSuspended(job), !isSuspended(old)];
  const elastic = asksToBeElastic(job) === asksToBeElastic(old) ? [] : [invalid(annotationPath(ELASTIC), job.metadata.annotations?.[ELASTIC] ?? '', 'field is immutable')];
  // Who runs stays in its queue; who waits may go to another one.
  return [...errors, ...(runs ? [...changed(QUEUE_NAME), ...changed(PREBUILT)] : []), ...(runs || ran ? changed(MAX_EXEC_TIME) : []), ...classErrors(job, old, runs), ...elastic];
}

/** A class may be exchanged for another one at any time. Source: the same, ValidateUpdateForWorkloadPriorityClassName. */
function classErrors(job: KubeObject, old: KubeObject, runs: boolean): FieldError[] {
  const [now, was] = [job, old].map(({ metadata }) => metadata.labels?.[PRIORITY_CLASS] ?? '') as [string, string];
  if (runs && was === '' && now !== '') return [invalid(labelPath(PRIORITY_CLASS), now, 'WorkloadPriorityClass cannot be added to a non-suspended workload')];
  return was !== '' && now === '' ? [invalid(labelPath(PRIORITY_CLASS), now, 'WorkloadPriorityClass cannot be removed from a workload')] : [];
}

/** Source: Kueue, jobframework/tas_validation.go. */
export function topologyErrors(annotations: Readonly<Record<string, string>> = {}, path: string, pods: number): FieldError[] {
  const asked = TOPOLOGY_ANNOTATIONS.filter((key) => annotations[key] !== undefined);
  const errors = asked.length > 1 ? [invalid(path, 'field value', `must not contain more than one topology annotation: [${TOPOLOGY_ANNOTATIONS.map((key) => JSON.stringify(key)).join(', ')}]`)] : [];
  const [size, at] = [annotations[SLICE_SIZE], `${path}[${SLICE_SIZE}]`];
  if (annotations[SLICE_TOPOLOGY] === undefined) return size === undefined ? errors : [...errors, forbidden(at, `may not be set when '${SLICE_TOPOLOGY}' is not specified`)];
  if (size === undefined) return [...errors, required(at, `must be set when '${SLICE_TOPOLOGY}' is specified`)];
  const wrong = !/^[+-]?\d+$/.test(size) ? 'must be a numeric value' : Number(size) < 1 ? 'must be greater than or equal to 1' : Number(size) > pods ? `must not be greater than pod set count ${pods}` : undefined;
  return wrong === undefined ? errors : [...errors, invalid(at, size, wrong)];
}
