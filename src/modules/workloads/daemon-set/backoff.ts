/** How long failed pods of a node are left alone before they are replaced: 1 s, doubled to 15 minutes, forgotten after twice that. */
import { Pod } from '../../../api/core/pod.ts';
import type { Cache, ReconcileContext } from '../../../sdk/index.ts';

const BASE_MS = 1_000;
const MAX_MS = 900_000;

export interface FailureBackoff {
  leftMs(key: string, nowMs: number): number;
  failed(key: string, nowMs: number): void;
}

const known = new WeakMap<Cache<Pod>, FailureBackoff>();

/** One for as long as the module runs. */
export function failureBackoff({ caches }: Pick<ReconcileContext, 'caches'>): FailureBackoff {
  const pods = caches.of(Pod);
  const existing = known.get(pods);
  if (existing !== undefined) return existing;
  const made = createFailureBackoff();
  known.set(pods, made);
  return made;
}

function createFailureBackoff(): FailureBackoff {
  const failures = new Map<string, { delayMs: number; atMs: number }>();
  return {
    leftMs(key, nowMs) {
      const last = failures.get(key);
      return last === undefined ? 0 : Math.max(0, last.atMs + last.delayMs - nowMs);
    },
    failed(key, nowMs) {
      for (const [old, { atMs }] of failures) if (nowMs - atMs > 2 * MAX_MS) failures.delete(old);
      failures.set(key, { delayMs: Math.min(MAX_MS, 2 * (failures.get(key)?.delayMs ?? BASE_MS / 2)), atMs: nowMs });
    },
  };
}
