/** Whether this node takes a pod that was bound to it (upstream: the kubelet's admission handlers): a place that is meant for it, no pressure, and room for what it asks. */
import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import { resourceAmounts, type ResourceAmounts } from '../../../api/pod-requests.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import { podCost } from '../pod-cost.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import { refusedUnderPressure } from '../pressure/admit.ts';
import { isCritical } from '../pressure/rank.ts';
import { isTerminal } from './pod-run.ts';
import { misplaced, suitsLabels } from './admit-place.ts';
import { hasAppArmor, refusedSpec } from './admit-spec.ts';
import { podsToPreempt, remaining, type Shortage } from './preempt.ts';
import { allowedSysctls } from './sysctls.ts';

export interface Refusal { reason: string; message: string }

export interface Admissions {
  /** Undefined when it is taken; it holds its place until `leave`. `later` while pods that are gone from the cluster still end here and may leave what it needs. */
  enter(pod: Pod): Promise<Refusal | 'later' | undefined>;
  /** A pod that was taken before. */
  keep(uid: string): void;
  leave(uid: string): void;
  /** Who ends pods that go for a critical one. */
  preemptBy(end: (uid: string) => void): void;
  /** Whether something of it may be here still. */
  holds(uid: string): boolean;
  /** Those that hold a place, as last seen. */
  pods(): readonly Pod[];
}

export function admissions(parts: Pick<NodeParts, 'context' | 'capacity' | 'pressure' | 'cpus' | 'devices' | 'counts'>): Admissions {
  const { machine, caches } = parts.context;
  const inside = new Set<string>();
  const preempted = new Set<string>();
  let preempt: ((uid: string) => void) | undefined;
  const sysctls = allowedSysctls(parts.context.config);
  const appArmor = hasAppArmor();

  function others(uid: string): Pod[] {
    return caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName).map(onNode).filter((pod) => pod.metadata.uid !== uid && inside.has(pod.metadata.uid ?? '') && !isTerminal(pod));
  }

  /** Labels that the pod asks for may be younger than the cache. */
  async function nodeFor(pod: Pod): Promise<Node | undefined> {
    const known = caches.of(NodeKind).get(machine.nodeName);
    return known !== undefined && suitsLabels(pod, known) ? known : ifThere(parts.context.client.get(NodeKind, machine.nodeName));
  }

  function someEnd(): boolean {
    const here = new Set(caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName).map((pod) => onNode(pod).metadata.uid));
    return [...inside].some((uid) => !here.has(uid));
  }

  /** A critical pod waits until others have gone for it. Those that end already count. */
  function makeRoom(pod: Pod, here: readonly Pod[], shortages: readonly Shortage[]): Refusal | 'later' {
    const ending = here.filter(({ metadata }) => metadata.deletionTimestamp !== undefined || preempted.has(metadata.uid ?? ''));
    const victims = podsToPreempt(pod, here.filter((each) => !ending.includes(each)), remaining(shortages, ending));
    if (victims === undefined) {
      const missing = shortages.map(({ name, missing: amount }) => `(res: ${name}, q: ${amount}), `).join('');
      return { reason: 'UnexpectedAdmissionError', message: `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${missing}]` };
    }
    for (const { metadata: { uid = '' } } of victims) {
      preempted.add(uid);
      preempt?.(uid);
      parts.counts.add('kubelet_preemptions', { preemption_signal: shortages[0]!.name });
    }
    return 'later';
  }

  async function noneLeft(pod: Pod): Promise<Refusal | undefined> {
    try {
      parts.cpus.admit(pod);
      await parts.devices.allocate(pod);
      return undefined;
    } catch (error) {
      return { reason: 'UnexpectedAdmissionError', message: (error as Error).message };
    }
  }

  function leave(uid: string): void {
    inside.delete(uid);
    preempted.delete(uid);
    parts.cpus.release(uid);
    parts.devices.release(uid);
  }

  return {
    async enter(pod) {
      const uid = pod.metadata.uid ?? '';
      const node = await nodeFor(pod);
      const here = others(uid);
      const unfit = refusedSpec(pod, { allowedSysctls: sysctls, appArmor }) ?? refusedUnderPressure(pod, parts.pressure.state().conditions);
      const place = node === undefined ? undefined : misplaced(pod, node, here);
      const { allocatable } = parts.capacity.read();
      if (unfit === undefined && place === undefined && isCritical(pod) && outOf(pod, here, allocatable) !== undefined) return makeRoom(pod, here, shortagesOf(pod, here, allocatable));
      const refusal = unfit ?? outOf(pod, here, allocatable) ?? place;
      if (refusal !== undefined) return refusal;
      inside.add(uid); // before anything is waited for, so that two do not take the same room
      const none = await noneLeft(pod);
      if (none === undefined) return undefined;
      leave(uid);
      return someEnd() ? 'later' : none;
    },
    keep: (uid) => void inside.add(uid),
    leave,
    holds: (uid) => inside.has(uid),
    preemptBy: (end) => void (preempt = end),
    pods: () => others(''),
  };
}

/** In the kubelet's words: how many pods first, then what they ask for. Pure. */
export function outOf(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): Refusal | undefined {
  const [first] = shortagesOf(pod, others, allocatable);
  return first === undefined ? undefined : refused(first.name, first.requested, first.used, first.capacity);
}

interface NodeShortage extends Shortage { requested: number; used: number; capacity: number }

/** Of which resources the node has not enough. Pure. */
function shortagesOf(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): NodeShortage[] {
  const wanted = podCost(pod).requests;
  const room = resourceAmounts(allocatable);
  const mostPods = Number(allocatable['pods'] ?? Infinity);
  const found: NodeShortage[] = others.length + 1 > mostPods ? [{ name: 'pods', requested: 1, used: others.length, capacity: mostPods, missing: others.length + 1 - mostPods, requestOf: () => 1 }] : [];
  for (const [name, read] of readers(wanted)) {
    // What only the Node object speaks of, by somebody else's hand, is the scheduler's to count (upstream: removeMissingExtendedResources).
    if (name.includes('/') && allocatable[name] === undefined) continue;
    const requestOf = (each: Pod): number => read(podCost(each).requests);
    const [requested, capacity, used] = [read(wanted), read(room), others.reduce((sum, each) => sum + requestOf(each), 0)];
    if (requested > 0 && used + requested > capacity) found.push({ name, requested, used, capacity, missing: used + requested - capacity, requestOf });
  }
  return found;
}

function readers({ others }: ResourceAmounts): [string, (amounts: ResourceAmounts) => number][] {
  return [
    ['cpu', (each) => each.cpuMillis], ['memory', (each) => each.memoryBytes], ['ephemeral-storage', (each) => each.ephemeralStorageBytes],
    ...Object.keys(others ?? {}).map((name): [string, (amounts: ResourceAmounts) => number] => [name, (each) => each.others?.[name] ?? 0]),
  ];
}

function refused(name: string, requested: number, used: number, capacity: number): Refusal {
  return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}` };
}
