/** What an update of a pod may change, in upstream's words (core/v1 validation, ValidatePodUpdate). */
import type { Affinity, Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../generated/core-v1.ts';
import { forbidden, invalid, required, type FieldError } from '../field-error.ts';
import { equalJson, isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';

const MAY_CHANGE = 'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,'
  + '`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function podUpdateErrors(pod: Pod, old: Pod): FieldError[] {
  const spec = pod.spec!;
  const before = old.spec ?? { containers: [] };
  if (equalJson(spec, before)) return [];
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list] ?? []).length !== (before[list] ?? []).length) return [forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
  }
  const errors = [...imageErrors(spec.containers ?? [], 'spec.containers'), ...imageErrors(spec.initContainers ?? [], 'spec.initContainers'), ...deadlineErrors(spec, before)];
  errors.push(...tolerationErrors(spec.tolerations ?? [], before.tolerations ?? []), ...gateErrors(spec, before));
  if ((before.schedulingGates ?? []).length > 0) errors.push(...gatedErrors(spec, before));
  const munged = withAllowedChanges(spec, before);
  if (!equalJson(munged, before)) errors.push(forbidden('spec', `${MAY_CHANGE}\n${showDifference(munged as unknown as Json, before as unknown as Json)}`));
  return errors;
}

function imageErrors(containers: readonly Container[], path: string): FieldError[] {
  return containers.flatMap(({ image = '' }, index) => {
    if (image === '') return [required(`${path}[${index}].image`)];
    return image.trim() === image ? [] : [invalid(`${path}[${index}].image`, image, 'must not have leading or trailing whitespace')];
  });
}

function deadlineErrors(spec: PodSpec, before: PodSpec): FieldError[] {
  const [now, old] = [spec.activeDeadlineSeconds, before.activeDeadlineSeconds];
  if (now === undefined) return old === undefined ? [] : [invalid('spec.activeDeadlineSeconds', null, 'must not update from a positive integer to nil value')];
  if (now < 0 || now > 2_147_483_647) return [invalid('spec.activeDeadlineSeconds', now, 'must be between 0 and 2147483647, inclusive')];
  return old !== undefined && old < now ? [invalid('spec.activeDeadlineSeconds', now, 'must be less than or equal to previous value')] : [];
}

function tolerationErrors(now: readonly Toleration[], before: readonly Toleration[]): FieldError[] {
  const same = (left: Toleration, right: Toleration): boolean => equalJson({ ...left, tolerationSeconds: 0 }, { ...right, tolerationSeconds: 0 });
  const kept = before.every((old) => now.some((each) => same(each, old)));
  return kept ? [] : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

/** Scheduling gates may be taken away, never added. */
function gateErrors(spec: PodSpec, before: PodSpec): FieldError[] {
  const old = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  const added = (spec.schedulingGates ?? []).map(({ name }) => name).filter((name) => !old.has(name));
  return added.length === 0 ? [] : [forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gates '${added.join(',')}'`)];
}

/** A pod that waits at its gates may still be told where to run: more narrowly, never otherwise (ValidatePodUpdate, validateNodeAffinityMutation). */
function gatedErrors(spec: PodSpec, before: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const kept = Object.entries(before.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
  if (!kept) errors.push(invalid('spec.nodeSelector', spec.nodeSelector ?? null, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'));
  return [...errors, ...nodeTermErrors(requiredTerms(spec), requiredTerms(before))];
}

function requiredTerms({ affinity }: PodSpec): NodeSelectorTerm[] {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

function nodeTermErrors(now: NodeSelectorTerm[], before: NodeSelectorTerm[]): FieldError[] {
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (before.length === 0) return [];
  if (now.length !== before.length) return [invalid(path, now, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  return before.flatMap((term, index) => (onlyAdds(now[index]!, term) ? [] : [invalid(`${path}[${index}]`, now[index], 'only additions are allowed (no mutations or deletions)')]));
}

/** A term without requirements selects no node, and stays so. */
function onlyAdds(now: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const [fields, expressions] = [before.matchFields ?? [], before.matchExpressions ?? []];
  if (fields.length + expressions.length === 0 && (now.matchFields ?? []).length + (now.matchExpressions ?? []).length > 0) return false;
  const starts = (list: readonly unknown[] = [], with_: readonly unknown[]): boolean => with_.every((each, index) => equalJson(list[index], each));
  return starts(now.matchFields, fields) && starts(now.matchExpressions, expressions);
}

/** `spec` as if what may change had not changed. */
function withAllowedChanges(spec: PodSpec, before: PodSpec): PodSpec {
  const images = (now: Container[] | undefined, old: Container[] | undefined): Container[] | undefined => now?.map((container, index) => ({ ...container, image: old?.[index]?.image }));
  const munged: PodSpec = { ...spec, containers: images(spec.containers, before.containers) ?? [], tolerations: before.tolerations, activeDeadlineSeconds: before.activeDeadlineSeconds };
  if (spec.initContainers !== undefined) munged.initContainers = images(spec.initContainers, before.initContainers);
  if ((before.schedulingGates ?? []).length > 0) {
    munged.schedulingGates = before.schedulingGates;
    munged.nodeSelector = before.nodeSelector;
    munged.affinity = withNodeAffinityOf(spec.affinity, before.affinity);
  }
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) munged.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  return munged;
}

/** What is told of nodes apart is not told again with all the rest. */
function withNodeAffinityOf(now: Affinity | undefined, before: Affinity | undefined): Affinity | undefined {
  const { nodeAffinity: _node, ...others } = now ?? {};
  const left: Affinity = before?.nodeAffinity === undefined ? others : { ...others, nodeAffinity: before.nodeAffinity };
  return Object.keys(left).length === 0 && (before === undefined || Object.keys(before).length === 0) ? before : left;
}

/** The paths that differ, with both values, at most ten. */
function showDifference(now: Json, before: Json): string {
  const lines: string[] = [];
  collect(now, before, 'spec', lines);
  return lines.slice(0, 10).map((line) => `  ${line}`).join('\n');
}

function collect(now: Json | undefined, before: Json | undefined, path: string, lines: string[]): void {
  if (equalJson(now, before) || lines.length > 10) return;
  if (isJsonObject(now) && isJsonObject(before)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) collect(now[key], before[key], `${path}.${key}`, lines);
  } else if (Array.isArray(now) && Array.isArray(before) && now.length === before.length) {
    now.forEach((item, index) => collect(item, before[index], `${path}[${index}]`, lines));
  } else lines.push(`${path}: ${JSON.stringify(before) ?? 'unset'} -> ${JSON.stringify(now) ?? 'unset'}`);
}
