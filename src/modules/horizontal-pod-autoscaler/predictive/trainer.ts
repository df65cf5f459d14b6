/** Learns trees in a worker, so that the loop never waits for it. The worker is there while there is something to learn, and a little longer. */
import { Worker } from 'node:worker_threads';
import type { Log } from '../../../base/log.ts';
import type { Trainer } from './forecasters/boosted-trees.ts';
import type { Trees } from './forecasters/trees.ts';

const IDLE_MS = 10_000;
const MOST_WAITING = 2_000;
const HEAP_MIB = 64;

/** A set that cannot be learned gives undefined: what was learned before stays. When the signal aborts, all do and the worker ends. */
export function createTrainer(log: Log, signal: AbortSignal): Trainer {
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let newest = 0;
  const waiting = new Map<number, (trees: Trees | undefined) => void>();

  function end(): void {
    clearTimeout(idle);
    void worker?.terminate();
    worker = undefined;
    for (const settle of waiting.values()) settle(undefined);
    waiting.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL('./trees-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } });
    started.unref();
    started.on('message', ({ id, trees }: { id: number; trees: Trees }) => {
      waiting.get(id)?.(trees);
      waiting.delete(id);
      if (waiting.size > 0) return;
      idle = setTimeout(end, IDLE_MS);
      idle.unref();
    });
    started.on('error', (error) => {
      log.warn('trees could not be learned', { error: error.message });
      if (worker === started) end();
    });
    return started;
  }

  signal.addEventListener('abort', end, { once: true });
  return (set) => {
    if (signal.aborted || waiting.size >= MOST_WAITING) return undefined;
    clearTimeout(idle);
    worker ??= start();
    const id = ++newest;
    worker.postMessage({ id, set }, [set.features.buffer as ArrayBuffer, set.answers.buffer as ArrayBuffer]);
    return new Promise((resolve) => waiting.set(id, resolve));
  };
}
