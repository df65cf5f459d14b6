/**
 * Exclusive cpus (modules.node.cpuManagerPolicy: static; upstream: cpu manager): a container of a Guaranteed pod that asks for whole cpus has them to itself; all
 * others share the rest. What is reserved (reservedSystemCPUs, or as many as systemReserved and kubeReserved name) is never given away, and is shared.
 */
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import { quantityMillis } from '../../../api/quantity.ts';
import { formatCpuList, parseCpuList } from './cpu-list.ts';
import { readTopology, takeCpus, type Cpu } from './take-cpus.ts';

export interface CpuAssignment {
  readonly isStatic: boolean;
  /** Takes what all containers of the pod need. Throws when there is not so much; then nothing is taken. */
  admit(pod: Pod): void;
  /** The list for a container that starts; undefined: it may run anywhere. Throws as admit does. */
  cpusOf(pod: Pod, container: Container): { list: string; exclusive: boolean } | undefined;
  /** An earlier llmos gave it these. */
  restore(uid: string, container: string, list: string): void;
  release(uid: string): void;
  /** Calls back when the shared cpus changed. */
  onShared(callback: (list: string) => void): void;
}

const ANYWHERE: CpuAssignment = { isStatic: false, admit: () => {}, cpusOf: () => undefined, restore: () => {}, release: () => {}, onShared: () => {} };

/** Throws when the configuration is wrong. */
export function cpuAssignment(config: Readonly<Record<string, unknown>>, reservedCpus: number, topology: readonly Cpu[] | undefined = undefined): CpuAssignment {
  const policy = config['cpuManagerPolicy'] ?? 'none';
  if (policy === 'none') return ANYWHERE;
  if (policy !== 'static') throw new Error(`modules.node.cpuManagerPolicy must be none or static, not ${JSON.stringify(policy)}`);
  const cpus = topology ?? readTopology();
  return staticAssignment(cpus, reservedOf(config['reservedSystemCPUs'], reservedCpus, cpus));
}

function reservedOf(list: unknown, count: number, topology: readonly Cpu[]): ReadonlySet<number> {
  if (list !== undefined && typeof list !== 'string' && typeof list !== 'number') throw new Error('modules.node.reservedSystemCPUs must be a list of cpus such as "0-1"');
  const all = new Set(topology.map(({ id }) => id));
  const reserved = list === undefined ? (takeCpus(topology, all, count) ?? []) : parseCpuList(String(list));
  if (reserved.length === 0) throw new Error('modules.node.cpuManagerPolicy static needs a cpu for the system: set reservedSystemCPUs, or cpu of systemReserved or kubeReserved');
  if (reserved.some((cpu) => !all.has(cpu))) throw new Error(`modules.node.reservedSystemCPUs names cpus that are not here; there are ${formatCpuList(all)}`);
  return new Set(reserved);
}

function staticAssignment(topology: readonly Cpu[], reserved: ReadonlySet<number>): CpuAssignment {
  /** By the pod's uid, by container. */
  const given = new Map<string, Map<string, readonly number[]>>();
  let tellShared = (_list: string): void => {};

  function free(): Set<number> {
    const left = new Set(topology.map(({ id }) => id).filter((id) => !reserved.has(id)));
    for (const ofPod of given.values()) for (const cpus of ofPod.values()) for (const cpu of cpus) left.delete(cpu);
    return left;
  }

  function shared(): string {
    return formatCpuList([...free(), ...reserved]);
  }

  /** An init container that is over lets the others have its cpus. */
  function take(uid: string, container: Container, count: number, isInit: boolean): readonly number[] {
    const ofPod = given.get(uid) ?? new Map<string, readonly number[]>();
    const known = ofPod.get(container.name);
    if (known !== undefined) return known;
    const own = isInit ? [...new Set([...ofPod.values()].flat())] : [];
    const left = free();
    const more = takeCpus(topology, left, Math.max(0, count - own.length));
    if (more === undefined) throw new Error(`Allocate failed due to not enough cpus available to satisfy request: requested=${count}, available=${left.size}, which is unexpected`);
    const cpus = [...own, ...more].slice(0, count).sort((a, b) => a - b);
    given.set(uid, ofPod.set(container.name, cpus));
    if (more.length > 0) tellShared(shared());
    return cpus;
  }

  function release(uid: string): void {
    if (given.delete(uid)) tellShared(shared());
  }

  const api: CpuAssignment = {
    isStatic: true,
    admit(pod) {
      const uid = pod.metadata.uid ?? '';
      try {
        for (const { container } of exclusiveOf(pod)) api.cpusOf(pod, container);
      } catch (error) {
        release(uid);
        throw error;
      }
    },
    cpusOf(pod, container) {
      const wish = exclusiveOf(pod).find((each) => each.container.name === container.name);
      if (wish === undefined) return { list: shared(), exclusive: false };
      return { list: formatCpuList(take(pod.metadata.uid ?? '', container, wish.count, wish.isInit)), exclusive: true };
    },
    restore(uid, container, list) {
      given.set(uid, (given.get(uid) ?? new Map<string, readonly number[]>()).set(container, parseCpuList(list)));
    },
    release,
    onShared: (callback) => { tellShared = callback; },
  };
  return api;
}

/** Those that stay come before those that run once. */
export function exclusiveOf(pod: Pod): { container: Container; count: number; isInit: boolean }[] {
  if (pod.spec === undefined || qosClassOf(pod) !== 'Guaranteed') return [];
  const init = pod.spec.initContainers ?? [];
  const lasting = [...pod.spec.containers, ...init.filter(({ restartPolicy }) => restartPolicy === 'Always')].map((container) => ({ container, isInit: false }));
  return [...lasting, ...init.filter(({ restartPolicy }) => restartPolicy !== 'Always').map((container) => ({ container, isInit: true }))].flatMap((each) => {
    const millis = quantityMillis(each.container.resources?.limits?.['cpu'] ?? '0');
    return millis >= 1_000 && millis % 1_000 === 0 ? [{ ...each, count: millis / 1_000 }] : [];
  });
}
