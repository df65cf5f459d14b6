/** Where pods of a DaemonSet are to be made and which are to go: first what every node needs, then the rollout (upstream: manage, rollingUpdate). Pure. */
import type { DaemonSet } from '../../../api/generated/apps-v1.ts';
import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import { isPodAvailable, isPodReady, isPodTerminal } from '../../../api/pod-readiness.ts';
import { isPodUpdated, nodeOf, suitability, type Suitability } from './nodes.ts';

const BURST = 250;

export interface Observed {
  set: DaemonSet;
  /** Of the newest revision. */
  hash: string;
  nodes: readonly Node[];
  pods: readonly Pod[];
  nowMs: number;
  /** Ms until a failed pod of the node may be deleted; 0 when at once. */
  backoffMs(nodeName: string): number;
}

export interface DaemonPlan {
  /** Names of nodes. */
  create: string[];
  remove: Pod[];
  /** Pods among `remove` that ended, of which an event tells. */
  ended: Pod[];
  waitMs?: number;
}

/** Pods by node; those without a node that is known are under its name all the same. */
export function podsByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = nodeOf(pod);
    if (name === undefined || (isPodTerminal(pod) && pod.metadata.deletionTimestamp !== undefined)) continue;
    const there = byNode.get(name);
    if (there === undefined) byNode.set(name, [pod]);
    else there.push(pod);
  }
  for (const there of byNode.values()) there.sort(byAge);
  return byNode;
}

/** Bound ones first, then the oldest. */
function byAge(left: Pod, right: Pod): number {
  return Number(!left.spec?.nodeName) - Number(!right.spec?.nodeName) || compareText(left.metadata.creationTimestamp, right.metadata.creationTimestamp) || compareText(left.metadata.name, right.metadata.name);
}

function compareText(left = '', right = ''): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

export function planDaemonSet(observed: Observed): DaemonPlan {
  const plan = manage(observed);
  const isDue = plan.create.length + plan.remove.length === 0 && observed.set.spec?.updateStrategy?.type !== 'OnDelete';
  const whole = isDue ? { ...plan, ...rollOut(observed) } : plan;
  return { ...whole, create: whole.create.slice(0, BURST), remove: whole.remove.slice(0, BURST) };
}

function manage(observed: Observed): DaemonPlan {
  const plan: DaemonPlan = { create: [], remove: [], ended: [] };
  const byNode = podsByNode(observed.pods);
  const judge = suitability(observed.set);
  const names = new Set<string>();
  for (const node of observed.nodes) {
    const name = node.metadata.name ?? '';
    names.add(name);
    manageNode(observed, { name, pods: byNode.get(name), ...judge(node) }, plan);
  }
  // Never bound, and their node is gone: nobody else would delete them.
  for (const [name, pods] of byNode) if (!names.has(name)) plan.remove.push(...pods.filter((each) => !each.spec?.nodeName && each.metadata.deletionTimestamp === undefined));
  return plan;
}

function manageNode(observed: Observed, { name, pods, shouldRun, mayStay }: Suitability & { name: string; pods: Pod[] | undefined }, plan: DaemonPlan): void {
  if (shouldRun && pods === undefined) return void plan.create.push(name);
  const present = (pods ?? []).filter((each) => each.metadata.deletionTimestamp === undefined);
  if (!mayStay) return void plan.remove.push(...present);
  for (const pod of present.filter(isPodTerminal)) {
    const waitMs = pod.status?.phase === 'Failed' ? observed.backoffMs(name) : 0;
    if (waitMs > 0) plan.waitMs = Math.min(plan.waitMs ?? Infinity, waitMs);
    else {
      plan.remove.push(pod);
      plan.ended.push(pod);
    }
  }
  const running = present.filter((each) => !isPodTerminal(each));
  if (!allowsSurge(observed.set)) return void plan.remove.push(...running.slice(1));
  if (running.length === 0 && shouldRun) plan.create.push(name);
  if (running.length > 1) plan.remove.push(...surplusOfSurge(observed, running));
}

/** While a node is changed over two pods may run: the old one while it is ready and the new one is not available. */
function surplusOfSurge({ set, hash, nowMs }: Observed, running: readonly Pod[]): Pod[] {
  const [newest, ...moreNew] = running.filter((each) => isPodUpdated(each, set, hash));
  const [oldest, ...moreOld] = running.filter((each) => !isPodUpdated(each, set, hash));
  const remove = [...moreNew, ...moreOld];
  if (newest !== undefined && oldest !== undefined && (!isPodReady(oldest) || isAvailable(newest, set, nowMs))) remove.push(oldest);
  return remove;
}

