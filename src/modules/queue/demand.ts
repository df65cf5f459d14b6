/** What a Workload asks for, as the policies see it. */
import type { ResourceFlavor, TopologyRequest, Workload } from '../../api/kueue/types.ts';
import type { PodSpec, PodTemplateSpec, Taint } from '../../api/generated/core-v1.ts';
import { EXPECTED_RUN_TIME, RESUMABLE, SUBMITTED_AT } from '../../api/kueue/names.ts';
import { equalJson } from '../../api/json.ts';
import type { Json } from '../../api/meta.ts';
import { compileTerm, requiredNodes } from '../../api/node-selection.ts';
import { podRequests } from '../../api/pod-requests.ts';
import { formatQuantity, quantityMillis, quantityOf, quantityOfMilli, quantityValue } from '../../api/quantity.ts';
import { untolerated } from '../../api/tolerations.ts';
import { durationSeconds } from './duration.ts';
import type { Reckon } from './reckon.ts';
import { layersOf, layersRefusal } from './slice-layers.ts';
import type { SetDemand } from './policy/quota-room.ts';
import type { LeafNode } from './policy/topology-use.ts';

/** cpu counts in thousandths, all else in whole bytes or pieces. */
export function amountOf(resource: string, quantity: string | number): number {
  return resource === 'cpu' ? quantityMillis(quantity) : quantityValue(quantity);
}

export function quantityFor(resource: string, amount: number): string {
  return resource === 'cpu' ? quantityOfMilli(Math.round(amount)) : formatQuantity(quantityOf(Math.round(amount), resource === 'memory' || resource === 'ephemeral-storage' ? 'BinarySI' : 'DecimalSI'));
}

/** The requests of one pod. */
export function perPod(template: PodTemplateSpec): ReadonlyMap<string, number> {
  const spec = template.spec;
  if (spec === undefined) return new Map();
  const filled = requestsOfLimits(spec);
  const { cpuMillis, memoryBytes, ephemeralStorageBytes, others = {} } = podRequests({ metadata: {}, spec: filled });
  const amounts = new Map<string, number>([['cpu', cpuMillis], ['memory', memoryBytes], ['ephemeral-storage', ephemeralStorageBytes], ...Object.entries(others)]);
  for (const [resource, amount] of amounts) if (amount === 0 && !isAsked(filled, resource)) amounts.delete(resource);
  return amounts;
}

/** What a container does not request is what it is limited to. */
export function requestsOfLimits(spec: PodSpec): PodSpec {
  return { ...spec, containers: spec.containers.map(requestLimits), ...(spec.initContainers !== undefined && { initContainers: spec.initContainers.map(requestLimits) }) };
}

type Container = PodSpec['containers'][number];

function requestLimits(container: Container): Container {
  const { limits, requests } = container.resources ?? {};
  return limits === undefined ? container : { ...container, resources: { ...container.resources, requests: { ...limits, ...requests } } };
}

function isAsked({ containers }: PodSpec, resource: string): boolean {
  return containers.some(({ resources }) => resources?.requests?.[resource] !== undefined);
}

/** Sets of pods; those whose resources are not needed any more (reclaimable) do not count. */
export interface DemandParts {
  flavorOf(name: string): ResourceFlavor | undefined;
  reckon: Reckon;
  /** Of flavors with a topology. */
  levelsOf(flavor: string): readonly string[] | undefined;
  /** All flavors of the queue have a topology, so that whoever asks for none may be anywhere. */
  onlyTopologies: boolean;
  /** Of a slice: the Workload that it is to replace, whose pods and flavors it has already. */
  before: Workload | undefined;
}

