/** The pools of quota as the ClusterQueues, Cohorts and ResourceFlavors of the moment say. */
import type { ClusterQueue, Cohort, FairSharing, LocalQueue, PodSetAssignment, ResourceFlavor, ResourceGroup, Workload } from '../../api/kueue/types.ts';
import { quantityMillis } from '../../api/quantity.ts';
import { Admission } from './policy/admission.ts';
import type { FairRule, ResourceIndexes } from './policy/cohort-share.ts';
import { Pool, SOME_PREEMPTORS, type Member } from './policy/pool.ts';
import { QuotaNode } from './policy/quota-tree.ts';
import { TopologyUse, type TopologyPlacement } from './policy/topology-use.ts';
import type { Topologies } from './topologies.ts';
import { QuotaRoom, type QuotaJob, type QuotaPlacement, type SetPlacement } from './policy/quota-room.ts';
import { amountOf, demandOf, likenessOf, resumptionOf, submittedAt, toldSeconds } from './demand.ts';
import { conditionOf, sinceSeconds } from './conditions.ts';
import { keptPartOf } from './slices.ts';
import type { UseSharing } from './configuration.ts';
import type { Reckon } from './reckon.ts';
import type { RunTimePredictor } from './prediction/predictor.ts';
import { optionsOf, rulesOf, tenantRuleOf } from './settings.ts';

export interface Configuration {
  queues: readonly ClusterQueue[];
  cohorts: readonly Cohort[];
  localQueues: readonly LocalQueue[];
  /** Fair sharing among the queues of a cohort; undefined without it. */
  fairRules: readonly FairRule[] | undefined;
  useSharing: UseSharing;
  topologies: Topologies;
}

/** A ClusterQueue at work. */
export interface LiveQueue extends Member {
  readonly object: ClusterQueue;
  /** What Workloads hold in fact: more than the policy reckons with while stopped ones have not ended yet. */
  readonly ledger: QuotaRoom;
  /** Whether those that fit go past those that do not. */
  readonly skips: boolean;
}

export interface LivePool {
  readonly pool: Pool;
  readonly queues: readonly LiveQueue[];
  /** The ledgers' nodes of its cohorts. */
  readonly cohorts: ReadonlyMap<string, QuotaNode>;
  readonly indexes: ResourceIndexes;
}

/** One pool for each tree of cohorts, and for each queue without one. Cohorts that are their own ancestors are left out, with their queues. */
export function buildPools({ queues, cohorts, localQueues, fairRules, useSharing, topologies }: Configuration, predictor: RunTimePredictor): LivePool[] {
  const byName = new Map(cohorts.map((each) => [each.metadata.name ?? '', each]));
  // Flavors, and so their nodes, may be those of many queues.
  const [decided, held] = [new TopologyUse(topologies.of), new TopologyUse(topologies.of)];
  const [roots, under] = [new Map<string, ClusterQueue[]>(), Map.groupBy(byName.keys(), (name) => rootOf(name, byName))];
  for (const queue of queues) {
    const cohort = queue.spec?.cohort || undefined;
    const root = cohort === undefined ? `queue/${queue.metadata.name}` : rootOf(cohort, byName);
    if (root !== undefined) roots.set(root, [...(roots.get(root) ?? []), queue]);
  }
  return [...roots].map(([root, members]) => buildPool(members, byName, { names: under.get(root) ?? [], localQueues, predictor, fairRules, useSharing, isTopological: (flavor) => topologies.levelsOf(flavor) !== undefined, decided, held }));
}

function rootOf(name: string, cohorts: ReadonlyMap<string, Cohort>): string | undefined {
  const seen = new Set<string>();
  for (let at = name; ; at = cohorts.get(at)!.spec!.parent!) {
    if (seen.has(at)) return undefined;
    seen.add(at);
    if (!cohorts.get(at)?.spec?.parent) return `cohort/${at}`;
  }
}

