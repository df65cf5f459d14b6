/** What Workloads may say, and when. Source: Kueue, the validations of Workload and its webhook. */
import { tolerationErrors } from '../core/pod-validation.ts';
import { invalid, notFoundField, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import type { Json } from '../meta.ts';
import { validateAnnotations, validateLabels } from '../metadata-validation.ts';
import { compareQuantities, isQuantity } from '../quantity.ts';
import { POD_PRIORITY_SOURCE } from './conversion.ts';
import { ELASTIC } from './names.ts';
import type { PodSet, PodSetAssignment, Workload, WorkloadStatus } from './types.ts';

export function statusOf({ status: now }: Pick<Workload, 'status'>, type: string): string {
  return now?.conditions?.find((each) => each.type === type)?.status ?? '';
}

/** True of a condition that is there and says True. */
function isTrue(workload: Pick<Workload, 'status'>, type: string): boolean {
  return statusOf(workload, type) === 'True';
}

export function workloadErrors({ spec: wanted }: Workload, old: Workload | undefined): FieldError[] {
  if (wanted === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  const sets = wanted.podSets ?? [];
  for (const [index, set] of sets.entries()) errors.push(...setErrors(set, `spec.podSets[${index}]`));
  if (sets.filter(({ minCount }) => minCount !== undefined).length > 1) errors.push(invalid('spec.podSets', sets.length, 'at most one podSet can use minCount'));
  if (wanted.priorityClassName !== undefined && wanted.priorityClassName !== '' && wanted.priority === undefined) errors.push(invalid('spec', {}, 'priority should not be nil when priorityClassName is set'));
  return old === undefined ? errors : [...errors, ...changeErrors(wanted, old)];
}

/** How many there are in a slice, and where it is to be, are told together. Source: Kueue 0.20, TASValidateWorkloadSliceSize. */
function sliceErrors({ podSetSliceRequiredTopology: level, podSetSliceSize: size, podsetSliceRequiredTopologyConstraints: layers = [] }: NonNullable<PodSet['topologyRequest']>, path: string): FieldError[] {
  if (layers.length > 0 && (level !== undefined || size !== undefined)) return [invalid(path, {}, 'podsetSliceRequiredTopologyConstraints and podSetSliceRequiredTopology or podSetSliceSize are mutually exclusive')];
  return (level === undefined) === (size === undefined) ? [] : [invalid(path, {}, 'podSetSliceRequiredTopology and podSetSliceSize must be set together')];
}

function setErrors({ count: pods, minCount, template, topologyRequest }: PodSet, path: string): FieldError[] {
  const errors = [...validateLabels(template?.metadata?.labels, `${path}.template.metadata.labels`), ...validateAnnotations(template?.metadata?.annotations, `${path}.template.metadata.annotations`)];
  errors.push(...(topologyRequest === undefined ? [] : sliceErrors(topologyRequest, `${path}.topologyRequest`)));
  if (minCount !== undefined && minCount > pods) errors.push(invalid(`${path}.minCount`, minCount, 'minCount should be positive and less or equal to count'));
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, { resources }] of (template?.spec?.[field] ?? []).entries()) {
      for (const list of ['requests', 'limits'] as const) {
        for (const [name, quantity] of Object.entries(resources?.[list] ?? {})) if (isQuantity(quantity) && compareQuantities(quantity, '0') < 0) errors.push(invalid(`${path}.template.spec.${field}[${index}].resources.${list}[${name}]`, quantity, 'must be greater than or equal to 0'));
      }
      if (resources?.requests?.['pods'] !== undefined) errors.push(invalid(`${path}.template.spec.${field}[${index}].resources.requests[pods]`, 'pods', 'the key is reserved for internal kueue use'));
    }
  }
  return errors;
}

/** What of its spec stays as it is while it has quota. Another WorkloadPriorityClass may be given to one that runs. */
function changeErrors(wanted: Workload['spec'], old: Workload): FieldError[] {
  const errors: FieldError[] = [];
  if (isTrue(old, 'Admitted') && wanted.maximumExecutionTimeSeconds !== old.spec.maximumExecutionTimeSeconds) errors.push(invalid('spec.maximumExecutionTimeSeconds', wanted.maximumExecutionTimeSeconds ?? 0, 'maximumExecutionTimeSeconds is immutable while workload quota reserved'));
  if (!isTrue(old, 'QuotaReserved')) return errors;
  if (!equalJson(wanted.podSets, old.spec.podSets) && !isScaledDown(wanted.podSets, old)) errors.push(invalid('spec.podSets', wanted.podSets?.length ?? 0, 'field is immutable'));
  const isOfPods = wanted.priorityClassSource === POD_PRIORITY_SOURCE || (wanted.priorityClassName ?? '') === '' || (old.spec.priorityClassName ?? '') === '';
  for (const field of ['queueName', 'priorityClassSource', ...(isOfPods ? ['priorityClassName' as const] : [])] as const) if ((wanted[field] ?? '') !== (old.spec[field] ?? '')) errors.push(invalid(`spec.${field}`, wanted[field], 'field is immutable'));
  return errors;
}

