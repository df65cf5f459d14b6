/** What of the queue of a Job, or of a JobSet, may be written, and when. Pure. Source: Kueue, jobframework/validation.go. */
import type { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/types.ts';
import type { KubeObject } from '../../api/meta.ts';
import { forbidden, invalid, type FieldError } from '../../api/field-error.ts';
import { MAX_EXEC_TIME, MIN_PARALLELISM, PREBUILT, PREFERRED_TOPOLOGY, QUEUE_NAME, REQUIRED_TOPOLOGY, UNCONSTRAINED_TOPOLOGY } from '../../api/kueue/names.ts';
import { dns1123SubdomainErrors } from '../../api/names.ts';

const TOPOLOGY_ANNOTATIONS = [REQUIRED_TOPOLOGY, PREFERRED_TOPOLOGY, UNCONSTRAINED_TOPOLOGY];
const labelPath = (key: string): string => `metadata.labels[${key}]`;

/** `old`: what it was before an update. */
export function queuedJobErrors(job: Job, old?: Job): FieldError[] {
  const errors = [...queueErrors(job, old), ...topologyErrors(job.spec?.template?.metadata?.annotations, 'spec.template.metadata.annotations')];
  const isPartial = old?.metadata.annotations?.[MIN_PARALLELISM] !== undefined && old.spec?.suspend !== true;
  if (isPartial && (old.spec?.parallelism ?? 1) !== (job.spec?.parallelism ?? 1)) errors.push(forbidden('spec.parallelism', 'cannot change when partial admission is enabled and the job is not suspended'));
  return errors;
}

export function queuedJobSetErrors(jobSet: JobSet, old?: JobSet): FieldError[] {
  const sets = jobSet.spec?.replicatedJobs ?? [];
  return [...queueErrors(jobSet, old), ...sets.flatMap(({ template }, index) => topologyErrors(template?.spec?.template?.metadata?.annotations, `spec.replicatedJobs[${index}].template.metadata.annotations`))];
}

interface Suspendable extends KubeObject { spec?: { suspend?: boolean } }

function queueErrors({ metadata: { labels = {} }, spec }: Suspendable, old: Suspendable | undefined): FieldError[] {
  const isNew = (key: string): boolean => labels[key] !== undefined && labels[key] !== old?.metadata.labels?.[key];
  const errors = [QUEUE_NAME, PREBUILT].filter(isNew).flatMap((key) => dns1123SubdomainErrors(labels[key]!).map((each) => invalid(labelPath(key), labels[key], each)));
  const most = labels[MAX_EXEC_TIME];
  if (isNew(MAX_EXEC_TIME) && !(Number.isInteger(Number(most)) && Number(most) > 0)) errors.push(invalid(labelPath(MAX_EXEC_TIME), most, 'should be greater than 0'));
  if (old === undefined) return errors;
  const changed = (key: string): FieldError[] => (old.metadata.labels?.[key] === labels[key] ? [] : [invalid(labelPath(key), labels[key] ?? '', 'field is immutable')]);
  const [runs, ran] = [spec?.suspend !== true, old.spec?.suspend !== true];
  // Who runs stays in its queue; who waits may go to another one.
  return [...errors, ...(runs ? changed(QUEUE_NAME) : []), ...changed(PREBUILT), ...(runs || ran ? changed(MAX_EXEC_TIME) : [])];
}

function topologyErrors(annotations: Readonly<Record<string, string>> = {}, path: string): FieldError[] {
  const asked = TOPOLOGY_ANNOTATIONS.filter((key) => annotations[key] !== undefined);
  return asked.length > 1 ? [invalid(path, 'field value', `must not contain more than one topology annotation: [${asked.join(', ')}]`)] : [];
}