interface Parts {
  /** All cohorts of the tree: those that no queue is in lend, too. */
  names: readonly string[];
  localQueues: readonly LocalQueue[];
  predictor: RunTimePredictor;
  fairRules: readonly FairRule[] | undefined;
  useSharing: UseSharing;
  isTopological(flavor: string): boolean;
  /** What is taken in domains of topologies, as the policies have it and as it is. */
  decided: TopologyUse;
  held: TopologyUse;
}

function buildPool(queues: readonly ClusterQueue[], cohorts: ReadonlyMap<string, Cohort>, { names, localQueues, predictor, fairRules, useSharing, isTopological, decided, held }: Parts): LivePool {
  const indexes = new Map<string, number>();
  const chains = queues.map((queue) => chainOf(queue.spec?.cohort || undefined, cohorts));
  for (const group of [...queues.flatMap(({ spec }) => spec?.resourceGroups ?? []), ...[...chains.flat(), ...names].flatMap((name) => cohorts.get(name)?.spec?.resourceGroups ?? [])]) {
    for (const { name, resources } of group.flavors) for (const resource of resources) indexes.set(`${name}/${resource.name}`, indexes.get(`${name}/${resource.name}`) ?? indexes.size);
  }
  // What a queue may borrow is known when all of the tree are there.
  const cohortNodes = new Map<string, QuotaNode>();
  const [nodes, ledgers] = [queues.map(createTree({ cohorts, names, indexes })), queues.map(createTree({ cohorts, names, indexes }, cohortNodes))];
  const byResource = [...Map.groupBy(indexes, ([key]) => key.slice(key.indexOf('/') + 1)).values()].map((flavors) => flavors.map(([, index]) => index));
  const live = queues.map((object, index): LiveQueue => {
    const has = flavorsOf(object).some(isTopological);
    const parts = { indexes, sharesFairly: fairRules !== undefined };
    const [room, ledger] = [roomOf(object, nodes[index]!, { ...parts, topologies: has ? decided : undefined }), roomOf(object, ledgers[index]!, { ...parts, topologies: has ? held : undefined })];
    const options = optionsOf(object, localQueues.filter(({ spec }) => spec?.clusterQueue === object.metadata.name), { useSharing, resources: room.dimensions.map(({ resource }) => resource) });
    return {
      name: object.metadata.name ?? '', object, room, ledger, rules: rulesOf(object), preemptors: options.backfill === 'skip' ? SOME_PREEMPTORS : 1, skips: options.backfill === 'skip',
      admission: new Admission({ ...options, predictor, room }),
    };
  });
  return { pool: new Pool(live, fairRules === undefined ? {} : { sharing: { indexes: byResource, rules: fairRules } }), queues: live, cohorts: cohortNodes, indexes: byResource };
}

/** A cohort and those that it is in. */
function chainOf(name: string | undefined, cohorts: ReadonlyMap<string, Cohort>): string[] {
  return name === undefined ? [] : [name, ...chainOf(cohorts.get(name)?.spec?.parent || undefined, cohorts)];
}

interface Tree { cohorts: ReadonlyMap<string, Cohort>; names: readonly string[]; indexes: ReadonlyMap<string, number> }

function createTree({ cohorts, names, indexes }: Tree, nodes = new Map<string, QuotaNode>()): (queue: ClusterQueue) => QuotaNode {
  const cohortNode = (name: string): QuotaNode => {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const { parent, resourceGroups = [], fairSharing } = cohorts.get(name)?.spec ?? {};
    const node = new QuotaNode({ name, weight: weightOf(fairSharing), ...quotaOf(resourceGroups, indexes), ...(parent ? { parent: cohortNode(parent) } : {}) });
    nodes.set(name, node);
    return node;
  };
  for (const name of names) cohortNode(name);
  return ({ metadata, spec }) => new QuotaNode({ name: metadata.name ?? '', weight: weightOf(spec?.fairSharing), ...quotaOf(spec?.stopPolicy === undefined || spec.stopPolicy === 'None' ? (spec?.resourceGroups ?? []) : [], indexes), ...(spec?.cohort ? { parent: cohortNode(spec.cohort) } : {}) });
}

function weightOf(fairSharing: FairSharing | undefined): number {
  return quantityMillis(fairSharing?.weight ?? '1') / 1_000;
}

