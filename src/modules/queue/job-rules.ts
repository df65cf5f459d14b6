/** What of the queue of a Job, or of a JobSet, may be written, and when. Pure. Source: Kueue, jobframework/validation.go. */
import type { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/types.ts';
import type { KubeObject } from '../../api/meta.ts';
import { forbidden, invalid, required, type FieldError } from '../../api/field-error.ts';
import { COMPLETIONS_EQUAL_PARALLELISM, ELASTIC, MAX_EXEC_TIME, MIN_PARALLELISM, POD_SET_GROUP, PREBUILT, PREFERRED_TOPOLOGY, PRIORITY_CLASS, QUEUE_NAME, REQUIRED_TOPOLOGY, SLICE_LAYERS, SLICE_SIZE, SLICE_TOPOLOGY, UNCONSTRAINED_TOPOLOGY } from '../../api/kueue/names.ts';
import { dns1123SubdomainErrors, labelKeyErrors } from '../../api/names.ts';
import { admissionGateErrors } from './admission-gates.ts';
import { asksToBeElastic, isTrue } from './asks.ts';
import { sliceLayerErrors } from './slice-layers.ts';

const TOPOLOGY_ANNOTATIONS = [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY, UNCONSTRAINED_TOPOLOGY];
const labelPath = (key: string): string => `metadata.labels[${key}]`;

/** `old`: what it was before an update. */
export function queuedJobErrors(job: Job, old?: Job): FieldError[] {
  const { annotations } = job.spec?.template?.metadata ?? {};
  const path = 'spec.template.metadata.annotations';
  const errors = [...queueErrors(job, old), ...topologyErrors(annotations, path, podsCount(job)), ...groupingErrors([{ annotations, path, count: podsCount(job) }])];
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

/** As Go reads one. */
const isBoolean = (text: string): boolean => /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text);

/** Source: the same, validateSyncCompletionCreate. */
function equalErrors({ metadata, spec }: Job): FieldError[] {
  const text = metadata.annotations?.[COMPLETIONS_EQUAL_PARALLELISM];
  if (text === undefined) return [];
  if (!isBoolean(text)) return [invalid(annotationPath(COMPLETIONS_EQUAL_PARALLELISM), text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)];
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
  const sets = (jobSet.spec?.replicatedJobs ?? []).map(({ template, replicas = 1 }, index): Grouped => ({ annotations: template?.spec?.template?.metadata?.annotations, path: `spec.replicatedJobs[${index}].template.metadata.annotations`, count: replicas * podsCount(template ?? {}) }));
  return [...queueErrors(jobSet, old), ...sets.flatMap(({ annotations, path, count }) => topologyErrors(annotations, path, count)), ...groupingErrors(sets)];
}

interface Suspendable extends KubeObject { spec?: { suspend?: boolean } }

/** `isSuspended`: of those that say it elsewhere than Jobs do. */
export function queueErrors<T extends KubeObject>(job: T, old: T | undefined, isSuspended: (job: T) => boolean = ({ spec }: Suspendable) => spec?.suspend === true): FieldError[] {
  const { labels = {} } = job.metadata;
  const isNew = (key: string): boolean => labels[key] !== undefined && labels[key] !== old?.metadata.labels?.[key];
  const errors = [QUEUE_NAME, PREBUILT].filter(isNew).flatMap((key) => dns1123SubdomainErrors(labels[key]!).map((each) => invalid(labelPath(key), labels[key], each)));
  const most = labels[MAX_EXEC_TIME];
  if (isNew(MAX_EXEC_TIME) && !(Number.isInteger(Number(most)) && Number(most) > 0)) errors.push(invalid(labelPath(MAX_EXEC_TIME), most, 'should be greater than 0'));
  errors.push(...admissionGateErrors(job, old));
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

function groupNameErrors(annotations: Readonly<Record<string, string>>, at: string): FieldError[] {
  const name = annotations[POD_SET_GROUP];
  if (name === undefined) return [];
  const errors = /^\d+$/.test(name) ? [invalid(at, name, 'must not be a number')] : [];
  for (const key of [SLICE_SIZE, SLICE_TOPOLOGY, SLICE_LAYERS]) if (annotations[key] !== undefined) errors.push(forbidden(at, `may not be set when '${key}' is specified`));
  return annotations[PREFERRED_TOPOLOGY] === undefined && annotations[REQUIRED_TOPOLOGY] === undefined ? [...errors, forbidden(at, `may not be set when neither '${PREFERRED_TOPOLOGY}' nor '${REQUIRED_TOPOLOGY}' is specified`)] : errors;
}

/** The template of a set of pods, where it is, and how many it makes. */
export interface Grouped { readonly annotations: Readonly<Record<string, string>> | undefined; readonly path: string; readonly count: number }

/** Of all sets of a job: groups are a leader and those that it leads, near each other in the same way. Source: the same, ValidatePodSetGroupingTopology. */
export function groupingErrors(sets: readonly Grouped[]): FieldError[] {
  const named = sets.filter(({ annotations }) => annotations?.[POD_SET_GROUP] !== undefined && (annotations[REQUIRED_TOPOLOGY] ?? annotations[PREFERRED_TOPOLOGY]) !== undefined);
  return [...Map.groupBy(named, ({ annotations }) => annotations![POD_SET_GROUP]!)].flatMap(([name, members]) => {
    const wrong = (detail: string): FieldError[] => members.map(({ path }) => invalid(`${path}[${POD_SET_GROUP}]`, name, detail));
    const [first, second] = members as [Grouped, Grouped];
    if (members.length !== 2) return wrong(`can only define groups of exactly 2 pod sets, got: ${members.length} pod set(s)`);
    const errors = first.count === 1 || second.count === 1 ? [] : wrong(`can only define groups where at least one pod set has only 1 replica, got: ${first.count} replica(s) and ${second.count} replica(s) in the group`);
    const isAlike = [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY].every((key) => first.annotations![key] === second.annotations![key]);
    const unlike = (one: Grouped, other: Grouped): FieldError => invalid(one.path, 'field value', `must specify '${REQUIRED_TOPOLOGY}' or '${PREFERRED_TOPOLOGY}' topology consistent with '${other.path}' in group '${name}'`);
    return isAlike ? errors : [...errors, unlike(first, second), unlike(second, first)];
  });
}

/** Source: Kueue, jobframework/tas_validation.go. */
export function topologyErrors(annotations: Readonly<Record<string, string>> = {}, path: string, pods: number): FieldError[] {
  const asked = TOPOLOGY_ANNOTATIONS.filter((key) => annotations[key] !== undefined);
  const errors = asked.length > 1 ? [invalid(path, 'field value', `must not contain more than one topology annotation: [${TOPOLOGY_ANNOTATIONS.map((key) => JSON.stringify(key)).join(', ')}]`)] : [];
  for (const key of [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY, SLICE_TOPOLOGY]) if (annotations[key] !== undefined) errors.push(...labelKeyErrors(annotations[key]).map((each) => invalid(`${path}[${key}]`, annotations[key], each)));
  const anywhere = annotations[UNCONSTRAINED_TOPOLOGY];
  if (anywhere !== undefined && !isBoolean(anywhere)) errors.push(invalid(`${path}[${UNCONSTRAINED_TOPOLOGY}]`, anywhere, 'must be a boolean value'));
  errors.push(...groupNameErrors(annotations, `${path}[${POD_SET_GROUP}]`), ...sliceLayerErrors(annotations, path, pods));
  const [size, at] = [annotations[SLICE_SIZE], `${path}[${SLICE_SIZE}]`];
  if (annotations[SLICE_TOPOLOGY] === undefined) return size === undefined ? errors : [...errors, forbidden(at, `may not be set when '${SLICE_TOPOLOGY}' is not specified`)];
  if (size === undefined) return [...errors, required(at, `must be set when '${SLICE_TOPOLOGY}' is specified`)];
  const wrong = !/^[+-]?\d+$/.test(size) ? 'must be a numeric value' : Number(size) < 1 ? 'must be greater than or equal to 1' : Number(size) > pods ? `must not be greater than pod set count ${pods}` : undefined;
  return wrong === undefined ? errors : [...errors, invalid(at, size, wrong)];
}
