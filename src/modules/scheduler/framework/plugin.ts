/**
 * Plugin: one opinion on where pods go. The points are upstream's scheduling framework (preEnqueue, queueSort, preFilter, filter,
 * postFilter, score, reserve, permit, bind); per-pod state lives in the functions that filter and score prepare, so a cycle over
 * thousands of nodes allocates once a pod and not once a node. Nothing here does I/O.
 */
import type { Cluster } from './cluster.ts';
import type { ClusterEvent } from './cluster-event.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Scores are 0 (worst) to 100. */
export const MOST_SCORE = 100;

/** Why a pod may not go to a node. Make one a reason and use it again: they are counted by identity. */
export interface Rejection {
  plugin: string;
  /** As in upstream's messages: `Insufficient cpu`. */
  reasons: readonly string[];
  /** Whether taking pods off the node would not help. */
  unresolvable: boolean;
}

export type NodeTest = (node: NodeInfo) => Rejection | undefined;

export interface Scorer {
  /** Any number; without `normalize` it must be 0 to 100. */
  score(node: NodeInfo): number;
  /** Brings the first `count` scores to 0..100, in place. */
  normalize?(scores: Float64Array, count: number): void;
}

/** Looked at before any node: the pod cannot go anywhere now, or only to some nodes. */
export interface PreFilterResult {
  rejection?: Rejection;
  /** What it looks at is not read yet, as after a start: nothing follows for the node that the pod keeps. */
  isUnread?: boolean;
  nodeNames?: ReadonlySet<string>;
}

export interface PostFilterResult {
  /** What is added to the pod's message: `preemption: ...`. */
  message: string;
  /** Make room there by deleting these pods. */
  nominated?: { node: NodeInfo; victims: readonly PodInfo[] };
  /** No node can be made room on: the pod keeps none for itself any longer. */
  isHopeless?: boolean;
}

export interface FilterFailure {
  pod: PodInfo;
  cluster: Cluster;
  rejections: ReadonlyMap<NodeInfo, Rejection>;
  /** Prepares all filters anew for the cluster as it is now. */
  prepare(): NodeTest;
}

export interface Plugin {
  name: string;
  /** A reason to keep the pod out of the queue. */
  preEnqueue?(pod: PodInfo): string | undefined;
  /** Order of the queue: below zero, `left` goes first. */
  queueSort?(left: QueueOrder, right: QueueOrder): number;
  preFilter?(pod: PodInfo, cluster: Cluster): PreFilterResult | undefined;
  /** Prepares the test of nodes for one pod; undefined has nothing against any node. */
  filter?(pod: PodInfo, cluster: Cluster): NodeTest | undefined;
  postFilter?(failure: FilterFailure): PostFilterResult | undefined;
  /** Prepares the scores for one pod; undefined has no preference. */
  score?(pod: PodInfo, cluster: Cluster, feasible: readonly NodeInfo[]): Scorer | undefined;
  /** Sets something aside when the node is chosen; a text refuses. */
  reserve?(pod: PodInfo, node: NodeInfo): string | undefined;
  /** Gives it back; must be safe when nothing was set aside. */
  unreserve?(pod: PodInfo, node: NodeInfo): void;
  /** May hold the pod before it is bound; a rejection sends it back to the queue. */
  permit?(pod: PodInfo, node: NodeInfo, signal: AbortSignal): Promise<void> | undefined;
  /** Whether the event may make room for a pod that this plugin rejected. Absent: any event may. */
  wakesFor?(event: ClusterEvent, pod: PodInfo): boolean;
}

export interface QueueOrder {
  info: PodInfo;
  addedMs: number;
  /** Rises with each pod, so that equal times keep their order. */
  sequence: number;
}

/** Plugins with their weights in the sum of scores, for the pods of one schedulerName. */
export interface Profile {
  schedulerName: string;
  plugins: readonly Plugin[];
  /** By plugin name; default 1. */
  weights: Readonly<Record<string, number>>;
  /** Of the nodes, how many to look at for enough feasible ones; 0 lets the size decide (upstream's percentageOfNodesToScore). */
  percentageOfNodesToScore: number;
}

export function rejection(plugin: string, reason: string, options: { unresolvable?: boolean } = {}): Rejection {
  return { plugin, reasons: [reason], unresolvable: options.unresolvable === true };
}