function quotaOf(groups: readonly ResourceGroup[], indexes: ReadonlyMap<string, number>): { nominal: number[]; borrowingLimit: number[]; lendingLimit: number[] } {
  const vector = (fill: number): number[] => Array.from({ length: indexes.size }, () => fill);
  const quota = { nominal: vector(0), borrowingLimit: vector(Infinity), lendingLimit: vector(Infinity) };
  for (const { flavors } of groups) {
    for (const { name: flavor, resources } of flavors) {
      for (const { name, nominalQuota, borrowingLimit, lendingLimit } of resources) {
        const index = indexes.get(`${flavor}/${name}`)!;
        quota.nominal[index] = amountOf(name, nominalQuota);
        if (borrowingLimit !== undefined) quota.borrowingLimit[index] = amountOf(name, borrowingLimit);
        if (lendingLimit !== undefined) quota.lendingLimit[index] = amountOf(name, lendingLimit);
      }
    }
  }
  return quota;
}

export function flavorsOf({ spec }: ClusterQueue): string[] {
  return (spec?.resourceGroups ?? []).flatMap(({ flavors }) => flavors.map(({ name }) => name));
}

interface RoomParts { indexes: ReadonlyMap<string, number>; sharesFairly: boolean; topologies: TopologyUse | undefined }

function roomOf({ spec }: ClusterQueue, node: QuotaNode, { indexes, sharesFairly, topologies }: RoomParts): QuotaRoom {
  const prefixes = spec?.excludeResourcePrefixes ?? [];
  return new QuotaRoom({
    node,
    groups: (spec?.resourceGroups ?? []).map(({ coveredResources, flavors }) => ({ resources: coveredResources, flavors: flavors.map(({ name }) => name) })),
    indexOf: (flavor, resource) => indexes.get(`${flavor}/${resource}`)!,
    ...searchOf(spec, sharesFairly),
    ...(topologies !== undefined && { topologies }),
    excluded: (resource) => prefixes.some((prefix) => resource === prefix || resource.startsWith(prefix.endsWith('-') ? prefix : `${prefix}/`)),
  });
}

/** Source: Kueue, flavorassigner (shouldTryNextFlavor, canPreemptWhileBorrowing). `Preempt` is the word that v1beta1 had first. */
function searchOf(spec: ClusterQueue['spec'], sharesFairly: boolean) {
  const { whenCanPreempt = '', whenCanBorrow, preference } = spec?.flavorFungibility ?? {};
  const { withinClusterQueue = 'Never', reclaimWithinCohort = 'Never', borrowWithinCohort } = spec?.preemption ?? {};
  const stops = ['MayStopSearch', 'Preempt'].includes(whenCanPreempt) && (withinClusterQueue !== 'Never' || reclaimWithinCohort !== 'Never');
  const triesNextBeforeBorrowing = whenCanBorrow === 'TryNextFlavor';
  const mayBorrow = (borrowWithinCohort?.policy ?? 'Never') !== 'Never' || (sharesFairly && reclaimWithinCohort !== 'Never');
  const prefersPreemption = preference === 'PreemptionOverBorrowing' && triesNextBeforeBorrowing && (withinClusterQueue !== 'Never' || reclaimWithinCohort !== 'Never');
  return { prefersPreemption, stopsWherePreemptable: stops, stopsWhileBorrowing: stops && mayBorrow && !triesNextBeforeBorrowing, triesNextBeforeBorrowing };
}

export interface JobParts {
  localQueue: LocalQueue | undefined;
  flavorOf(name: string): ResourceFlavor | undefined;
  reckon: Reckon;
  /** Whether one whose pods did not become ready stands where its eviction places it. */
  byEviction: boolean;
  levelsOf(flavor: string): readonly string[] | undefined;
  /** Of a slice of an elastic job: the Workload that it is to replace. */
  replacedBy(workload: Workload): Workload | undefined;
}

