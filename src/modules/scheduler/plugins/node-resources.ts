/** NodeResourcesFit and NodeResourcesBalancedAllocation: requests against allocatable. */
import { noResources, type ResourceAmounts } from '../../../api/pod-requests.ts';
import type { ClusterEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { MOST_SCORE, type Plugin, type Rejection, type Scorer } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

export interface ScoredResource {
  name: string;
  /** Default 1. */
  weight?: number;
}

/** How full nodes are judged (kubescheduler.config.k8s.io ScoringStrategy). */
export type ScoringStrategy =
  | { type: 'LeastAllocated'; resources?: readonly ScoredResource[] }
  | { type: 'MostAllocated'; resources?: readonly ScoredResource[] }
  | { type: 'RequestedToCapacityRatio'; resources?: readonly ScoredResource[]; /** Utilization 0..100 to score 0..10, rising utilization. */ shape: readonly { utilization: number; score: number }[] };

const CPU_AND_MEMORY: readonly ScoredResource[] = [{ name: 'cpu', weight: 1 }, { name: 'memory', weight: 1 }];

/** Extended resources that nodes do not count, as where an extender does: by name, or by what stands before the slash. */
export interface IgnoredResources { resources?: readonly string[]; groups?: readonly string[] }

export function nodeResourcesFit(strategy: ScoringStrategy = { type: 'LeastAllocated' }, { resources: names = [], groups = [] }: IgnoredResources = {}): Plugin {
  const judge = judgeOf(strategy);
  const resources = strategy.resources ?? CPU_AND_MEMORY;
  const mean = strategy.type === 'RequestedToCapacityRatio' ? meanOfUsed : undefined;
  const ignores = names.length + groups.length === 0 ? undefined : (name: string): boolean => names.includes(name) || groups.includes(name.slice(0, Math.max(0, name.indexOf('/'))));
  return {
    name: 'NodeResourcesFit',
    filter: (pod) => (node) => missing(pod, node, ignores),
    score: (pod) => scorerOf(pod, resources, judge, mean),
    wakesFor: (event, pod) => mayFit(event, pod, ignores),
  };
}

type Ignores = ((name: string) => boolean) | undefined;

const REJECTIONS = new Map<string, Rejection>();

type Room = Pick<NodeInfo, 'allocatable' | 'allocatablePods' | 'requested'> & { pods: { readonly size: number } };
const NOTHING_TAKEN = { requested: noResources(), pods: new Map() };

function missing({ requests }: PodInfo, node: Room, ignores?: Ignores): Rejection | undefined {
  const { allocatable, requested } = node;
  let lacks = node.pods.size + 1 > node.allocatablePods ? 'Too many pods' : '';
  let impossible = node.allocatablePods < 1;
  const check = (name: string, wants: number, total: number, used: number): void => {
    if (wants <= 0 || wants <= total - used) return;
    lacks += `${lacks === '' ? '' : '|'}Insufficient ${name}`;
    if (wants > total) impossible = true;
  };
  check('cpu', requests.cpuMillis, allocatable.cpuMillis, requested.cpuMillis);
  check('memory', requests.memoryBytes, allocatable.memoryBytes, requested.memoryBytes);
  check('ephemeral-storage', requests.ephemeralStorageBytes, allocatable.ephemeralStorageBytes, requested.ephemeralStorageBytes);
  for (const name in requests.others) if (ignores?.(name) !== true) check(name, requests.others[name] ?? 0, allocatable.others?.[name] ?? 0, requested.others?.[name] ?? 0);
  return lacks === '' ? undefined : rejectionOf(lacks, impossible);
}

function rejectionOf(lacks: string, unresolvable: boolean): Rejection {
  const key = `${unresolvable}${lacks}`;
  let known = REJECTIONS.get(key);
  if (known === undefined) REJECTIONS.set(key, (known = { plugin: 'NodeResourcesFit', reasons: lacks.split('|'), unresolvable }));
  return known;
}

/** A node with room, or a pod that gives back some of what is lacking. */
function mayFit(event: ClusterEvent, pod: PodInfo, ignores: Ignores): boolean {
  switch (event.type) {
    case 'node-added': return mayHold(pod, event.node, ignores);
    case 'node-changed': return event.changed.allocatable && mayHold(pod, event.node, ignores);
    case 'pod-removed': case 'pod-shrunk': return true;
    default: return false;
  }
}

/** By what the node has in all: pods on it may have to make way. Source: upstream, isFit of the queueing hints. */
function mayHold(pod: PodInfo, node: NodeInfo, ignores: Ignores): boolean {
  return missing(pod, { ...NOTHING_TAKEN, allocatable: node.allocatable, allocatablePods: node.allocatablePods }, ignores) === undefined;
}

type Judge = (requested: number, allocatable: number) => number;

function judgeOf(strategy: ScoringStrategy): Judge {
  if (strategy.type === 'LeastAllocated') return (requested, allocatable) => (requested > allocatable ? 0 : Math.floor(((allocatable - requested) * MOST_SCORE) / allocatable));
  // Pods without requests count for some, so that more may be asked for than there is.
  if (strategy.type !== 'RequestedToCapacityRatio') return (requested, allocatable) => Math.floor((Math.min(requested, allocatable) * MOST_SCORE) / allocatable);
  const points = strategy.shape.map(({ utilization, score }) => ({ utilization, score: score * 10 }));
  return (requested, allocatable) => interpolate(points, requested > allocatable ? 100 : Math.floor((requested * 100) / allocatable));
}

function interpolate(points: readonly { utilization: number; score: number }[], utilization: number): number {
  let before = points[0] ?? { utilization: 0, score: 0 };
  for (const point of points) {
    if (utilization <= point.utilization) {
      const width = point.utilization - before.utilization;
      return width === 0 ? point.score : Math.floor(before.score + ((point.score - before.score) * (utilization - before.utilization)) / width);
    }
    before = point;
  }
  return before.score;
}

/** What scores nothing does not count. Source: upstream, buildRequestedToCapacityRatioScorerFunction. */
function meanOfUsed(scores: readonly (readonly [score: number, weight: number])[]): number {
  const used = scores.filter(([score]) => score > 0);
  const weights = used.reduce((sum, [, weight]) => sum + weight, 0);
  return weights === 0 ? 0 : Math.round(used.reduce((sum, [score, weight]) => sum + score * weight, 0) / weights);
}

function scorerOf(pod: PodInfo, resources: readonly ScoredResource[], judge: Judge, mean: typeof meanOfUsed | undefined): Scorer {
  if (mean !== undefined) return { score: (node) => mean(resources.filter(({ name }) => isScored(pod, node, name)).map(({ name, weight = 1 }) => [judge(usedBy(node, name) + wantedBy(pod, name), amountOf(node.allocatable, name)), weight])) };
  if (resources === CPU_AND_MEMORY) return { score: (node) => cpuAndMemory(pod, node, judge) };
  return {
    score(node) {
      let sum = 0;
      let weights = 0;
      for (const { name, weight = 1 } of resources) {
        if (!isScored(pod, node, name)) continue;
        sum += weight * judge(usedBy(node, name) + wantedBy(pod, name), amountOf(node.allocatable, name));
        weights += weight;
      }
      return weights === 0 ? 0 : Math.floor(sum / weights);
    },
  };
}

/** Extended resources count for pods that ask for them. */
function isScored({ requests }: PodInfo, { allocatable }: NodeInfo, name: string): boolean {
  if (amountOf(allocatable, name) === 0) return false;
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || (requests.others?.[name] ?? 0) > 0;
}

function cpuAndMemory(pod: PodInfo, node: NodeInfo, judge: Judge): number {
  const { cpuMillis, memoryBytes } = node.allocatable;
  const count = (cpuMillis > 0 ? 1 : 0) + (memoryBytes > 0 ? 1 : 0);
  if (count === 0) return 0;
  const cpu = cpuMillis > 0 ? judge(node.nonZeroCpuMillis + pod.nonZeroCpuMillis, cpuMillis) : 0;
  const memory = memoryBytes > 0 ? judge(node.nonZeroMemoryBytes + pod.nonZeroMemoryBytes, memoryBytes) : 0;
  return Math.floor((cpu + memory) / count);
}

function amountOf(amounts: ResourceAmounts, name: string): number {
  if (name === 'cpu') return amounts.cpuMillis;
  if (name === 'memory') return amounts.memoryBytes;
  return name === 'ephemeral-storage' ? amounts.ephemeralStorageBytes : (amounts.others?.[name] ?? 0);
}

function usedBy(node: NodeInfo, name: string): number {
  return name === 'cpu' ? node.nonZeroCpuMillis : name === 'memory' ? node.nonZeroMemoryBytes : amountOf(node.requested, name);
}

function wantedBy(pod: PodInfo, name: string): number {
  return name === 'cpu' ? pod.nonZeroCpuMillis : name === 'memory' ? pod.nonZeroMemoryBytes : amountOf(pod.requests, name);
}

/** Prefers nodes whose resources would be used to the same degree, cpu and memory by default. */
export function balancedAllocation(resources: readonly ScoredResource[] = CPU_AND_MEMORY): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    score(pod) {
      if (resources.every(({ name }) => amountOf(pod.requests, name) === 0)) return undefined; // it changes no balance
      return { score: resources === CPU_AND_MEMORY ? (node) => balanceOfTwo(pod, node) : (node) => balance(pod, node, resources) };
    },
  };
}