export function demandOf({ metadata, spec, status }: Workload, { flavorOf, reckon, levelsOf, onlyTopologies, before }: DemandParts): SetDemand[] {
  return spec.podSets.map(({ name, count, minCount, template, topologyRequest }) => ({
    name,
    count: Math.max(0, count - heldBy(before, name) - (status?.reclaimablePods?.find((each) => each.name === name)?.count ?? 0)),
    ...(minCount !== undefined && { least: minCount }),
    perPod: reckon(template, metadata.namespace ?? ''),
    refuses: (flavor) => otherFlavor(before, name, flavor) ?? refusal(template.spec, flavor, flavorOf(flavor)) ?? topologyRefusal(flavor, levelsOf(flavor), topologyRequest, onlyTopologies),
    ...(topologyRequest !== undefined && { topology: topologyOf(topologyRequest) }),
    ...(topologyRequest?.podSetGroupName !== undefined && { group: topologyRequest.podSetGroupName }),
    mayUse: ({ labels, taints }) => nodeSuits(template.spec, { labels, taints }),
  }));
}

function heldBy(before: Workload | undefined, set: string): number {
  return before?.spec.podSets.find(({ name }) => name === set)?.count ?? 0;
}

/** All pods of a set are of the same flavor. Source: Kueue, flavorassigner (workload slices). */
function otherFlavor(before: Workload | undefined, set: string, flavor: string): string | undefined {
  const flavors = before?.status?.admission?.podSetAssignments.find(({ name }) => name === set)?.flavors;
  return flavors === undefined || Object.values(flavors).includes(flavor) ? undefined : `could not assign ${flavor} flavor since the original workload is assigned: ${[...new Set(Object.values(flavors))].join(',')}`;
}

function topologyOf(request: TopologyRequest): NonNullable<SetDemand['topology']> {
  const { required, preferred } = request;
  const [outer, ...inner] = layersOf(request).map(({ topology, size = 0 }) => ({ level: topology, size }));
  const slices = outer !== undefined && outer.size > 0 && { slices: { ...outer, ...(inner.length > 0 && { inner }) } };
  if (required !== undefined) return { mode: 'required', level: required, ...slices };
  return preferred !== undefined ? { mode: 'preferred', level: preferred, ...slices } : { mode: 'unconstrained', ...slices };
}

/** Source: Kueue, flavorassigner checkPodSetAndFlavorMatchForTAS. */
function topologyRefusal(flavor: string, levels: readonly string[] | undefined, request: TopologyRequest | undefined, onlyTopologies: boolean): string | undefined {
  if (levels === undefined) return request === undefined ? undefined : `Flavor "${flavor}" does not support TopologyAwareScheduling`;
  if (request === undefined) return onlyTopologies ? undefined : `Flavor "${flavor}" supports only TopologyAwareScheduling`;
  const [level, layers] = [request.required ?? request.preferred, layersOf(request)];
  if ([level, ...layers.map(({ topology }) => topology)].some((each) => each !== undefined && !levels.includes(each))) return `Flavor "${flavor}" does not contain the requested level`;
  return layersRefusal(layers, levels, level);
}

/** Flavors' tolerations and labels are known of all of its nodes. */
function nodeSuits(spec: PodSpec | undefined, { labels, taints }: LeafNode): boolean {
  return untolerated(taints as Taint[], spec?.tolerations) === undefined && requiredNodes(spec)?.({ name: labels['kubernetes.io/hostname'] ?? '', labels }) !== false;
}

/** Why pods may not be of the flavor. Only labels that the flavor has count. Source: Kueue, flavorassigner checkFlavorForPodSets. */
function refusal(spec: PodSpec | undefined, name: string, flavor: ResourceFlavor | undefined): string | undefined {
  if (flavor === undefined) return `flavor ${name} not found`;
  const { nodeTaints = [], tolerations = [], nodeLabels = {} } = flavor.spec ?? {};
  const taint = untolerated(nodeTaints.filter(({ effect }) => effect !== 'PreferNoSchedule'), [...(spec?.tolerations ?? []), ...tolerations]);
  if (taint !== undefined) return `untolerated taint {${taint.key} ${taint.value ?? ''} ${taint.effect} <nil>} in flavor ${name}`;
  return matchesLabels(spec, nodeLabels) ? undefined : `flavor ${name} doesn't match node affinity`;
}

