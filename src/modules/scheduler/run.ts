/** The scheduler at work: takes pods from the queue, decides at once, and binds in the background. */
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { isApiError } from '../../api/errors.ts';
import { aborted, untilAborted } from '../../base/aborted.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { bind, expect, explain, explainError, takeNomination } from './bind.ts';
import { Cluster } from './framework/cluster.ts';
import { createCycle, type Cycle } from './framework/cycle.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type { Profile } from './framework/plugin.ts';
import type { PodInfo } from './framework/pod-info.ts';
import { createQueue, type QueuedPod, type QueueOptions, type SchedulingQueue } from './framework/queue.ts';
import { createSchedulerMetrics, type SchedulerMetrics } from './metrics.ts';
import { observe } from './observe.ts';
import type { ClaimOf, ClusterEvent } from './framework/cluster-event.ts';

/** Other work of the process gets its turn after this long. */
const SLICE_MS = 4;
/** So long nobody is tried before his back-off ends, after such a slice: many pods that wait in vain must not take the machine whenever something happens. */
const EARLY_PAUSE_MS = 16;

interface Scheduler {
  context: ModuleContext;
  cluster: Cluster;
  queue: SchedulingQueue;
  profileOf(queued: QueuedPod): Profile;
  cycles: ReadonlyMap<string, Cycle>;
  metrics: SchedulerMetrics;
  /** Works on the queue as soon as may be. */
  start(): void;
  /** Bindings and writes under way. */
  pending: Set<Promise<void>>;
}

/** Something that the plugins look at beside pods and nodes, and the event that its changes are. */
export type Watched = readonly [{ changed: (about?: { claim?: ClaimOf }) => void }, Extract<ClusterEvent['type'], 'storage-changed' | 'devices-changed'>];

export interface SchedulerOptions extends Pick<QueueOptions, 'initialBackoffMs' | 'maxBackoffMs'> { watched?: readonly Watched[] }

/** Settles when the signal has aborted and all writes under way have ended. */
export async function runScheduler(context: ModuleContext, profiles: readonly Profile[], { watched = [], ...backoff }: SchedulerOptions = {}): Promise<void> {
  const { caches, clock, signal } = context;
  // Read from now on, and not waited for: they only make one node better than another, and an older role on another cluster may not list them.
  caches.of(Service);
  await untilAborted(Promise.all([caches.of(Namespace).ready(), caches.of(Node).ready(), caches.of(Pod).ready()]), signal);
  if (signal.aborted) return;
  const byName = new Map(profiles.map((each) => [each.schedulerName, each]));
  const cluster = new Cluster();
  const profileOf = (schedulerName: string | undefined): Profile => byName.get(schedulerName ?? 'default-scheduler') ?? profiles[0]!;
  const queue = createQueue({ nowMs: () => clock.nowMs(), profileOf: (info) => profileOf(info.pod.spec?.schedulerName), ...backoff });
  const metrics = createSchedulerMetrics(queue);
  context.metrics?.(metrics.text);
  const scheduler: Scheduler = {
    context, cluster, queue, metrics, profileOf: ({ info }) => profileOf(info.pod.spec?.schedulerName),
    cycles: new Map(profiles.map((each) => [each.schedulerName, createCycle(cluster, each)])), start: () => pump.start(), pending: new Set(),
  };
  const pump = createPump(scheduler);
  const stop = observe(caches, { cluster, queue, isOurs: (name) => byName.has(name), changed: pump.start });
  for (const [view, type] of watched) {
    view.changed = (about) => {
      queue.wake({ type, ...about });
      pump.start();
    };
  }
  await aborted(signal);
  stop();
  pump.stop();
  await Promise.allSettled(scheduler.pending);
}

/** Starts as soon as the events at hand are read, works in slices, and sleeps until the next back-off ends. */
function createPump(scheduler: Scheduler): { start(): void; stop(): void } {
  let state: 'idle' | 'started' | 'stopped' = 'idle';
  let timer: NodeJS.Timeout | undefined;
  let nextEarlyMs = 0;
  const work = (): void => {
    if (state === 'stopped') return;
    const { queue, context } = scheduler;
    if (!workSlice(scheduler, () => queue.pop())) return void setImmediate(work);
    if (queue.hasEarly && performance.now() >= nextEarlyMs) {
      workSlice(scheduler, () => queue.popEarly());
      nextEarlyMs = performance.now() + EARLY_PAUSE_MS;
    }
    const nextMs = queue.flush();
    // A back-off may have ended since the slice looked: nobody else would come for that pod.
    if (queue.hasActive) return void setImmediate(work);
    state = 'idle';
    clearTimeout(timer);
    const waitMs = Math.min(queue.hasEarly ? nextEarlyMs - performance.now() : Infinity, nextMs === undefined ? Infinity : nextMs - context.clock.nowMs());
    if (waitMs < Infinity) timer = setTimeout(start, Math.max(1, waitMs));
  };
  const start = (): void => {
    if (state !== 'idle') return;
    state = 'started';
    queueMicrotask(work);
  };
  return {
    start,
    stop() {
      state = 'stopped';
      clearTimeout(timer);
    },
  };
}

