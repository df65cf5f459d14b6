/** Workloads that are to wait before they are queued again (requeueState.requeueAt) are looked at when that time has come. */
import type { Workload } from '../../api/kueue/types.ts';
import { LONGEST_TIMER_MS, type Clock } from '../../base/clock.ts';

/** A time that a Workload tells is one of whole milliseconds at the best: a moment later it has passed for certain. */
const MARGIN_MS = 5;

export interface Requeues {
  /** One timer a workload, however often it is written meanwhile. */
  follow(key: string, workload: Workload): void;
  stop(): void;
}

/** `look`: the time of the workload has come. */
export function createRequeues(clock: Clock, look: (key: string) => void): Requeues {
  const timers = new Map<string, NodeJS.Timeout>();
  return {
    follow(key, { status }) {
      clearTimeout(timers.get(key));
      timers.delete(key);
      const inMs = Date.parse(status?.requeueState?.requeueAt ?? '') - clock.nowMs();
      if (!(inMs > 0)) return;
      timers.set(key, setTimeout(() => {
        timers.delete(key);
        look(key);
      }, Math.min(LONGEST_TIMER_MS, inMs + MARGIN_MS)).unref());
    },
    stop() {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
