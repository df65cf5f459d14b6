/** Who must go first when the node is short (node-pressure eviction, "Pod selection for kubelet eviction"), and in what words it is told. Pure. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { quantityOf } from '../../../api/quantity.ts';
import type { Signal } from './settings.ts';

export type Shortage = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export const SHORTAGE_OF: Readonly<Record<Signal, Shortage>> = {
  'memory.available': 'memory', 'nodefs.available': 'ephemeral-storage', 'nodefs.inodesFree': 'inodes', 'imagefs.available': 'ephemeral-storage', 'imagefs.inodesFree': 'inodes', 'pid.available': 'pids',
};

/** Bytes, inodes or processes. */
export interface Consumption {
  pod: Pod;
  used: number;
  requested: number;
  containers: readonly { name: string; used: number; requested: number }[];
}

/** Upstream: SystemCriticalPriority; such pods and static ones are never evicted. */
const CRITICAL_PRIORITY = 2_000_000_000;
export const STATIC_SOURCE = 'kubernetes.io/config.source';

export function isCritical(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[STATIC_SOURCE];
  return (pod.spec?.priority ?? 0) >= CRITICAL_PRIORITY || (source !== undefined && source !== 'api');
}

/** The first is to be evicted: those above their requests, then lower priority, then by how far they are above. Processes are not requested: priority, then number. */
export function rankForEviction(pods: readonly Consumption[], shortage: Shortage): Consumption[] {
  const above = ({ used, requested }: Consumption): number => (shortage === 'pids' || shortage === 'inodes' || used > requested ? 0 : 1);
  const excess = ({ used, requested }: Consumption): number => (shortage === 'pids' || shortage === 'inodes' ? used : used - requested);
  const priority = ({ pod }: Consumption): number => pod.spec?.priority ?? 0;
  return pods.toSorted((a, b) => above(a) - above(b) || priority(a) - priority(b) || excess(b) - excess(a));
}

/** In the kubelet's words, the last space included. */
export function evictionMessage(shortage: Shortage, one: Consumption, threshold: { quantity: number; available: number }): string {
  const amount = (value: number): string => (shortage === 'memory' || shortage === 'ephemeral-storage' ? kibibytes(value) : String(Math.round(value)));
  const greedy = one.containers.filter(({ used, requested }) => used > requested)
    .map(({ name, used, requested }) => `Container ${name} was using ${amount(used)}, request is ${requested === 0 ? '0' : amount(requested)}, has larger consumption of ${shortage}. `);
  return `The node was low on resource: ${shortage}. Threshold quantity: ${amount(threshold.quantity)}, available: ${amount(threshold.available)}. ${greedy.join('')}`;
}

function kibibytes(bytes: number): string {
  return quantityOf(Math.ceil(bytes / 1_024) * 1_024, 'BinarySI');
}
