/** NodeResourcesFit and NodeResourcesBalancedAllocation: requests against allocatable. */
import type { ResourceAmounts } from '../../../api/pod-requests.ts';
import type { ClusterEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { MOST_SCORE, type Plugin, type Rejection, type Scorer } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

export interface ScoredResource {
  name: string;
  weight: number;
}

/** How full nodes are judged (kubescheduler.config.k8s.io ScoringStrategy). */
export type ScoringStrategy =
  | { type: 'LeastAllocated'; resources?: readonly ScoredResource[] }
  | { type: 'MostAllocated'; resources?: readonly ScoredResource[] }
  | { type: 'RequestedToCapacityRatio'; resources?: readonly ScoredResource[]; /** Utilization 0..100 to score 0..10, rising utilization. */ shape: readonly { utilization: number; score: number }[] };

const CPU_AND_MEMORY: readonly ScoredResource[] = [{ name: 'cpu', weight: 1 }, { name: 'memory', weight: 1 }];

export function nodeResourcesFit(strategy: ScoringStrategy = { type: 'LeastAllocated' }): Plugin {
  const judge = judgeOf(strategy);
  const resources = strategy.resources ?? CPU_AND_MEMORY;
  return {
    name: 'NodeResourcesFit',
    filter: (pod) => (node) => missing(pod, node),
    score: (pod) => scorerOf(pod, resources, judge),
    wakesFor: (event, pod) => mayFit(event, pod),
  };
}

const REJECTIONS = new Map<string, Rejection>();

function missing({ requests }: PodInfo, node: NodeInfo): Rejection | undefined {
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
  for (const name in requests.others) check(name, requests.others[name] ?? 0, allocatable.others?.[name] ?? 0, requested.others?.[name] ?? 0);
  return lacks === '' ? undefined : rejectionOf(lacks, impossible);
}

function rejectionOf(lacks: string, unresolvable: boolean): Rejection {
  const key = `${unresolvable}${lacks}`;
  let known = REJECTIONS.get(key);
  if (known === undefined) REJECTIONS.set(key, (known = { plugin: 'NodeResourcesFit', reasons: lacks.split('|'), unresolvable }));
  return known;
}

/** A node with room, or a pod that gives back some of what is lacking. */
function mayFit(event: ClusterEvent, pod: PodInfo): boolean {
  switch (event.type) {
    case 'node-added': return missing(pod, event.node) === undefined;
    case 'node-changed': return event.changed.allocatable && missing(pod, event.node) === undefined;
    case 'pod-removed': case 'pod-shrunk': return true;
    default: return false;
  }
}

type Judge = (requested: number, allocatable: number) => number;

function judgeOf(strategy: ScoringStrategy): Judge {
  if (strategy.type === 'LeastAllocated') return (requested, allocatable) => (requested > allocatable ? 0 : Math.floor(((allocatable - requested) * MOST_SCORE) / allocatable));
  if (strategy.type !== 'RequestedToCapacityRatio') return (requested, allocatable) => (requested > allocatable ? 0 : Math.floor((requested * MOST_SCORE) / allocatable));
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

function scorerOf(pod: PodInfo, resources: readonly ScoredResource[], judge: Judge): Scorer {
  if (resources === CPU_AND_MEMORY) return { score: (node) => cpuAndMemory(pod, node, judge) };
  return {
    score(node) {
      let sum = 0;
      let weights = 0;
      for (const { name, weight } of resources) {
        const allocatable = amountOf(node.allocatable, name);
        if (allocatable === 0) continue;
        sum += weight * judge(usedBy(node, name) + wantedBy(pod, name), allocatable);
        weights += weight;
      }
      return weights === 0 ? 0 : Math.floor(sum / weights);
    },
  };
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

/** Prefers nodes whose cpu and memory would be used to the same degree. */
export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  score({ requests }) {
    if (requests.cpuMillis === 0 && requests.memoryBytes === 0) return undefined; // it changes no balance
    return {
      score({ allocatable, requested }) {
        if (allocatable.cpuMillis === 0 || allocatable.memoryBytes === 0) return MOST_SCORE;
        const cpu = Math.min(1, (requested.cpuMillis + requests.cpuMillis) / allocatable.cpuMillis);
        const memory = Math.min(1, (requested.memoryBytes + requests.memoryBytes) / allocatable.memoryBytes);
        return Math.floor((1 - Math.abs(cpu - memory) / 2) * MOST_SCORE);
      },
    };
  },
};