function rollOut(observed: Observed): Pick<DaemonPlan, 'create' | 'remove'> {
  const { set, nodes, pods } = observed;
  const judge = suitability(set);
  const byNode = podsByNode(pods);
  const suited = new Map(nodes.map((node) => [node.metadata.name ?? '', judge(node).shouldRun]));
  const desired = [...suited.values()].filter(Boolean).length;
  for (const [name, shouldRun] of suited) if (shouldRun && !byNode.has(name)) byNode.set(name, []);
  const { maxSurge, maxUnavailable } = limits(set, desired);
  const turns = [...byNode].sort(([left], [right]) => compareText(left, right)).map(([name, there]) => ({ name, shouldRun: suited.get(name) === true, ...changeover(observed, there) }));
  return maxSurge === 0 ? replaceInPlace(observed, turns, maxUnavailable) : replaceBeside(observed, turns, { maxSurge, desired });
}

interface Turn {
  name: string;
  shouldRun: boolean;
  /** More than one pod of a side: left to the next round. */
  crowded: boolean;
  oldPod: Pod | undefined;
  newPod: Pod | undefined;
}

function changeover({ set, hash }: Observed, there: readonly Pod[]): Omit<Turn, 'name' | 'shouldRun'> {
  const present = there.filter((each) => each.metadata.deletionTimestamp === undefined);
  const newPods = present.filter((each) => isPodUpdated(each, set, hash));
  const oldPods = present.filter((each) => !isPodUpdated(each, set, hash));
  return { crowded: newPods.length > 1 || oldPods.length > 1, oldPod: oldPods[0], newPod: newPods[0] };
}

/** Old pods that serve nobody go at once, others as long as no more than `maxUnavailable` are missing. */
function replaceInPlace({ set, nowMs }: Observed, turns: readonly Turn[], maxUnavailable: number): Pick<DaemonPlan, 'create' | 'remove'> {
  let unavailable = 0;
  const remove: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { crowded, oldPod, newPod } of turns) {
    if (crowded || (oldPod === undefined) === (newPod === undefined)) unavailable++;
    else if (newPod !== undefined) unavailable += isAvailable(newPod, set, nowMs) ? 0 : 1;
    else if (!isAvailable(oldPod!, set, nowMs)) remove.push(oldPod!);
    else candidates.push(oldPod!);
  }
  return { create: [], remove: [...remove, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

/** New pods are made beside old ones, no more than `maxSurge` at once; an old one goes when its successor is available. */
function replaceBeside({ set, nowMs }: Observed, turns: readonly Turn[], { maxSurge, desired }: { maxSurge: number; desired: number }): Pick<DaemonPlan, 'create' | 'remove'> {
  let surging = 0;
  let available = 0;
  const remove: Pod[] = [];
  const strayed: Pod[] = [];
  const create: string[] = [];
  const candidates: string[] = [];
  for (const { name, shouldRun, crowded, oldPod, newPod } of turns) {
    if (crowded) {
      surging++;
      continue;
    }
    const serving = oldPod ?? newPod;
    const serves = serving !== undefined && isAvailable(serving, set, nowMs);
    if (serves) available++;
    if (oldPod === undefined) continue;
    if (newPod !== undefined) {
      if (isAvailable(newPod, set, nowMs)) remove.push(oldPod);
      else surging++;
    } else if (!shouldRun) (serves ? strayed : remove).push(oldPod);
    else (serves ? candidates : create).push(name);
  }
  remove.push(...strayed.slice(0, Math.max(0, available - desired)));
  return { create: [...create, ...candidates.slice(0, Math.max(0, maxSurge - surging))], remove };
}

function isAvailable(pod: Pod, { spec }: DaemonSet, nowMs: number): boolean {
  return isPodAvailable(pod, { minReadySeconds: spec?.minReadySeconds ?? 0, nowMs });
}

function allowsSurge({ spec }: DaemonSet): boolean {
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  return type === 'RollingUpdate' && scaled(rollingUpdate?.maxSurge, 100) > 0;
}

/** Percentages are of the nodes that should run a pod, rounded up; both 0 would never move. */
function limits({ spec }: DaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const rolling = spec?.updateStrategy?.rollingUpdate;
  const maxSurge = scaled(rolling?.maxSurge, desired);
  const maxUnavailable = scaled(rolling?.maxUnavailable, desired);
  return maxSurge === 0 && maxUnavailable === 0 ? { maxSurge, maxUnavailable: 1 } : { maxSurge, maxUnavailable };
}

function scaled(value: number | string | undefined, total: number): number {
  if (value === undefined || typeof value === 'number') return value ?? 0;
  return Math.ceil(((Number.parseInt(value, 10) || 0) * total) / 100);
}
