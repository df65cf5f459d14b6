/** What of their queue pods may say, and when. Pure. Source: Kueue, the webhook of pods. */
import type { Pod } from '../../api/core/pod.ts';
import { forbidden, invalid, required, type FieldError } from '../../api/field-error.ts';
import { ADMISSION_GATE, MANAGED, POD_GROUP, POD_GROUP_TOTAL, PREBUILT, PRIORITY_CLASS, QUEUE_NAME, RETRIABLE_IN_GROUP } from '../../api/kueue/names.ts';
import { dns1123SubdomainErrors } from '../../api/names.ts';
import { queueErrors, topologyErrors } from './job-rules.ts';

const [GROUP_PATH, TOTAL_PATH] = [`metadata.labels[${POD_GROUP}]`, `metadata.annotations[${POD_GROUP_TOTAL}]`];
/** By these a pod has to do with queues. */
const LABELS = [QUEUE_NAME, MANAGED, POD_GROUP, PREBUILT, PRIORITY_CLASS];

export const isGated = ({ spec }: Pod): boolean => spec?.schedulingGates?.some(({ name }) => name === ADMISSION_GATE) === true;

/** `old`: what it was before an update. Who is not held back yet when it comes is so a moment later. */
export function queuedPodErrors(pod: Pod, old?: Pod): FieldError[] {
  const { labels = {}, annotations = {} } = pod.metadata;
  if (annotations[POD_GROUP_TOTAL] === undefined && !LABELS.some((key) => labels[key] !== undefined || old?.metadata.labels?.[key] !== undefined)) return [];
  const managed = labels[MANAGED] === undefined || labels[MANAGED] === 'true' ? [] : [forbidden(`metadata.labels[${MANAGED}]`, "managed label value can only be 'true'")];
  return [...managed, ...queueErrors(pod, old, isGated), ...groupErrors(labels[POD_GROUP], annotations[POD_GROUP_TOTAL]), ...(old === undefined ? [] : changeErrors(pod, old)), ...topologyErrors(annotations, 'metadata.annotations', Infinity)];
}

function groupErrors(name: string | undefined, total: string | undefined): FieldError[] {
  const both = `both the '${POD_GROUP_TOTAL}' annotation and the '${POD_GROUP}' label should be set`;
  if (name === undefined) return total === undefined ? [] : [required(GROUP_PATH, both)];
  const errors = dns1123SubdomainErrors(name).map((each) => invalid(GROUP_PATH, name, each));
  if (total === undefined) return [...errors, required(TOTAL_PATH, both)];
  return /^[+-]?\d+$/.test(total) && Number(total) > 0 ? errors : [...errors, invalid(TOTAL_PATH, total, 'incorrect pod group total count: it should be a whole number greater than 0')];
}

function changeErrors({ metadata }: Pod, { metadata: before }: Pod): FieldError[] {
  const [group, was] = [metadata.labels?.[POD_GROUP], before.labels?.[POD_GROUP]];
  const errors = was !== undefined && group !== was ? [invalid(GROUP_PATH, group ?? '', 'field is immutable')] : [];
  const mayFail = (annotations: Readonly<Record<string, string>> = {}): boolean => annotations[RETRIABLE_IN_GROUP] === 'false';
  return group !== undefined && mayFail(before.annotations) && !mayFail(metadata.annotations) ? [...errors, forbidden(`metadata.annotations[${RETRIABLE_IN_GROUP}]`, "unretriable pod group can't be converted to retriable")] : errors;
}
