/** Whether this node takes a pod that was bound to it (upstream: the kubelet's admission handlers): no pressure, and room for what it asks. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podRequests, resourceAmounts, type ResourceAmounts } from '../../../api/pod-requests.ts';
import { MOST_PODS } from '../capacity.ts';
import { PodKind } from '../kinds.ts';
import type { NodeParts } from '../parts.ts';
import { refusedUnderPressure } from '../pressure/admit.ts';
import { isTerminal } from './pod-run.ts';

export interface Refusal { reason: string; message: string }

export interface Admissions {
  /** Undefined when it is taken; it holds its place until `leave`. */
  enter(pod: Pod): Refusal | undefined;
  /** A pod that was taken before. */
  keep(uid: string): void;
  leave(uid: string): void;
}

export function admissions(parts: Pick<NodeParts, 'context' | 'capacity' | 'pressure' | 'cpus'>): Admissions {
  const { machine, caches } = parts.context;
  const inside = new Set<string>();

  function others(uid: string): Pod[] {
    return caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName).filter((pod) => pod.metadata.uid !== uid && inside.has(pod.metadata.uid ?? '') && !isTerminal(pod));
  }

  function noCpus(pod: Pod): Refusal | undefined {
    try {
      parts.cpus.admit(pod);
      return undefined;
    } catch (error) {
      return { reason: 'UnexpectedAdmissionError', message: (error as Error).message };
    }
  }

  return {
    enter(pod) {
      const uid = pod.metadata.uid ?? '';
      const refusal = refusedUnderPressure(pod, parts.pressure.state().conditions) ?? outOf(pod, others(uid), parts.capacity.read().allocatable) ?? noCpus(pod);
      if (refusal === undefined) inside.add(uid);
      return refusal;
    },
    keep: (uid) => void inside.add(uid),
    leave(uid) {
      inside.delete(uid);
      parts.cpus.release(uid);
    },
  };
}

/** In the kubelet's words. Pure. */
export function outOf(pod: Pod, others: readonly Pod[], allocatable: Readonly<Record<string, string>>): Refusal | undefined {
  if (others.length + 1 > MOST_PODS) return refused('pods', 1, others.length, MOST_PODS);
  const wanted = podRequests(pod);
  const room = resourceAmounts(allocatable);
  const used = others.map((each) => podRequests(each));
  for (const [name, read] of readers(wanted)) {
    const requested = read(wanted);
    const taken = used.reduce((sum, each) => sum + read(each), 0);
    if (requested > 0 && taken + requested > read(room)) return refused(name, requested, taken, read(room));
  }
  return undefined;
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
