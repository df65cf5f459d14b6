/**
 * Cluster: all nodes and pods as the scheduler sees them, kept up to date event by event, so that a scheduling cycle copies nothing.
 * Pods are assumed on their node as soon as it is chosen, before the API says so.
 */
import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import type { Labels } from '../../../api/selector.ts';
import { NodeInfo } from './node-info.ts';
import { podInfoOf, type AffinityTerm, type PodInfo } from './pod-info.ts';
import { Services } from './services.ts';

/** How many pods there are on each node, of those that a test picks. */
export type CountByNode = Map<NodeInfo, number>;

/** Equal affinity terms of many pods, with where those pods are. */
export interface TermGroup {
  term: AffinityTerm;
  byNode: CountByNode;
}

export type TermList = 'required' | 'requiredAnti' | 'preferred' | 'preferredAnti';

interface Counter {
  test(info: PodInfo): boolean;
  byNode: CountByNode;
}

/** Counts of selectors that are asked for again and again; the one not used for longest goes first. */
const MOST_COUNTERS = 256;

export class Cluster {
  /** Nodes that exist, in the order in which they came. */
  readonly nodes: NodeInfo[] = [];
  readonly services = new Services();
  readonly #byName = new Map<string, NodeInfo>();
  readonly #placed = new Map<string, { info: PodInfo; node: NodeInfo }>();
  readonly #byController = new Map<string, CountByNode>();
  readonly #counters = new Map<string, Counter>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #images = new Map<string, number>();
  readonly #nominated = new Map<string, { info: PodInfo; nodeName: string }>();
  readonly #terms: Record<TermList, Map<string, TermGroup>> = { required: new Map(), requiredAnti: new Map(), preferred: new Map(), preferredAnti: new Map() };

  node(name: string): NodeInfo | undefined {
    const info = this.#byName.get(name);
    return info?.node === undefined ? undefined : info;
  }

  setNode(node: Node): NodeInfo {
    const info = this.#nodeInfo(node.metadata.name ?? '');
    this.#countImages(info, -1);
    if (info.node === undefined) this.nodes.push(info);
    info.setNode(node);
    this.#countImages(info, 1);
    return info;
  }