/** Gives whether there is nobody left. */
function workSlice(scheduler: Scheduler, next: () => QueuedPod | undefined): boolean {
  scheduler.queue.flush();
  const endMs = performance.now() + SLICE_MS;
  for (let queued = next(); queued !== undefined; queued = next()) {
    scheduleOne(scheduler, queued);
    if (performance.now() >= endMs) return false;
  }
  return true;
}

function scheduleOne(scheduler: Scheduler, queued: QueuedPod): void {
  const { queue, context, pending, metrics } = scheduler;
  const profile = scheduler.profileOf(queued);
  const fromMs = performance.now();
  const decision = scheduler.cycles.get(profile.schedulerName)!.schedule(queued.info);
  metrics.decided(profile.schedulerName, decision.node === undefined ? 'unschedulable' : 'scheduled', (performance.now() - fromMs) / 1_000);
  const work = decision.node === undefined ? explain(context, queued.info, decision) : place(scheduler, profile, queued, { node: decision.node, fromMs });
  if (decision.nominated !== undefined) {
    metrics.preempted(decision.nominated.victims.length);
    nominate(scheduler, queued.info, decision.nominated.node.name);
  } else if (decision.losesNomination) withdraw(scheduler, queued.info.uid);
  if (decision.node === undefined) queue.putBack(queued, decision.rejectedBy.size === 0 ? NO_NODES : decision.rejectedBy);
  const tracked = work.finally(() => pending.delete(tracked));
  pending.add(tracked);
}

/** Keeps the room for it that its victims leave. Less important ones that hoped for the same node may not fit there any more. Source: upstream, prepareCandidate. */
function nominate(scheduler: Scheduler, info: PodInfo, nodeName: string): void {
  const { cluster, context, pending } = scheduler;
  for (const other of cluster.nominatedBelow(nodeName, info.priority)) {
    withdraw(scheduler, other.uid);
    const work = takeNomination(context, other).finally(() => pending.delete(work));
    pending.add(work);
  }
  cluster.nominate(info, nodeName);
}

/** What was kept for it may do for others. */
function withdraw({ cluster, queue }: Scheduler, uid: string): void {
  const pod = cluster.withdrawNomination(uid);
  if (pod !== undefined) queue.wake({ type: 'pod-removed', pod, wasNominated: true });
}

/** Without nodes every plugin waits for the first one. */
const NO_NODES: ReadonlySet<string> = new Set(['NodeResourcesFit', 'NodeName']);

/** Assumes the pod on the node and binds it; on failure all is undone and the pod tried again after its back-off. */
async function place({ cluster, queue, context, metrics, pending, start }: Scheduler, profile: Profile, queued: QueuedPod, { node, fromMs }: { node: NodeInfo; fromMs: number }): Promise<void> {
  const { info } = queued;
  const seconds = (): number => (performance.now() - fromMs) / 1_000;
  cluster.place(info, node.name);
  let expected: Promise<void> | undefined;
  try {
    for (const plugin of profile.plugins) {
      const refusal = plugin.reserve?.(info, node);
      if (refusal !== undefined) throw new Error(refusal);
    }
    for (const plugin of profile.plugins) {
      const permitted = plugin.permit?.(info, node, context.signal);
      if (permitted === undefined) continue;
      expected ??= expect(context, info, node.name);
      await Promise.allSettled([permitted, expected]);
      await permitted;
    }
    await bind(context, info, node);
    metrics.bound(profile.schedulerName, { attempts: queued.attempts + 1, seconds: seconds(), sinceSeconds: Math.max(0, context.clock.nowMs() - queued.firstActiveMs) / 1_000 });
  } catch (error) {
    // What was written for it stays: after a restart it goes on with the devices that are on their way.
    if (context.signal.aborted) return;
    for (const plugin of profile.plugins) plugin.unreserve?.(info, node);
    const isStillAssumed = cluster.placed(info.uid)?.info === info;
    if (isStillAssumed) cluster.removePod(info.uid);
    if (isPodGone(error)) return queue.remove(info.uid);
    metrics.failed(profile.schedulerName, seconds());
    context.log.warn('a pod could not be bound, trying again', { pod: `${info.namespace}/${info.name}`, node: node.name, error });
    const told = explainError(context, info, error, { wasExpected: expected !== undefined }).finally(() => pending.delete(told));
    pending.add(told);
    queue.putBack(queued, new Set());
    queue.wake({ type: 'pod-removed', pod: info });
    start();
  }
}

/** A claim that went while it was bound is no end of its pod. */
function isPodGone(error: unknown): boolean {
  return isApiError(error, 'NotFound') && (error.details?.kind ?? Pod.plural) === Pod.plural;
}
