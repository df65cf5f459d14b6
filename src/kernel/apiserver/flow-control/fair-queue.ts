/**
 * Fair queues over a pool of seats: so many at once, and of those that wait each flow's next in turn, so that a flood of one flow holds up itself
 * alone. Several queues may share a pool: each has seats of its own, lends those that it does not use as far as it says, and borrows likewise.
 */

export interface QueueLimits {
  /** Seats of its own. */
  seats: number;
  /** How many of one flow may wait; 0 lets nobody wait. */
  waiting: number;
  /** How many of its seats others may use while it does not; default 0. */
  lends?: number;
  /** How many seats of others it may use at most; default 0. */
  borrows?: number;
  /** How many of one flow may have a seat at once; default all. */
  perFlow?: number;
}

export interface FairQueue {
  /** May be changed at any time. */
  limits: QueueLimits;
  /**
   * true: go. A promise: go when it is fulfilled. undefined: too many wait already. Whoever goes must leave. Who waited in vain until `giveUp`
   * aborts is let go by a rejection with its reason.
   */
  enter(flow: string, giveUp?: AbortSignal): true | Promise<void> | undefined;
  /** Enters where that needs no waiting; false otherwise. */
  tryEnter(flow: string): boolean;
  leave(flow: string): void;
  readonly running: number;
  readonly waiting: number;
  /** Takes it out of the pool; those that wait still get their turn. */
  close(): void;
}

export interface Pool {
  queue(limits: QueueLimits): FairQueue;
}

export function createFairQueue(limits: QueueLimits): FairQueue {
  return createPool().queue(limits);
}

interface Member {
  limits: QueueLimits;
  running: number;
  /** Lets the next flow go that may; false when there is none. */
  admitNext(): boolean;
}

export function createPool(): Pool {
  const members: Member[] = [];
  /** Seats that nobody has and nobody keeps for itself. */
  const spare = (): number => members.reduce((sum, { limits, running }) => sum + limits.seats - Math.max(running, limits.seats - (limits.lends ?? 0)), 0);
  /** Own seats first: they may be lent, and then who lent them waits only until the next one leaves. */
  const mayOwn = (member: Member): boolean => member.running < member.limits.seats && members.reduce((sum, { limits, running }) => sum + limits.seats - running, 0) > 0;
  const mayBorrow = (member: Member): boolean => member.running < member.limits.seats + (member.limits.borrows ?? 0) && spare() > 0;
  const admit = (): void => {
    for (let some = true; some;) some = members.some((member) => mayOwn(member) && member.admitNext()) || members.some((member) => mayBorrow(member) && member.admitNext());
  };
  return {
    queue(limits) {
      /** In turn: the flow that was served goes to the end. */
      const flows = new Map<string, (() => void)[]>();
      const seated = new Map<string, number>();
      let waiting = 0;
      const fits = (flow: string): boolean => (seated.get(flow) ?? 0) < (member.limits.perFlow ?? Infinity);
      const seat = (flow: string): void => {
        member.running += 1;
        seated.set(flow, (seated.get(flow) ?? 0) + 1);
      };
      const member: Member = {
        limits, running: 0,
        admitNext() {
          for (const [flow, waiters] of flows) {
            if (!fits(flow)) continue;
            const go = waiters.shift();
            flows.delete(flow);
            if (waiters.length > 0) flows.set(flow, waiters);
            waiting -= 1;
            seat(flow);
            go?.();
            return true;
          }
          return false;
        },
      };
      members.push(member);
      const tryEnter = (flow: string): boolean => {
        const free = fits(flow) && (mayOwn(member) || mayBorrow(member));
        if (free) seat(flow);
        return free;
      };
      return {
        get limits() {
          return member.limits;
        },
        set limits(changed) {
          member.limits = changed;
          admit();
        },
        get running() {
          return member.running;
        },
        get waiting() {
          return waiting;
        },
        tryEnter,
        enter(flow, giveUp) {
          if (tryEnter(flow)) return true;
          const waiters = flows.get(flow) ?? [];
          if (waiters.length >= member.limits.waiting) return undefined;
          if (waiters.length === 0) flows.set(flow, waiters);
          waiting += 1;
          return new Promise((resolve, reject) => {
            const go = (): void => {
              giveUp?.removeEventListener('abort', leaveLine);
              resolve();
            };
            const leaveLine = (): void => {
              const line = flows.get(flow);
              if (line === undefined || !line.includes(go)) return;
              line.splice(line.indexOf(go), 1);
              if (line.length === 0) flows.delete(flow);
              waiting -= 1;
              reject(giveUp!.reason as Error);
            };
            giveUp?.addEventListener('abort', leaveLine, { once: true });
            waiters.push(go);
          });
        },
        leave(flow) {
          member.running -= 1;
          const left = (seated.get(flow) ?? 1) - 1;
          if (left === 0) seated.delete(flow);
          else seated.set(flow, left);
          admit();
          // It is in the pool no more: who still waits goes when one of its own leaves.
          if (!members.includes(member)) while (member.running < member.limits.seats && member.admitNext());
        },
        close() {
          members.splice(members.indexOf(member), 1);
        },
      };
    },
  };
}
