/**
 * The tally: counters of whole pods. A pod's own control group counts the cpu time of containers that have ended too; the network's bytes are those of
 * the pod's eth0, as a process within sees it. What a pod had used in the end is read before its group is removed, and stays for a while.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { PodUsage } from '../../../api/metrics/pod-usage.ts';
import { rfc3339, type Clock } from '../../../base/clock.ts';
import type { ObjectSource } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import type { NodeParts } from '../parts.ts';
import { cgroupUsage } from './read-usage.ts';

const KEPT_MS = 600_000;
const NO_NETWORK = { receivedBytes: 0, sentBytes: 0 };

export interface PodTally {
  /** The counters now; undefined when the pod's group is gone. */
  read(pod: Pod, cgroup: string, records: readonly ContainerRecord[]): PodUsage | undefined;
  /** Reads them a last time, as the pod is about to lose its group. */
  end(pod: Pod, cgroup: string): void;
  /** The last readings of pods that ended in the last ten minutes. */
  ended(): readonly PodUsage[];
}

export function podTally(options: { version: 'v1' | 'v2'; nodeName: string; clock: Clock; root?: string }): PodTally {
  const { version, nodeName, clock, root } = options;
  const last = new Map<string, { untilMs: number; usage: PodUsage }>();
  /** By uid: the network is gone with its last process, before anybody could read it a last time. */
  const networks = new Map<string, PodUsage['network']>();

  function read(pod: Pod, cgroup: string, records: readonly ContainerRecord[]): PodUsage | undefined {
    const usage = cgroupUsage({ version, path: cgroup, ...(root === undefined ? {} : { root }) });
    if (usage === undefined) return undefined;
    const { uid = '', name = '', namespace = '', labels } = pod.metadata;
    const pid = pod.spec?.hostNetwork === true ? undefined : records.find((each) => each.exit === undefined && each.pid !== undefined)?.pid;
    const network = (pid === undefined ? undefined : networkOf(pid)) ?? networks.get(uid) ?? NO_NETWORK;
    networks.set(uid, network);
    const containers = containersOf(records);
    return {
      apiVersion: 'usage.llmos.dev/v1alpha1', kind: 'PodUsage', metadata: { name: uid, namespace, ...(labels === undefined ? {} : { labels }), creationTimestamp: pod.status?.startTime ?? rfc3339(clock.nowMs()) },
      podName: name, nodeName, timestamp: rfc3339(clock.nowMs()), cpuSeconds: usage.cpuNs / 1e9, workingSetBytes: usage.workingSetBytes, ...(containers.length > 1 && { containers }), network,
    };
  }

  function containersOf(records: readonly ContainerRecord[]): NonNullable<PodUsage['containers']> {
    const running = records.filter(({ exit, pid }) => exit === undefined && pid !== undefined);
    if (running.length < 2) return [];
    return running.flatMap(({ name, cgroup }) => {
      const usage = cgroupUsage({ version, path: cgroup, ...(root === undefined ? {} : { root }) });
      return usage === undefined ? [] : [{ name, cpuSeconds: usage.cpuNs / 1e9, workingSetBytes: usage.workingSetBytes }];
    });
  }

  function forgetOld(): void {
    for (const [uid, { untilMs }] of last) if (untilMs < clock.nowMs()) last.delete(uid);
  }

  return {
    read,
    end(pod, cgroup) {
      forgetOld();
      const usage = read(pod, cgroup, []);
      const uid = pod.metadata.uid ?? '';
      networks.delete(uid);
      if (usage !== undefined) last.set(uid, { untilMs: clock.nowMs() + KEPT_MS, usage: { ...usage, workingSetBytes: 0 } });
    },
    ended() {
      forgetOld();
      return [...last.values()].map(({ usage }) => usage);
    },
  };
}

export function podUsageSource(parts: NodeParts, agent: Agent): ObjectSource {
  const all = (): PodUsage[] => {
    const running = agent.workers().flatMap((worker) => {
      const records = worker.records();
      return records.length === 0 ? [] : (parts.tally.read(worker.pod(), dirname(records[0]!.cgroup), records) ?? []);
    });
    const alive = new Set(running.map(({ metadata }) => metadata.name));
    return [...running, ...parts.tally.ended().filter(({ metadata }) => !alive.has(metadata.name))];
  };
  return {
    list: (namespace) => all().filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
    get: (namespace, name) => all().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  };
}

/** Bytes of eth0 as the process sees it (proc(5), /proc/PID/net/dev: received first, sent ninth); undefined when there is none. */
function networkOf(pid: number): PodUsage['network'] | undefined {
  try {
    return eth0(readFileSync(`/proc/${pid}/net/dev`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Pure. */
function eth0(text: string): PodUsage['network'] | undefined {
  const numbers = /^\s*eth0:\s*(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(Number);
  return numbers === undefined ? undefined : { receivedBytes: numbers[0] ?? 0, sentBytes: numbers[8] ?? 0 };
}
