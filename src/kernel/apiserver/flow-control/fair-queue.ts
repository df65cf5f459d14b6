/** A fair queue: so many at once, and of those that wait each flow's next in turn, so that a flood of one flow holds up itself alone. */

export interface FairQueue {
  /** May be changed at any time. */
  seats: number;
  /** How many of one flow may wait; 0 lets nobody wait. */
  waiting: number;
  /** true: go. A promise: go when it settles. undefined: too many wait already. Whoever goes must leave. */
  enter(flow: string): true | Promise<void> | undefined;
  leave(): void;
  readonly running: number;
}

export function createFairQueue(limits: { seats: number; waiting: number }): FairQueue {
  /** In turn: the flow that was served goes to the end. */
  const flows = new Map<string, (() => void)[]>();
  let running = 0;
  const admitNext = (): void => {
    while (running < queue.seats) {
      const [next] = flows;
      if (next === undefined) return;
      const [flow, waiters] = next;
      const go = waiters.shift();
      flows.delete(flow);
      if (waiters.length > 0) flows.set(flow, waiters);
      running += 1;
      go?.();
    }
  };
  const queue: FairQueue = {
    ...limits,
    get running() {
      return running;
    },
    enter(flow) {
      if (running < queue.seats) {
        running += 1;
        return true;
      }
      const waiters = flows.get(flow) ?? [];
      if (waiters.length >= queue.waiting) return undefined;
      if (waiters.length === 0) flows.set(flow, waiters);
      return new Promise((go) => waiters.push(go));
    },
    leave() {
      running -= 1;
      admitNext();
    },
  };
  return queue;
}
