/** All ScaledObjects and ScaledJobs: a turn of each when its time has come, many at once, never two of one. */
import type { KubeObject } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { aborted } from '../../base/aborted.ts';
import { phaseOf } from '../../base/phase.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { scaledObjects } from './admit.ts';
import { keepUsers } from './authentication-users.ts';
import { externalMetricsRoute } from './external-metrics.ts';
import { jobWorker } from './scaled-job.ts';
import { scaledWorker, type ScaledWorker } from './scaled-object.ts';
import { settingsOf } from './settings.ts';

const DEFAULT_POLLING_SECONDS = 30;
const LEAST_POLLING_MS = 250;

interface Worker<T> {
  turn(object: T): Promise<void>;
  close(): void;
}

export async function work(context: ModuleContext): Promise<void> {
  const settings = settingsOf(context.config);
  const objects = new Map<string, ScaledWorker>();
  const withdraw = [context.route(externalMetricsRoute(context, objects)), ...(context.may === undefined ? [] : [context.admit(scaledObjects)])];
  try {
    await Promise.all([
      keepAll(context, ScaledObject, objects, (wake) => scaledWorker(context, settings, wake)),
      keepUsers(context),
      keepAll(context, ScaledJob, new Map<string, Worker<ScaledJob>>(), (wake) => jobWorker(context, settings, wake)),
    ]);
  } finally {
    for (const each of withdraw) each();
  }
}

interface Kept {
  gone: AbortController;
  /** As it was in the last turn. */
  mark?: string;
  /** Ends the pause between two turns. */
  pause?: AbortController;
  /** A trigger has said since the last turn began that there is news. */
  isWoken: boolean;
}

/** Settles after the signal aborted and no turn is under way. */
async function keepAll<T extends KubeObject & { spec?: { pollingInterval?: number } }, W extends Worker<T>>({ caches, clock, log, signal }: ModuleContext, kind: Kind<T>, workers: Map<string, W>, make: (wake: () => void) => W): Promise<void> {
  const cache = caches.of(kind);
  const kept = new Map<string, Kept>();
  const lives = new Set<Promise<void>>();

  async function live(key: string, own: Kept): Promise<void> {
    const gone = AbortSignal.any([signal, own.gone.signal]);
    const worker = make(() => {
      own.isWoken = true;
      own.pause?.abort();
    });
    workers.set(key, worker);
    // Those that are made, or found at a start, together are not read together for ever.
    let part: number | undefined = phaseOf(cache.get(key)?.metadata.uid ?? '');
    for (let object = cache.get(key); object !== undefined && !gone.aborted; object = cache.get(key)) {
      own.mark = markOf(object);
      own.isWoken = false;
      await worker.turn(object).catch((error: Error) => {
        if (!gone.aborted) log.warn('what is to be scaled could not be looked at', { [kind.kind]: key, error: error.message });
      });
      own.pause = new AbortController();
      const now = cache.get(key);
      if (now === undefined || markOf(now) !== own.mark) continue;
      // However often a trigger has news, there is a pause.
      if (own.isWoken) await clock.sleep(LEAST_POLLING_MS, gone);
      else await clock.sleep(Math.max(LEAST_POLLING_MS, (object.spec?.pollingInterval ?? DEFAULT_POLLING_SECONDS) * 1_000 * (part ?? 1)), AbortSignal.any([gone, own.pause.signal]));
      part = undefined;
    }
    worker.close();
    workers.delete(key);
  }

  const stop = cache.subscribe(({ type, key, object }) => {
    const own = kept.get(key);
    if (type === 'deleted') {
      own?.gone.abort();
      kept.delete(key);
    } else if (own === undefined) {
      const fresh: Kept = { gone: new AbortController(), isWoken: false };
      kept.set(key, fresh);
      const life = live(key, fresh).catch((error: unknown) => log.error('what is to be scaled is looked at no more', { [kind.kind]: key, error })).finally(() => lives.delete(life));
      lives.add(life);
    } else if (own.mark !== markOf(object)) own.pause?.abort();
  });
  await aborted(signal);
  stop();
  await Promise.all(lives);
}

/** What a user changed. */
function markOf({ metadata }: KubeObject): string {
  return `${metadata.uid} ${metadata.generation} ${JSON.stringify(metadata.annotations ?? {})} ${metadata.deletionTimestamp ?? ''} ${metadata.finalizers?.join(' ') ?? ''}`;
}
