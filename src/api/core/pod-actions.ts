/** The subresources of pods that change the pod: binding, ephemeralcontainers, resize, eviction. */
import { podResourceErrors } from './pod-level-resources.ts';
import type { Binding, Container, EphemeralContainer, Pod } from '../generated/core-v1.ts';
import { ApiError } from '../errors.ts';
import { forbidden, invalid, invalidObject, required, type FieldError } from '../field-error.ts';
import { cloneJson, equalJson } from '../json.ts';
import type { Action } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { qosClassOf } from './pod-qos.ts';
import { defaultContainer } from './pod-defaults.ts';
import { ephemeralContainerErrors, resourceErrors } from './pod-validation.ts';

const POD = { group: '', kind: 'Pod' };

export const podActions: Readonly<Record<string, Action<Pod>>> = {
  binding: { body: { group: '', version: 'v1', kind: 'Binding' }, verbs: ['create'], apply: bind, answers: 'status', keepsGeneration: true },
  ephemeralcontainers: { body: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get', 'update', 'patch'], apply: setEphemeralContainers },
  resize: { body: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get', 'update', 'patch'], apply: resize },
  eviction: { body: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'], apply: evict, answers: 'status', deletes: true },
};

/** Sets the node of a pod, once, and says so in its conditions. */
function bind(pod: Pod, body: KubeObject, nowMs: number = Date.now()): void {
  const { target, metadata } = body as Binding;
  const name = pod.metadata.name ?? '';
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node') errors.push({ type: 'FieldValueNotSupported', field: 'target.kind', message: `Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"` });
  if (!target?.name) errors.push(required('target.name'));
  if (errors.length > 0) throw invalidObject({ group: '', kind: 'Binding' }, name, errors);
  const conflict = (why: string): ApiError => new ApiError('Conflict', `Operation cannot be fulfilled on pods/binding "${name}": ${why}`, { name, kind: 'pods/binding' });
  if (metadata?.uid && metadata.uid !== pod.metadata.uid) throw conflict(`Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`);
  if (pod.metadata.deletionTimestamp !== undefined) throw conflict(`pod ${name} is being deleted, cannot be assigned to a host`);
  const spec = pod.spec!;
  if (spec.nodeName) throw conflict(`pod ${name} is already assigned to node "${spec.nodeName}"`);
  if ((spec.schedulingGates?.length ?? 0) > 0) throw conflict(`pod ${name} has non-empty .spec.schedulingGates`);
  spec.nodeName = target.name!;
  for (const [key, value] of Object.entries(metadata?.annotations ?? {})) (pod.metadata.annotations ??= {})[key] = value;
  for (const [key, value] of Object.entries(metadata?.labels ?? {})) (pod.metadata.labels ??= {})[key] = value;
  // Once it has a node it is nominated for none (upstream: ClearingNominatedNodeNameAfterBinding).
  delete pod.status?.nominatedNodeName;
  markScheduled(pod, nowMs);
}

function markScheduled(pod: Pod, nowMs: number): void {
  const conditions = ((pod.status ??= {}).conditions ??= []);
  const condition = conditions.find(({ type }) => type === 'PodScheduled');
  const lastTransitionTime = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime };
  if (condition === undefined) conditions.push(scheduled as (typeof conditions)[number]);
  else if (condition.status !== 'True') conditions.splice(conditions.indexOf(condition), 1, scheduled as (typeof conditions)[number]);
}

/** Ephemeral containers may be added; those that are there stay as they are. */
function setEphemeralContainers(pod: Pod, body: KubeObject): void {
  const wanted = cloneJson((body as Pod).spec?.ephemeralContainers ?? []);
  for (const container of wanted) defaultContainer(container);
  const before = pod.spec?.ephemeralContainers ?? [];
  const errors = ephemeralContainerErrors(wanted, pod);
  const byName = new Map<string, EphemeralContainer>(wanted.map((container) => [container.name, container]));
  for (const old of before) {
    const now = byName.get(old.name);
    if (now === undefined) errors.push(forbidden('spec.ephemeralContainers', `existing ephemeral containers ${JSON.stringify(old.name)} may not be removed\n`));
    else if (!equalJson(old, now)) errors.push(forbidden('spec.ephemeralContainers', `existing ephemeral containers ${JSON.stringify(old.name)} may not be changed\n`));
  }
  if (errors.length > 0) throw invalidObject(POD, pod.metadata.name ?? '', errors);
  if (wanted.length > 0) pod.spec!.ephemeralContainers = wanted;
}

/** cpu and memory of containers, and of the pod as a whole, may change while it runs. */
function resize(pod: Pod, body: KubeObject): void {
  const wanted = (body as Pod).spec;
  const qosClass = pod.status?.qosClass ?? qosClassOf(pod);
  const errors: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const [before, after] = [pod.spec?.[list] ?? [], wanted?.[list] ?? []];
    if (before.length !== after.length) {
      errors.push(forbidden(`spec.${list}`, 'containers may not be added or removed on resize'));
      continue;
    }
    for (const [index, container] of before.entries()) {
      const next = after[index]!;
      const path = `spec.${list}[${index}]`;
      if (next.name !== container.name) errors.push(forbidden(`${path}.name`, 'containers may not be renamed or reordered on resize'));
      else if (list === 'initContainers' && container.restartPolicy !== 'Always' && !equalJson(container.resources ?? {}, next.resources ?? {})) errors.push(forbidden(`${path}.resources`, 'resources for non-sidecar init containers are immutable'));
      else errors.push(...resizeContainer(container, next, `${path}.resources`));
    }
  }
  if (wanted?.resources !== undefined) errors.push(...resizeWhole(pod, wanted.resources));
  if (qosClassOf(pod) !== qosClass) errors.push(invalid('spec', qosClassOf(pod), 'Pod QOS Class may not change as a result of resizing'));
  if (errors.length > 0) throw invalidObject(POD, pod.metadata.name ?? '', errors);
}

function resizeContainer(container: Container, next: Container, path: string): FieldError[] {
  const [had, has] = [container.resources ?? {}, next.resources ?? {}];
  if (next.resources !== undefined) container.resources = cloneJson(next.resources);
  if (next.resizePolicy !== undefined) container.resizePolicy = cloneJson(next.resizePolicy);
  return [...resourceErrors(has, path), ...onlyCompute(had, has, path), ...removed(had, has, path)];
}

/** Of the pod as a whole, where it said so when it was made (upstream: KEP 5419). */
function resizeWhole(pod: Pod, next: NonNullable<NonNullable<Pod['spec']>['resources']>): FieldError[] {
  const had = pod.spec!.resources;
  const path = 'spec.resources';
  if (had === undefined) return equalJson(next, {}) ? [] : [forbidden(path, 'resources of the pod as a whole may not be added on resize')];
  pod.spec!.resources = cloneJson(next);
  return [...podResourceErrors(pod.spec!, path), ...onlyCompute(had, next, path), ...removed(had, next, path)];
}

function removed(old: Resources, next: Resources, path: string): FieldError[] {
  return (['requests', 'limits'] as const).flatMap((list) => Object.keys(old[list] ?? {}).filter((name) => next[list]?.[name] === undefined && (name === 'cpu' || name === 'memory')).map(() => forbidden(`${path}.${list}`, `resource ${list} cannot be removed`)));
}

interface Resources { limits?: Record<string, unknown>; requests?: Record<string, unknown> }

function onlyCompute(old: Resources, next: Resources, path: string): FieldError[] {
  const others = (list: Record<string, unknown> | undefined): Record<string, unknown> => Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => name !== 'cpu' && name !== 'memory'));
  const same = equalJson(others(old.limits), others(next.limits)) && equalJson(others(old.requests), others(next.requests));
  return same ? [] : [forbidden(path, 'only cpu and memory resources are mutable')];
}

/** Says in the conditions why the pod goes. */
function evict(pod: Pod, body: KubeObject, nowMs: number = Date.now()): void {
  const named = body.metadata?.name;
  if (named !== undefined && named !== '' && named !== pod.metadata.name) throw new ApiError('BadRequest', `name in URL does not match name in Eviction object: ${pod.metadata.name} != ${named}`);
  const conditions = ((pod.status ??= {}).conditions ??= []);
  const current = conditions.find(({ type }) => type === 'DisruptionTarget');
  if (current?.status === 'True') return;
  const target = { type: 'DisruptionTarget', status: 'True', lastTransitionTime: `${new Date(nowMs).toISOString().slice(0, 19)}Z`, reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  if (current === undefined) conditions.push(target);
  else conditions.splice(conditions.indexOf(current), 1, target);
}