function matchesLabels(spec: PodSpec | undefined, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(spec?.nodeSelector ?? {})) if (labels[key] !== undefined && labels[key] !== value) return false;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const own = terms.map(({ matchExpressions = [] }) => ({ matchExpressions: matchExpressions.filter(({ key }) => labels[key] !== undefined) }));
  // A term that says nothing of the flavor's labels allows it.
  return own.length === 0 || own.some((term) => term.matchExpressions.length === 0 || compileTerm(term)({ name: '', labels }));
}

/** What a job of the policies was made of. */
export interface MadeOf {
  readonly spec: Workload['spec'];
  /** Of a slice: what the Workload asks for in whose place it is to be. */
  readonly before: Workload['spec'] | undefined;
  /** What its owner says of its run time, and of going on where it was. */
  readonly told: string;
}

export function madeOf(workload: Workload, before: Workload | undefined): MadeOf {
  return { spec: workload.spec, before: before?.spec, told: JSON.stringify([told(workload, EXPECTED_RUN_TIME), told(workload, RESUMABLE)]) };
}

/** Whether a job made of the one would be like that of the other: then it keeps its place. */
export function asksTheSame(one: MadeOf, other: MadeOf): boolean {
  return one.told === other.told && one.spec.priority === other.spec.priority && one.spec.queueName === other.spec.queueName && sameSets(one.spec, other.spec) && sameSets(one.before, other.before);
}

function sameSets(one: Workload['spec'] | undefined, other: Workload['spec'] | undefined): boolean {
  return one === other || equalJson((one?.podSets ?? null) as unknown as Json, (other?.podSets ?? null) as unknown as Json);
}

/** The run time that the owner tells, in seconds. */
export function toldSeconds(workload: Workload): number | undefined {
  return durationSeconds(told(workload, EXPECTED_RUN_TIME));
}

function told({ metadata, spec }: Workload, annotation: string): string | undefined {
  return metadata.annotations?.[annotation] ?? spec.podSets[0]?.template.metadata?.annotations?.[annotation];
}

/** Of a resumable one: every so many seconds it makes a checkpoint, or with 0 when it is told to end; and what it did in earlier runs and kept. Of each stop, half of the time between two checkpoints is taken as lost. */
export function resumptionOf(workload: Workload): { checkpointSeconds: number; doneSeconds: number } | undefined {
  const text = told(workload, RESUMABLE);
  const checkpointSeconds = text === 'true' ? 0 : durationSeconds(text);
  if (checkpointSeconds === undefined) return undefined;
  const { accumulatedPastExexcutionTimeSeconds: ranSeconds = 0, schedulingStats } = workload.status ?? {};
  const stops = (schedulingStats?.evictions ?? []).reduce((sum, { count }) => sum + count, 0);
  return { checkpointSeconds, doneSeconds: Math.max(0, ranSeconds - (stops * checkpointSeconds) / 2) };
}

/** When it was submitted, in seconds since the epoch. */
export function submittedAt({ metadata }: Workload): number {
  const text = metadata.annotations?.[SUBMITTED_AT] ?? '';
  const exactMs = Date.parse(text);
  if (Number.isNaN(exactMs)) return (Date.parse(metadata.creationTimestamp ?? '') || 0) / 1_000;
  const micros = Number(/\.\d{3}(\d{3})Z$/.exec(text)?.[1] ?? 0); // a Date has milliseconds only
  return exactMs / 1_000 + micros / 1_000_000;
}

/** Groups of jobs that run alike, from general to special: the queue, the namespace, the image, the job of the same name but for its number, the same with the same request. */
export function likenessOf({ metadata, spec }: Workload): string[] {
  const container = spec.podSets[0]?.template.spec?.containers[0];
  const owner = metadata.ownerReferences?.[0]?.name ?? metadata.name ?? '';
  const family = owner.replace(/[-.](?:\d+|[a-z0-9]{5})$|\d+$/, '');
  const words = JSON.stringify([container?.command, container?.args]).slice(0, 500);
  const space = metadata.namespace ?? '';
  return ['', `queue=${space}/${spec.queueName}`, `namespace=${space}`, `image=${container?.image}`, `namespace=${space} image=${container?.image}`, `namespace=${space} name=${family}`, `namespace=${space} name=${family} words=${words}`];
}
