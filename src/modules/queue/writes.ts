/** Decisions on their way into the store: one write of a workload at a time, and none on what is out of date. */
import { Workload } from '../../api/kueue/workload.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import { isApiError, type ModuleContext } from '../../sdk/index.ts';

/** At most so many are under way. */
const MOST_WRITES = 16;
/** Between two tries of a write that was refused, doubling. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

export interface Writes {
  /** As many are under way as may be. */
  readonly isFull: boolean;
  /** Nothing is written, and the caches know of all that was. */
  readonly isCalm: boolean;
  isUnderWay(key: string): boolean;
  /** The workload is being written, or the cache does not have yet what was written of it. */
  isAhead(key: string): boolean;
  /** Its write was refused a moment ago, for another reason than a change of it. */
  isPaused(key: string): boolean;
  /** The cache is not behind any more. */
  seen(key: string): void;
  /** The workload is no more. */
  forget(key: string): void;
  /** `conflicted`: the workload changed meanwhile. */
  write(key: string, workload: Workload, act: () => Promise<void>, conflicted?: () => void): void;
  /** Settles when those under way have ended. */
  settled(): Promise<void>;
}

/** `changed`: something of the workload is to be looked at anew. */
export function createWrites({ caches, clock, signal, log }: Pick<ModuleContext, 'caches' | 'clock' | 'signal' | 'log'>, changed: (key: string) => void): Writes {
  const workloads = caches.of(Workload);
  const underWay = new Map<string, Promise<void>>();
  /** The version that a write was based on: news are later ones. */
  const outdated = new Map<string, string>();
  /** By the pause that holds it: another workload may have its name by the end of one. */
  const paused = new Map<string, object>();
  const failures = exponentialBackoff({ baseMs: FIRST_PAUSE_MS, maxMs: LONGEST_PAUSE_MS });
  const isOutdated = (key: string): boolean => outdated.has(key) && workloads.get(key)?.metadata.resourceVersion === outdated.get(key);

  const pause = async (key: string): Promise<void> => {
    const own = {};
    paused.set(key, own);
    await clock.sleep(failures.next(key), signal);
    if (paused.get(key) !== own) return;
    paused.delete(key);
    changed(key);
  };

  const failed = (key: string, error: unknown, conflicted: () => void): void => {
    if (isApiError(error, 'Conflict')) conflicted();
    if (isApiError(error, 'Conflict', 'NotFound') || signal.aborted) return;
    log.warn('a decision of the queue could not be written, and is taken anew', { workload: key, error });
    void pause(key);
  };

  return {
    get isFull() {
      return underWay.size >= MOST_WRITES;
    },
    get isCalm() {
      return underWay.size === 0 && ![...outdated.keys()].some(isOutdated);
    },
    isUnderWay: (key) => underWay.has(key),
    isAhead: (key) => underWay.has(key) || isOutdated(key),
    isPaused: (key) => paused.has(key),
    seen: (key) => void outdated.delete(key),
    forget(key) {
      failures.forget(key);
      paused.delete(key);
    },
    write(key, workload, act, conflicted = () => {}) {
      const written = (): void => {
        outdated.set(key, workload.metadata.resourceVersion ?? '');
        failures.forget(key);
      };
      underWay.set(key, act().then(written, (error: unknown) => failed(key, error, conflicted)).finally(() => {
        underWay.delete(key);
        changed(key);
      }));
    },
    async settled() {
      await Promise.allSettled(underWay.values());
    },
  };
}
