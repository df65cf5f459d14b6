/** What the ledgers of the queues count: what Workloads hold in fact, or are about to. */
import type { LiveQueue } from './build.ts';
import type { QuotaPlacement } from './policy/quota-room.ts';

export interface Holding {
  readonly queue: LiveQueue;
  readonly placement: QuotaPlacement;
}

export interface Holdings {
  /** The ledger counts this for the workload from now on, in place of what it counted before; nothing where there is no holding. */
  hold(key: string, holding: Holding | undefined): void;
  /** The workloads that hold something. */
  keys(): Iterable<string>;
  /** The ledgers were made anew, and count nothing yet. */
  clear(): void;
}

export function createHoldings(): Holdings {
  const held = new Map<string, Holding>();
  return {
    hold(key, holding) {
      const before = held.get(key);
      held.delete(key);
      before?.queue.ledger.give(before.placement);
      if (holding === undefined) return;
      holding.queue.ledger.take(holding.placement);
      held.set(key, holding);
    },
    keys: () => held.keys(),
    clear: () => held.clear(),
  };
}