/** Fewer pods, and nothing else. Source: the same, validateImmutablePodSets with workload slices. */
function isScaledDown(podSets: readonly PodSet[], { metadata, spec: { podSets: before } }: Workload): boolean {
  return metadata.annotations?.[ELASTIC] === 'true' && podSets.every(({ count: now }, index) => now <= (before[index]?.count ?? 0)) && equalJson(podSets.map((each, index) => ({ ...each, count: before[index]?.count })), before);
}

/** Of what others than the queue write there, too: the controllers of admission checks. */
export function workloadStatusErrors({ spec, status = {}, ...workload }: Workload, { status: before = {} }: Workload): FieldError[] {
  const names = spec.podSets.map(({ name }) => name);
  const errors = [...reclaimableErrors(status.reclaimablePods, spec.podSets), ...clusterErrors(status, before)];
  for (const [index, { podSetUpdates = [] }] of (status.admissionChecks ?? []).entries()) errors.push(...updateErrors(podSetUpdates, names, `status.admissionChecks[${index}].podSetUpdates`));
  for (const [index, { name, state, podSetUpdates = [] }] of (before.admissionChecks ?? []).entries()) {
    const now = status.admissionChecks?.find((each) => each.name === name);
    if (state === 'Ready' && now?.state === 'Ready' && !equalJson((now.podSetUpdates ?? []) as unknown as Json, podSetUpdates as unknown as Json)) errors.push(invalid(`status.admissionChecks[${index}].podSetUpdates`, now.podSetUpdates, 'field is immutable'));
  }
  const hasNoPlace = (of: WorkloadStatus): boolean => of.admission === undefined && isTrue({ status: of }, 'QuotaReserved');
  if (hasNoPlace(status) && !hasNoPlace(before)) errors.push(required('status.admission', 'must be set while the QuotaReserved condition is True'));
  if (status.admission !== undefined && isTrue({ ...workload, status }, 'QuotaReserved')) errors.push(...admissionErrors(status.admission.podSetAssignments, names));
  if (status.admission !== undefined && before.admission !== undefined && !equalJson(withoutDomains(status.admission), withoutDomains(before.admission))) errors.push(invalid('status.admission', status.admission, 'field is immutable'));
  return errors;
}

type Admission = NonNullable<WorkloadStatus['admission']>;

/** Where pods of an admitted one go may be told later. */
function withoutDomains({ clusterQueue, podSetAssignments }: Admission): Json {
  return { clusterQueue, podSetAssignments: podSetAssignments.map(({ topologyAssignment: _domains, ...each }) => each) } as unknown as Json;
}

function admissionErrors(assignments: readonly PodSetAssignment[], names: readonly string[]): FieldError[] {
  const errors = assignments.length === names.length ? [] : [invalid('status.admission.podSetAssignments', assignments.length, 'podSetAssignments must have the same number of podSets as the spec')];
  return [...errors, ...assignments.flatMap(({ name }, index) => (names.includes(name) ? [] : [notFoundField(`status.admission.podSetAssignments[${index}].name`, name)]))];
}

function reclaimableErrors(reclaimable: WorkloadStatus['reclaimablePods'] = [], sets: readonly PodSet[]): FieldError[] {
  return reclaimable.flatMap(({ name, count }): FieldError[] => {
    const set = sets.find((each) => each.name === name);
    const path = `status.reclaimablePods[${name}]`;
    if (set === undefined) return [notSupported(`${path}.name`, name, sets.map((each) => each.name), 'as-given')];
    return count > set.count ? [invalid(`${path}.count`, count, `should be less or equal to ${set.count}`)] : [];
  });
}

type Updates = NonNullable<NonNullable<WorkloadStatus['admissionChecks']>[number]['podSetUpdates']>;

function updateErrors(updates: Updates, names: readonly string[], field: string): FieldError[] {
  return updates.flatMap(({ name, labels, annotations, nodeSelector, tolerations = [] }, index) => {
    const path = `${field}[${index}]`;
    return [
      ...(names.includes(name) ? [] : [notSupported(`${path}.name`, name, names)]), ...tolerations.flatMap((each, at) => tolerationErrors(each, `${path}.tolerations[${at}]`)),
      ...validateAnnotations(annotations, `${path}.annotations`), ...validateLabels(nodeSelector, `${path}.nodeSelector`), ...validateLabels(labels, `${path}.labels`),
    ];
  });
}

function clusterErrors({ clusterName, nominatedClusterNames = [] }: WorkloadStatus, { clusterName: before }: WorkloadStatus): FieldError[] {
  const errors = before !== undefined && clusterName !== undefined && clusterName !== before ? [invalid('status', {}, 'clusterName is immutable once set')] : [];
  return clusterName !== undefined && nominatedClusterNames.length > 0 ? [...errors, invalid('status', {}, 'clusterName and nominatedClusterNames are mutually exclusive')] : errors;
}
