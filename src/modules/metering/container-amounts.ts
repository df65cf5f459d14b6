/** Adds what the containers of a pod asked for and used in a stretch of time to its row. Pure but for the row, which it changes. */
import type { Container, Pod } from '../../api/generated/core-v1.ts';
import type { MeteredContainer, MeteredPod } from '../../api/metering/usage-record.ts';
import { resourceAmounts } from '../../api/pod-requests.ts';
import { addAmount, GIB, noAmount } from './amounts.ts';

/** Of one container in a stretch of time. */
export interface ContainerUse { cpuSeconds: number; workingSetBytes: number }

/** Where there is one alone, it has what the pod has, and needs no amounts. */
export function addContainers(row: MeteredPod, pod: Pod, seconds: number, used: ReadonlyMap<string, ContainerUse>): void {
  const running = runningContainers(pod);
  row.containers ??= running.map(({ name }) => ({ name }));
  if (running.length <= 1) return;
  for (const container of running) addContainer(rowOf(row.containers, container.name), container, seconds, used.get(container.name));
}

/** Those that run beside each other. */
export function runningContainers({ spec }: Pod): Container[] {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')];
}

export function rowOf(rows: MeteredContainer[], name: string): MeteredContainer {
  const found = rows.find((each) => each.name === name);
  if (found !== undefined) return found;
  const made = { name };
  rows.push(made);
  return made;
}

function addContainer(row: MeteredContainer, { resources }: Container, seconds: number, used: ContainerUse = { cpuSeconds: 0, workingSetBytes: 0 }): void {
  const { cpuMillis, memoryBytes, others } = resourceAmounts(resources?.requests);
  addAmount((row.cpuCoreSeconds ??= noAmount()), (cpuMillis / 1_000) * seconds, used.cpuSeconds);
  addAmount((row.memoryGiBSeconds ??= noAmount()), (memoryBytes / GIB) * seconds, (used.workingSetBytes / GIB) * seconds);
  for (const name in others) (row.otherSeconds ??= {})[name] = (row.otherSeconds?.[name] ?? 0) + others[name]! * seconds;
}
