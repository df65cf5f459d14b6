/**
 * A pod that is to end leaves the Services first. As upstream has it, both begin at the same time, and what connects in between finds a door that is just being closed; where the one who ends
 * pods and those who lead to them are one process, the signal can wait for them. It is a matter of some milliseconds, of more on a busy machine.
 */
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { EndpointSliceKind } from '../kinds.ts';
import type { Cache } from '../../../sdk/cache.ts';
import { carriedOut } from '../../../sdk/carried-out.ts';

export interface OutOfService {
  /** Settles when no Service leads to the pod any more, or MOST_SERVED_MS have gone by; undefined when none does and none did a moment ago. */
  of(podUid: string): Promise<void> | undefined;
}

const INDEX = 'pod-uid';
/** A Service that leads to a pod for longer, as a slice made by hand may, is not waited for. */
export const MOST_SERVED_MS = 2_000;

/** `signal` ends the looking. */
export function outOfService(slices: Cache<EndpointSlice>, { instance, signal }: { instance: string; signal: AbortSignal }): OutOfService {
  slices.addIndex(INDEX, ({ endpoints }) => (endpoints ?? []).flatMap(({ targetRef }) => targetRef?.uid ?? []));
  const waiting = new Set<() => void>();
  const stop = slices.subscribe(() => {
    for (const look of waiting) look();
  });
  signal.addEventListener('abort', stop, { once: true });

  /** One that is about to end counts as ready where a Service publishes all addresses. */
  const leadsTo = (uid: string): boolean => slices.byIndex(INDEX, uid).some(({ endpoints }) => endpoints?.some(({ targetRef, conditions }) => targetRef?.uid === uid && conditions?.ready !== false && conditions?.terminating !== true));

  async function left(uid: string): Promise<void> {
    if (leadsTo(uid)) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve();
        };
        const look = (): void => { if (!leadsTo(uid)) end(); };
        const timer = setTimeout(end, MOST_SERVED_MS).unref();
        waiting.add(look);
      });
    }
    await Promise.all(slices.byIndex(INDEX, uid).map((slice) => carriedOut(instance, EndpointSliceKind, slice)));
  }

  return { of: (uid) => (slices.byIndex(INDEX, uid).length === 0 ? undefined : left(uid)) };
}
