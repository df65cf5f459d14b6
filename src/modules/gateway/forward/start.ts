/** The forwarder in a thread of its own, which is there while there is something to forward; started again when it fails. */
import { Worker } from 'node:worker_threads';
import type { Log } from '../../../base/log.ts';
import type { Way } from './forwarder.ts';
import type { Told } from './worker.ts';

export interface Forwarding {
  /** Settles when connections for these are taken. Rejects with why not. */
  carry(ways: readonly Way[]): Promise<void>;
}

const HEAP_MIB = 64;
const AGAIN_MS = 200;
const ANSWER_MS = 10_000;

export function startForwarding({ log, signal }: { log: Log; signal: AbortSignal }): Forwarding {
  let worker: Worker | undefined;
  let wanted: readonly Way[] = [];
  let newest = 0;
  const waiting = new Map<number, (error?: string) => void>();

  function end(why = 'it ended'): void {
    const ended = worker;
    worker = undefined;
    for (const settle of waiting.values()) settle(why);
    waiting.clear();
    void ended?.terminate();
  }

  function start(): Worker {
    const started = new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } });
    started.unref();
    started.on('message', (told: Told) => {
      if (!('idle' in told)) {
        waiting.get(told.id)?.(told.error);
        waiting.delete(told.id);
      } else if (wanted.length === 0 && worker === started) end();
    });
    const gone = (why: string): void => {
      if (worker !== started || signal.aborted) return;
      log.error('what forwards connections to backends that are known by several names ended and is started again', { error: why });
      end(why);
      setTimeout(() => { if (worker === undefined && wanted.length > 0 && !signal.aborted) ask(wanted).catch((error: unknown) => log.error('connections are not forwarded', { error })); }, AGAIN_MS).unref();
    };
    started.on('error', (error) => gone(error instanceof Error ? error.message : String(error))).on('exit', () => gone('the thread ended'));
    return started;
  }

  function ask(ways: readonly Way[]): Promise<void> {
    worker ??= start();
    const id = ++newest;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => waiting.get(id)?.('no answer'), ANSWER_MS);
    timer.unref();
    waiting.set(id, (error) => {
      clearTimeout(timer);
      waiting.delete(id);
      if (error === undefined) resolve();
      else reject(new Error(`connections cannot be forwarded: ${error}`));
    });
    worker.postMessage({ id, ways });
    return promise;
  }

  signal.addEventListener('abort', () => end(), { once: true });
  return {
    async carry(ways) {
      if (signal.aborted || JSON.stringify(ways) === JSON.stringify(wanted)) return;
      const before = wanted;
      wanted = ways;
      if (ways.length === 0 && worker === undefined) return;
      await ask(ways).catch((error: unknown) => {
        if (wanted === ways) wanted = before;
        throw error;
      });
    },
  };
}