  removeNode(name: string): void {
    const info = this.#byName.get(name);
    if (info?.node === undefined) return;
    this.#countImages(info, -1);
    info.setNode(undefined);
    this.nodes.splice(this.nodes.indexOf(info), 1);
    this.#dropIfEmpty(info);
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, labels);
    this.#counters.clear(); // affinity terms may ask for namespaces by label
  }

  namespaceLabels(name: string): Labels | undefined {
    return this.#namespaces.get(name);
  }

  /** The pod on its node, when it has one here. */
  placed(uid: string): { info: PodInfo; node: NodeInfo } | undefined {
    return this.#placed.get(uid);
  }

  /** A pod with a node, new or changed. What was assumed for it is replaced. */
  setPod(pod: Pod): void {
    const nodeName = pod.spec?.nodeName ?? '';
    const placed = this.#placed.get(pod.metadata.uid ?? '');
    if (placed !== undefined && placed.node.name === nodeName && isSameForUs(placed.info, pod)) {
      placed.info.pod = pod;
      return;
    }
    const info = podInfoOf(pod);
    this.removePod(info.uid);
    this.place(info, nodeName);
  }

  /** Puts the pod on the node: assumed, or known to be there. */
  place(info: PodInfo, nodeName: string): void {
    const node = this.#nodeInfo(nodeName);
    this.#nominated.delete(info.uid);
    node.addPod(info);
    this.#placed.set(info.uid, { info, node });
    this.#count(info, node, 1);
  }

  removePod(uid: string): PodInfo | undefined {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return undefined;
    this.#placed.delete(uid);
    placed.node.removePod(placed.info);
    this.#count(placed.info, placed.node, -1);
    this.#dropIfEmpty(placed.node);
    return placed.info;
  }

  /** Keeps room on a node for a pod that made it by preemption, until it is placed or gives it up. */
  nominate(info: PodInfo, nodeName: string): void {
    this.#nominated.set(info.uid, { info, nodeName });
  }

  /** Gives the pod, when it was nominated. */
  withdrawNomination(uid: string): PodInfo | undefined {
    const { info } = this.#nominated.get(uid) ?? {};
    this.#nominated.delete(uid);
    return info;
  }

  /** The pod and the node that it is nominated to. */
  nomination(uid: string): { info: PodInfo; nodeName: string } | undefined {
    return this.#nominated.get(uid);
  }

  /** Runs `work` as if the nominated pods that `pod` must give way to were there already. */
  withNominated<R>(pod: PodInfo, work: () => R): R {
    const rivals = this.#rivalsOf(pod);
    if (rivals.length === 0) return work();
    for (const { info, nodeName } of rivals) this.place(info, nodeName);
    try {
      return work();
    } finally {
      for (const { info, nodeName } of rivals) {
        this.removePod(info.uid);
        this.#nominated.set(info.uid, { info, nodeName });
      }
    }
  }

  /** Whether it has to give way to nominated pods. */
  hasRivals(pod: PodInfo): boolean {
    return this.#nominated.size > 0 && this.#rivalsOf(pod).length > 0;
  }

  /** Pods with a lower priority that are nominated to the node: they must look for another place. */
  nominatedBelow(nodeName: string, priority: number): PodInfo[] {
    return [...this.#nominated.values()].filter((each) => each.nodeName === nodeName && each.info.priority < priority).map(({ info }) => info);
  }

  #rivalsOf(pod: PodInfo): { info: PodInfo; nodeName: string }[] {
    if (this.#nominated.size === 0) return NO_RIVALS;
    return [...this.#nominated.values()].filter(({ info }) => info.uid !== pod.uid && info.priority >= pod.priority);
  }

  pods(): Iterable<{ info: PodInfo; node: NodeInfo }> {
    return this.#placed.values();
  }

  /** Pods of one controller by node, without those that are to go. */
  countOfController(uid: string): CountByNode {
    return this.#byController.get(uid) ?? NOWHERE;
  }

  /** Pods that `test` picks by node. `id` must be equal for equal tests: the count is kept and kept up to date. */
  countOf(id: string, test: (info: PodInfo) => boolean): CountByNode {
    let counter = this.#counters.get(id);
    if (counter === undefined) {
      counter = { test, byNode: new Map() };
      for (const { info, node } of this.#placed.values()) if (test(info)) bump(counter.byNode, node, 1);
      if (this.#counters.size >= MOST_COUNTERS) this.#counters.delete(this.#counters.keys().next().value ?? '');
    } else this.#counters.delete(id);
    this.#counters.set(id, counter);
    return counter.byNode;
  }

  /** The terms of all placed pods. */
  terms(list: TermList): Iterable<TermGroup> {
    return this.#terms[list].values();
  }

  hasTerms(list: TermList): boolean {
    return this.#terms[list].size > 0;
  }

  /** On how many nodes an image is. */
  nodesWithImage(name: string): number {
    return this.#images.get(name) ?? 0;
  }

  get hasImages(): boolean {
    return this.#images.size > 0;
  }

  /** Whether a term speaks of this pod. */
  termMatches(term: AffinityTerm, info: PodInfo): boolean {
    if (!term.namespaces.has(info.namespace) && term.namespaceSelector?.matches(this.#namespaces.get(info.namespace)) !== true) return false;
    return term.selector.matches(info.labels);
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.#byName.get(name);
    if (info === undefined) this.#byName.set(name, (info = new NodeInfo(name)));
    return info;
  }

  #dropIfEmpty(info: NodeInfo): void {
    if (info.node === undefined && info.pods.size === 0) this.#byName.delete(info.name);
  }

  #count(info: PodInfo, node: NodeInfo, by: 1 | -1): void {
    if (info.controllerUid !== undefined && info.pod.metadata.deletionTimestamp === undefined) {
      let byNode = this.#byController.get(info.controllerUid);
      if (byNode === undefined) this.#byController.set(info.controllerUid, (byNode = new Map()));
      bump(byNode, node, by);
      if (byNode.size === 0) this.#byController.delete(info.controllerUid);
    }
    for (const counter of this.#counters.values()) if (counter.test(info)) bump(counter.byNode, node, by);
    if (info.affinities === undefined) return;
    for (const list of ['required', 'requiredAnti', 'preferred', 'preferredAnti'] as const) {
      for (const term of info.affinities[list]) this.#countTerm(list, term, node, by);
    }
  }

  #countTerm(list: TermList, term: AffinityTerm, node: NodeInfo, by: 1 | -1): void {
    const groups = this.#terms[list];
    let group = groups.get(term.signature);
    if (group === undefined) groups.set(term.signature, (group = { term, byNode: new Map() }));
    bump(group.byNode, node, by);
    if (group.byNode.size === 0) groups.delete(term.signature);
  }

  #countImages(info: NodeInfo, by: 1 | -1): void {
    for (const name of info.imageBytes.keys()) {
      const count = (this.#images.get(name) ?? 0) + by;
      if (count <= 0) this.#images.delete(name);
      else this.#images.set(name, count);
    }
  }
}

const NOWHERE: CountByNode = new Map();
const NO_RIVALS: { info: PodInfo; nodeName: string }[] = [];

function bump(byNode: CountByNode, node: NodeInfo, by: number): void {
  const count = (byNode.get(node) ?? 0) + by;
  if (count <= 0) byNode.delete(node);
  else byNode.set(node, count);
}

/** The generation of a pod as it was made. */
const FIRST = 1;

/** Whether nothing changed that is counted: most changes of a pod are of its status. */
function isSameForUs({ pod: before, labels }: PodInfo, after: Pod): boolean {
  const { generation, deletionTimestamp } = before.metadata;
  // What is reserved for a pod whose spec was changed follows its status: its node grants what is wanted, or cannot.
  return generation === after.metadata.generation && (generation ?? FIRST) === FIRST && deletionTimestamp === after.metadata.deletionTimestamp && sameLabels(labels, after.metadata.labels);
}

function sameLabels(left: Labels, right: Labels = {}): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
