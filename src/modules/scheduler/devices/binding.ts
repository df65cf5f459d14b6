/** Devices that have to be brought to the node before a pod may be bound there: their drivers tell by conditions of the claim. Source: upstream, isClaimReadyForBinding. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { ResourceClaim } from '../../../api/generated/resource-v1.ts';
import { isReservedFor } from '../../../api/resource/claim-uses.ts';

export function hasBindingConditions({ status }: ResourceClaim): boolean {
  return status?.allocation?.devices?.results?.some(({ bindingConditions = [] }) => bindingConditions.length > 0) === true;
}

/** Throws Error with what its driver says of it when a device cannot be brought. Pure. */
export function isBindable({ metadata, status }: ResourceClaim): boolean {
  return (status?.allocation?.devices?.results ?? []).every(({ driver, pool, device, bindingConditions = [], bindingFailureConditions = [] }) => {
    if (bindingConditions.length === 0) return true;
    const told = status?.devices?.find((each) => each.driver === driver && each.pool === pool && each.device === device)?.conditions ?? [];
    const isTrue = (wanted: string): boolean => told.some(({ type, status: is }) => type === wanted && is === 'True');
    const failed = told.find(({ type, status: is }) => bindingFailureConditions.includes(type) && is === 'True');
    if (failed !== undefined) throw new Error(`claim ${metadata.name} binding failed: reason=${failed.reason}, message=${JSON.stringify(failed.message)}`);
    return bindingConditions.every(isTrue);
  });
}

export interface Waiting {
  /** The claim as it is now. */
  now(claim: ResourceClaim): ResourceClaim | undefined;
  /** Called at every change, until it is taken back. */
  onChange(look: () => void): () => void;
  signal: AbortSignal;
  timeoutMs: number;
}

/** Settles when all devices are there; rejects when one cannot come, does not in time, or the claim is the pod's no more. */
export function untilBindable(pod: Pod, claims: readonly ResourceClaim[], { now, onChange, signal, timeoutMs }: Waiting): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: unknown): void => {
      forget();
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (error === undefined) resolve();
      else reject(error as Error);
    };
    const look = (): void => {
      try {
        const latest = claims.map(now);
        if (latest.some((each) => each === undefined || !isReservedFor(each, pod))) return end(new Error('a claim was taken from the pod'));
        if (latest.every((each) => isBindable(each!))) end();
      } catch (error) {
        end(error);
      }
    };
    const abort = (): void => end(new Error('the scheduler stops'));
    const timer = setTimeout(() => end(new Error('device binding timeout')), timeoutMs);
    timer.unref();
    const forget = onChange(look);
    signal.addEventListener('abort', abort, { once: true });
    look();
  });
}
