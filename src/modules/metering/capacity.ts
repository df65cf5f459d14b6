/** What the nodes of a cluster have for pods. Pure. */
import type { Node } from '../../api/generated/core-v1.ts';
import { quantityMillis, quantityValue } from '../../api/quantity.ts';

export function capacityOf(nodes: readonly Node[]): { cpuCores: number; memoryBytes: number } {
  const sum = (read: (allocatable: Readonly<Record<string, string>>) => number): number => nodes.reduce((total, { status }) => total + read(status?.allocatable ?? {}), 0);
  return { cpuCores: sum(({ cpu = '0' }) => quantityMillis(cpu)) / 1_000, memoryBytes: sum(({ memory = '0' }) => quantityValue(memory)) };
}