/** The Workload as a job of the queue. */
export function jobOf(workload: Workload, { object, room }: Pick<LiveQueue, 'object' | 'room'>, { localQueue, flavorOf, reckon, byEviction, levelsOf, replacedBy }: JobParts): QuotaJob {
  const demand = demandOf(workload, { flavorOf, reckon, levelsOf, before: replacedBy(workload), onlyTopologies: flavorsOf(object).every((each) => levelsOf(each) !== undefined) });
  const told = toldSeconds(workload);
  const job: QuotaJob = {
    id: `${workload.metadata.namespace}/${workload.metadata.name}`, submittedAt: queuedAt(workload, byEviction), request: [], demand, priority: workload.spec.priority ?? 0,
    tenant: tenantOf(workload, object, localQueue), likeness: likenessOf(workload),
    timesPreempted: workload.status?.schedulingStats?.evictions?.find(({ reason }) => reason === 'Preempted')?.count ?? 0,
    ...(told !== undefined && { toldSeconds: told }), ...resumptionOf(workload),
    ...(workload.spec.maximumExecutionTimeSeconds !== undefined && { estimateSeconds: workload.spec.maximumExecutionTimeSeconds }),
  };
  return { ...job, request: (room.place(job, room.capacity) ?? { amount: room.capacity }).amount };
}

/** Who was stopped by a check, or for pods that did not become ready, has lost its place. Source: Kueue, workload.Ordering.GetQueueOrderTimestamp. */
export function queuedAt(workload: Workload, byEviction: boolean): number {
  const { status, reason } = conditionOf(workload, 'Evicted') ?? {};
  const isBack = status === 'True' && (reason === 'AdmissionCheck' || (byEviction && reason === 'PodsReadyTimeout'));
  return (isBack ? sinceSeconds(workload, 'Evicted') : undefined) ?? submittedAt(workload);
}

/** Whose share it counts against. */
function tenantOf({ metadata, spec }: Workload, queue: ClusterQueue, localQueue: LocalQueue | undefined): string {
  const by = tenantRuleOf(queue);
  if (by === 'localqueue') return `${metadata.namespace}/${localQueue?.metadata.name ?? spec.queueName}`;
  const label = by.startsWith('label:') ? by.slice('label:'.length) : undefined;
  return (label !== undefined ? (metadata.labels?.[label] ?? spec.podSets[0]?.template.metadata?.labels?.[label]) : undefined) ?? metadata.namespace ?? '';
}

/** What a Workload that has quota holds of the queue. Flavors that the queue has no more count for nothing. */
export function placementOf({ status, spec }: Workload, { room }: Pick<LiveQueue, 'room'>): QuotaPlacement {
  const amount = room.capacity.map(() => 0);
  const sets = (status?.admission?.podSetAssignments ?? []).map((assignment): SetPlacement => {
    const count = assignment.count ?? spec.podSets.find(({ name }) => name === assignment.name)?.count ?? 0;
    const left = keptPartOf({ spec, status }, assignment);
    const usage = new Map<string, number>();
    for (const [resource, quantity] of Object.entries(assignment.resourceUsage ?? {})) {
      const much = amountOf(resource, quantity) * left;
      const place = room.dimensions.findIndex((each) => each.flavor === assignment.flavors?.[resource] && each.resource === resource);
      usage.set(resource, much);
      if (place >= 0) amount[place]! += much;
    }
    const topology = topologyOf(assignment, count);
    return { name: assignment.name, count, flavors: new Map(Object.entries(assignment.flavors ?? {})), usage, ...(topology !== undefined && { topology }) };
  });
  return { amount, sets, borrows: false };
}

/** Of a Workload that has quota: each pod holds its part of what all of them use. */
function topologyOf({ topologyAssignment, flavors = {}, resourceUsage = {} }: PodSetAssignment, count: number): TopologyPlacement | undefined {
  if (topologyAssignment === undefined) return undefined;
  const perPod = new Map(Object.entries(resourceUsage).map(([resource, quantity]) => [resource, amountOf(resource, quantity) / Math.max(1, count)] as const));
  return { flavor: Object.values(flavors)[0] ?? '', levels: topologyAssignment.levels, domains: topologyAssignment.domains, perPod: new Map([...perPod, ['pods', 1]]) };
}
