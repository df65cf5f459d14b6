/**
 * The scheduling queue (upstream: PriorityQueue): active pods in order, pods that back off, and pods that wait for an event which may
 * help them. It keeps no timers: the caller asks when the next pod is due.
 */
import { createHeap, type Heap } from '../../../base/heap.ts';
import type { ClusterEvent } from './cluster-event.ts';
import type { Plugin, Profile } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

export interface QueuedPod {
  info: PodInfo;
  addedMs: number;
  /** When it might be placed for the first time: one that is gated waits for something else. 0 until then. */
  firstActiveMs: number;
  sequence: number;
  /** Cycles that ended without a node. */
  attempts: number;
  /** Of these those that ended by what plugins said, and by errors in a row since: each sort backs off by its own count. */
  rejections: number;
  errors: number;
  /** When the back-off after the last failure ends. */
  readyMs: number;
  failedMs: number;
  rejectedBy: ReadonlySet<string>;
  place: 'active' | 'backoff' | 'waiting' | 'gated' | 'out';
}

export interface SchedulingQueue {
  /** A pod without a node, new or changed. A change of the pod itself may help it. */
  set(info: PodInfo): void;
  remove(uid: string): void;
  /** The next pod; it is out of the queue until `set` or `putBack`. */
  pop(): QueuedPod | undefined;
  /** The next of those that back off though something happened that may help them: where nobody else waits they need not. Not after errors. Source: upstream, SchedulerPopFromBackoffQ. */
  popEarly(): QueuedPod | undefined;
  /** After a failure: waits for an event that helps one of `rejectedBy`; when empty it comes back after its back-off. */
  putBack(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void;
  wake(event: ClusterEvent): void;
  /** Moves what is due to the active pods, and gives the time of the next, in ms since the epoch. */
  flush(): number | undefined;
  /** Whether `pop` would give one. */
  readonly hasActive: boolean;
  /** Whether `popEarly` would. */
  readonly hasEarly: boolean;
  readonly sizes: { active: number; backoff: number; waiting: number; gated: number };
}

export interface QueueOptions {
  nowMs(): number;
  profileOf(info: PodInfo): Profile;
  initialBackoffMs?: number;
  maxBackoffMs?: number;
}

/** However unlikely it is that nothing happened: after this long a waiting pod is tried again. */
const LONGEST_WAIT_MS = 300_000;
/** Source: upstream, backoffQOrderingWindowDuration. */
const ORDERING_WINDOW_MS = 1_000;

export function createQueue({ nowMs, profileOf, initialBackoffMs = 1000, maxBackoffMs = 10_000 }: QueueOptions): SchedulingQueue {
  const pods = new Map<string, QueuedPod>();
  const waiting = new Set<QueuedPod>();
  let gated = 0;
  let sequence = 0;
  const active = createHeap<{ queued: QueuedPod; info: PodInfo }>(({ queued: left }, { queued: right }) => order(profileOf(left.info), left, right));
  // Of those that are due within the same second the most important is first.
  const backoff = createHeap<QueuedPod>((left, right) => windowOf(left) - windowOf(right) || order(profileOf(left.info), left, right));
  const failed = createHeap<QueuedPod>((left, right) => left.readyMs - right.readyMs);

  const leave = (queued: QueuedPod): void => {
    if (queued.place === 'waiting') waiting.delete(queued);
    if (queued.place === 'gated') gated--;
    queued.place = 'out';
  };
  const enter = (queued: QueuedPod, place: 'active' | 'backoff' | 'waiting' | 'gated'): void => {
    leave(queued);
    queued.place = place;
    if (place === 'active') {
      queued.firstActiveMs ||= nowMs();
      active.push({ queued, info: queued.info });
    } else if (place === 'backoff') (queued.rejectedBy.size === 0 ? failed : backoff).push(queued);
    else if (place === 'waiting') waiting.add(queued);
    else gated++;
  };
  const resume = (queued: QueuedPod): void => enter(queued, queued.readyMs > nowMs() ? 'backoff' : 'active');
  const isGated = (info: PodInfo): boolean => profileOf(info).plugins.some((plugin) => plugin.preEnqueue?.(info) !== undefined);
  // Entries that left a heap by another door stay in it until they come up: `place`, `info` and the heap they belong to tell them from live ones.
  const firstOf = (heap: Heap<QueuedPod>): QueuedPod | undefined => {
    let first = heap.peek();
    for (; first !== undefined && (first.place !== 'backoff' || pods.get(first.info.uid) !== first || (first.rejectedBy.size === 0) !== (heap === failed)); first = heap.peek()) heap.pop();
    return first;
  };
  const isLive = ({ queued, info }: { queued: QueuedPod; info: PodInfo }): boolean => queued.place === 'active' && queued.info === info && pods.get(info.uid) === queued;

  return {
    set(info) {
      const known = pods.get(info.uid);
      if (known === undefined) {
        const queued: QueuedPod = { info, addedMs: nowMs(), firstActiveMs: 0, sequence: sequence++, attempts: 0, rejections: 0, errors: 0, readyMs: 0, failedMs: 0, rejectedBy: new Set(), place: 'out' };
        pods.set(info.uid, queued);
        return enter(queued, isGated(info) ? 'gated' : 'active');
      }
      const helps = changesFate(known.info, info);
      known.info = info;
      if (isGated(info)) enter(known, 'gated');
      else if (known.place === 'gated' || known.place === 'active') enter(known, 'active');
      else if (known.place === 'waiting' && helps) resume(known);
    },
    remove(uid) {
      const queued = pods.get(uid);
      if (queued === undefined) return;
      pods.delete(uid);
      leave(queued);
    },
    pop() {
      for (let entry = active.pop(); entry !== undefined; entry = active.pop()) {
        if (!isLive(entry)) continue;
        leave(entry.queued);
        return entry.queued;
      }
      return undefined;
    },
    popEarly() {
      const first = firstOf(backoff);
      if (first === undefined) return undefined;
      backoff.pop();
      leave(first);
      return first;
    },
    putBack(queued, rejectedBy) {
      if (pods.get(queued.info.uid) !== queued) return; // it was deleted meanwhile
      queued.attempts++;
      queued.failedMs = nowMs();
      // Among equals those that have not been tried lately are first. Source: upstream, TestRecentlyTriedPodsGoBack.
      queued.addedMs = queued.failedMs;
      queued.sequence = sequence++;
      if (rejectedBy.size === 0) queued.errors++;
      else [queued.rejections, queued.errors] = [queued.rejections + 1, 0];
      queued.readyMs = queued.failedMs + Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min((queued.errors || queued.rejections) - 1, 20));
      queued.rejectedBy = rejectedBy;
      enter(queued, rejectedBy.size === 0 ? 'backoff' : 'waiting');
    },
    wake(event) {
      for (const queued of waiting) if (mayHelp(profileOf(queued.info).plugins, event, queued)) resume(queued);
    },
    flush() {
      const now = nowMs();
      for (const queued of waiting) if (now - queued.failedMs >= LONGEST_WAIT_MS) resume(queued);
      for (const heap of [backoff, failed]) {
        for (let first = firstOf(heap); first !== undefined && first.readyMs <= now; first = firstOf(heap)) {
          heap.pop();
          enter(first, 'active');
        }
      }
      const nextWaiting = waiting.size === 0 ? Infinity : Math.min(...[...waiting].slice(0, 1).map((each) => each.failedMs + LONGEST_WAIT_MS));
      const next = Math.min(firstOf(backoff)?.readyMs ?? Infinity, firstOf(failed)?.readyMs ?? Infinity, nextWaiting);
      return next === Infinity ? undefined : next;
    },
    get hasActive() {
      for (let entry = active.peek(); entry !== undefined; entry = active.peek()) {
        if (isLive(entry)) return true;
        active.pop();
      }
      return false;
    },
    get hasEarly() {
      return firstOf(backoff) !== undefined;
    },
    get sizes() {
      let backing = 0;
      let ready = 0;
      for (const queued of pods.values()) {
        if (queued.place === 'backoff') backing++;
        if (queued.place === 'active') ready++;
      }
      return { active: ready, backoff: backing, waiting: waiting.size, gated };
    },
  };
}

function windowOf({ readyMs }: QueuedPod): number {
  return Math.floor(readyMs / ORDERING_WINDOW_MS);
}

function order(profile: Profile, left: QueuedPod, right: QueuedPod): number {
  for (const plugin of profile.plugins) if (plugin.queueSort !== undefined) return plugin.queueSort(left, right) || left.sequence - right.sequence;
  return left.sequence - right.sequence;
}

function mayHelp(plugins: readonly Plugin[], event: ClusterEvent, queued: QueuedPod): boolean {
  if (event.type === 'pod-removed' && event.wasNominated === true && queued.info.priority > event.pod.priority) return false;
  return plugins.some((plugin) => queued.rejectedBy.has(plugin.name) && (plugin.wakesFor?.(event, queued.info) ?? true));
}

/** Status changes of a waiting pod are our own doing: only its spec, its labels and the claims that were made for it count. */
function changesFate(before: PodInfo, after: PodInfo): boolean {
  const fate = ({ pod, labels }: PodInfo): string => JSON.stringify([pod.spec, labels, pod.status?.resourceClaimStatuses]);
  return fate(before) !== fate(after);
}
