/**
 * Watches what is left on this machine, says it in the conditions of the node, and evicts pods, one a round, when too little is (upstream:
 * node-pressure eviction). Pods above limits of their own on the disk go first.
 */
import { graceSecondsOf } from '../../../api/core/pod-grace.ts';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import { podRequests } from '../../../api/pod-requests.ts';
import { quantityValue } from '../../../api/quantity.ts';
import type { Agent } from '../agent.ts';
import { processCount } from '../cgroup/processes.ts';
import type { ImageCollector } from '../images/collect.ts';
import { NodeKind } from '../kinds.ts';
import type { PodWorker } from '../lifecycle/worker.ts';
import type { NodeParts } from '../parts.ts';
import { cgroupUsage } from '../usage/read-usage.ts';
import { diskUsage } from './disk-usage.ts';
import { amountIn, CALM, isCrossed, judge, type PressureState } from './judge.ts';
import { observe } from './observe.ts';
import { evictionMessage, isCritical, rankForEviction, SHORTAGE_OF, type Consumption, type Shortage } from './rank.ts';
import type { PressureSettings, Threshold } from './settings.ts';
import { hasStorageLimits, storageExcess } from './storage-limits.ts';

export interface PressureWatch {
  state(): PressureState;
  /** One after the other; settles after the signal aborted. */
  run(signal: AbortSignal, by: { agent: Agent; collector: ImageCollector }): Promise<void>;
}

/** What pods get to end that are evicted at once. */
const AT_ONCE_SECONDS = 1;
const CLEAN_UP_MS = 30_000;
/** Reading disks may take this part of the time at most. */
const DISK_SHARE = 20;

export function pressureWatch(parts: Pick<NodeParts, 'context' | 'counts' | 'paths' | 'storage' | 'report'>, settings: PressureSettings): PressureWatch {
  const { context, paths } = parts;
  let state = CALM;
  let disksNextMs = 0;

  async function round(by: { agent: Agent; collector: ImageCollector }): Promise<void> {
    const before = state.conditions;
    state = judge(settings, look(), state, context.clock.nowMs());
    if ([...before].join() !== [...state.conditions].join()) parts.report.ring();
    const workers = by.agent.workers().filter((worker) => worker.isActive());
    if (await evictAboveLimits(workers)) return;
    const threshold = state.due[0];
    if (threshold === undefined) return;
    const shortage = SHORTAGE_OF[threshold.signal];
    tellNode('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${shortage}`);
    if (shortage === 'ephemeral-storage' || shortage === 'inodes') {
      if (context.machine.further === undefined) await by.collector.reclaim(); // images belong to the first node of a machine
      if (!isCrossed(threshold, look(), { reclaim: true })) return;
    }
    const candidates = workers.filter((worker) => !isCritical(worker.pod()));
    await evict(await consumption(candidates, shortage), threshold, candidates);
  }

  /** What it had is waited for, so that the next look does not take another pod for it. */
  async function cleanedUp(evictions: readonly Promise<void>[]): Promise<void> {
    const over = new AbortController();
    await Promise.race([Promise.all(evictions), context.clock.sleep(CLEAN_UP_MS, AbortSignal.any([over.signal, context.signal]))]);
    over.abort();
  }

  function look(): ReturnType<typeof observe> {
    return observe({ memoryBytes: context.machine.memoryBytes, nodeFolder: paths.pods, imageFolder: parts.storage.root });
  }

  function tellNode(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const node = context.caches.of(NodeKind).get(context.machine.nodeName);
    if (node !== undefined) context.events.event(node, type, reason, message);
  }

  async function evict(costs: readonly Consumption[], threshold: Threshold, workers: readonly PodWorker[]): Promise<void> {
    const shortage = SHORTAGE_OF[threshold.signal];
    const seen = look()[threshold.signal]!;
    const [first] = rankForEviction(costs, shortage);
    if (first === undefined) {
      context.log.warn('the node is short and there is no pod to evict', { of: shortage });
      return;
    }
    const message = evictionMessage(shortage, first, { quantity: amountIn(threshold.least, seen.capacity), available: seen.available });
    const ownSeconds = graceSecondsOf(first.pod);
    const worker = workers.find(({ uid }) => uid === first.pod.metadata.uid)!;
    parts.counts.add('kubelet_evictions', { eviction_signal: threshold.signal });
    await cleanedUp([worker.evict(message, threshold.hard ? AT_ONCE_SECONDS : Math.min(ownSeconds, settings.mostGraceSeconds))]);
  }

  /** Gives whether a pod was evicted. A look at the disks that took long is not soon followed by another. */
  async function evictAboveLimits(workers: readonly PodWorker[]): Promise<boolean> {
    const limited = workers.filter((worker) => hasStorageLimits(worker.pod()));
    const fromMs = context.clock.nowMs();
    if (limited.length === 0 || fromMs < disksNextMs) return false;
    const usage = await diskUsage(paths, limited.map((worker) => ({ pod: worker.pod(), records: worker.records() })));
    disksNextMs = fromMs + (context.clock.nowMs() - fromMs) * DISK_SHARE;
    const evictions = limited.flatMap((worker) => {
      const why = storageExcess(worker.pod(), usage.get(worker.uid)!);
      return why === undefined || isCritical(worker.pod()) ? [] : [worker.evict(why, AT_ONCE_SECONDS)];
    });
    await cleanedUp(evictions);
    return evictions.length > 0;
  }

  async function consumption(workers: readonly PodWorker[], shortage: Shortage): Promise<Consumption[]> {
    const disk = shortage === 'memory' || shortage === 'pids' ? undefined : await diskUsage(paths, workers.map((worker) => ({ pod: worker.pod(), records: worker.records() })), { inodes: shortage === 'inodes' });
    return workers.map((worker) => {
      const pod = worker.pod();
      const usedNow = ({ cgroup }: { cgroup: string }): number => {
        const at = { version: context.machine.cgroupVersion, path: cgroup };
        return shortage === 'pids' ? processCount(at) : (cgroupUsage(at)?.workingSetBytes ?? 0);
      };
      const usedBy = new Map<string, number>(disk?.get(worker.uid)?.containers ?? worker.records().map((record) => [record.name, usedNow(record)]));
      const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map((each) => ({ name: each.name, used: usedBy.get(each.name) ?? 0, requested: requestOf(each, shortage) }));
      const used = disk?.get(worker.uid)?.total ?? containers.reduce((sum, each) => sum + each.used, 0);
      return { pod, used, requested: podRequest(pod, shortage), containers };
    });
  }

  return {
    state: () => state,
    async run(signal, by) {
      while (!signal.aborted) {
        await context.clock.sleep(settings.everyMs, signal);
        if (!signal.aborted) await round(by).catch((error: Error) => context.log.warn('what is left on the machine could not be looked at', { error }));
      }
    },
  };
}

function requestOf({ resources }: Container, shortage: Shortage): number {
  const text = resources?.requests?.[shortage];
  return text === undefined ? 0 : quantityValue(text);
}

function podRequest(pod: Pod, shortage: Shortage): number {
  const { memoryBytes, ephemeralStorageBytes } = podRequests(pod);
  return shortage === 'memory' ? memoryBytes : shortage === 'ephemeral-storage' ? ephemeralStorageBytes : 0;
}
