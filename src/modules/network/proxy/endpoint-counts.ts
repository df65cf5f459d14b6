/**
 * What each endpoint was given, by its address. HAProxy counts by slot, and a slot goes on counting when another endpoint has it: so what came since the
 * last look is added to who had the slot at both. Who came in between is counted from the look on; who left is forgotten.
 */
import { rowsOf } from '../../../sdk/haproxy/commands.ts';
import { ENDPOINT_FAMILIES, labelsOf, type Counters } from './signals.ts';

export interface EndpointCounts {
  /** Takes in the answer to `show stat`. */
  take(stat: string): void;
  /** Another process begins, with nothing; what was counted stays. */
  nextProcess(): void;
  forget(): void;
  now(): Counters;
}

export function createEndpointCounts(): EndpointCounts {
  let sums: Counters = new Map();
  /** Of each slot, as last looked at: who had it, and what was counted by then. */
  let slots = new Map<string, { address: string; counts: number[] }>();

  return {
    take(stat) {
      const before = sums;
      const now: Counters = new Map();
      const isFirst = slots.size === 0;
      const seen: typeof slots = new Map();
      for (const read of rowsOf(stat)) {
        const labels = labelsOf(read('pxname'));
        if (labels === undefined || read('svname') === 'FRONTEND' || read('svname') === 'BACKEND') continue;
        const [slot, address] = [`${read('pxname')}/${read('svname')}`, read('addr')];
        const counts = ENDPOINT_FAMILIES.map(({ column }) => Number(read(column)));
        const last = slots.get(slot);
        seen.set(slot, { address, counts });
        // One that is free has no endpoint.
        if (read('status').startsWith('MAINT')) continue;
        const since = last?.address === address ? last.counts : isFirst ? counts.map(() => 0) : counts;
        ENDPOINT_FAMILIES.forEach(({ name }, index) => {
          const key = `${name}{${labels},endpoint="${address}"}`;
          now.set(key, (now.get(key) ?? before.get(key) ?? 0) + Math.max(0, counts[index]! - since[index]!));
        });
      }
      sums = now;
      slots = seen;
    },
    nextProcess() {
      slots = new Map();
    },
    forget() {
      sums = new Map();
      slots = new Map();
    },
    now: () => sums,
  };
}