function balanceOfTwo({ requests }: PodInfo, { allocatable, requested }: NodeInfo): number {
  if (allocatable.cpuMillis === 0 || allocatable.memoryBytes === 0) return MOST_SCORE;
  const cpu = Math.min(1, (requested.cpuMillis + requests.cpuMillis) / allocatable.cpuMillis);
  const memory = Math.min(1, (requested.memoryBytes + requests.memoryBytes) / allocatable.memoryBytes);
  return Math.floor((1 - Math.abs(cpu - memory) / 2) * MOST_SCORE);
}

/** By the standard deviation of the parts that are used. */
function balance(pod: PodInfo, node: NodeInfo, resources: readonly ScoredResource[]): number {
  const parts = resources.filter(({ name }) => isScored(pod, node, name)).map(({ name }) => Math.min(1, (amountOf(node.requested, name) + amountOf(pod.requests, name)) / amountOf(node.allocatable, name)));
  if (parts.length < 2) return MOST_SCORE;
  const mean = parts.reduce((sum, each) => sum + each, 0) / parts.length;
  const deviation = parts.length === 2 ? Math.abs(parts[0]! - parts[1]!) / 2 : Math.sqrt(parts.reduce((sum, each) => sum + (each - mean) ** 2, 0) / parts.length);
  return Math.floor((1 - deviation) * MOST_SCORE);
}
