/** Says of each TriggerAuthentication who uses it: the names of ScaledObjects and ScaledJobs, with commas (KEDA: pkg/status, UpdateTriggerAuthenticationStatusFromTriggers). */
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { ClusterTriggerAuthentication, TriggerAuthentication } from '../../api/keda/trigger-authentication.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { KubeObject } from '../../api/meta.ts';
import { untilAborted } from '../../base/aborted.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import type { ModuleContext } from '../../sdk/index.ts';

/** Between two rounds, so that many changes are one. */
const LEAST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 3_600_000;
/** Between two tries of one that cannot be written. */
const MOST_BACKOFF_MS = 300_000;

type Status = NonNullable<TriggerAuthentication['status']>;
type User = KubeObject & { spec?: { triggers?: readonly TriggerSpec[] } };

/** Names by what they use: `TriggerAuthentication/NAMESPACE/NAME`, `ClusterTriggerAuthentication//NAME`. Pure. */
export function usersOf(all: readonly User[]): Map<string, string> {
  const users = new Map<string, Set<string>>();
  for (const { metadata, spec } of all) {
    if (metadata.deletionTimestamp !== undefined) continue;
    for (const { authenticationRef } of spec?.triggers ?? []) {
      if (authenticationRef === undefined) continue;
      const ofCluster = authenticationRef.kind === ClusterTriggerAuthentication.kind;
      const key = `${ofCluster ? ClusterTriggerAuthentication.kind : TriggerAuthentication.kind}/${ofCluster ? '' : metadata.namespace}/${authenticationRef.name}`;
      users.set(key, (users.get(key) ?? new Set()).add(metadata.name ?? ''));
    }
  }
  return new Map([...users].map(([key, names]) => [key, [...names].toSorted().join(',')]));
}

/** Settles after the signal aborted and no round is under way. */
export async function keepUsers({ caches, client, clock, log, signal }: Pick<ModuleContext, 'caches' | 'client' | 'clock' | 'log' | 'signal'>): Promise<void> {
  const kinds = [TriggerAuthentication, ClusterTriggerAuthentication];
  const read = [ScaledObject, ScaledJob, ...kinds].map((kind) => caches.of(kind as Kind));
  const backoff = exponentialBackoff({ baseMs: 2 * LEAST_PAUSE_MS, maxMs: MOST_BACKOFF_MS });
  /** By what could not be written: when it is tried again. */
  const dueMs = new Map<string, number>();
  // Who looks earlier says that nobody uses them, and takes it back.
  await untilAborted(Promise.all(read.map((cache) => cache.ready())), signal);
  let isStale = true;
  let pause = new AbortController();
  const stops = read.map((cache) => cache.subscribe(() => {
    isStale = true;
    pause.abort();
  }));
  try {
    while (!signal.aborted) {
      pause = new AbortController();
      isStale = false;
      await round();
      await clock.sleep(LEAST_PAUSE_MS, signal);
      if (!isStale) await clock.sleep(Math.max(0, Math.min(MOST_PAUSE_MS, ...[...dueMs.values()].map((each) => each - clock.nowMs()))), AbortSignal.any([signal, pause.signal]));
    }
  } finally {
    for (const stop of stops) stop();
  }

  async function round(): Promise<void> {
    const [objects, jobs] = [usersOf(caches.of(ScaledObject).list()), usersOf(caches.of(ScaledJob).list())];
    const failing = new Set<string>();
    for (const kind of kinds) {
      for (const authentication of caches.of(kind).list()) {
        const { namespace = '', name = '' } = authentication.metadata;
        const key = `${kind.kind}/${namespace}/${name}`;
        const { scaledobjects, scaledjobs, ...others }: Status = authentication.status ?? {};
        const [byObjects, byJobs] = [objects.get(key), jobs.get(key)];
        if (scaledobjects === byObjects && scaledjobs === byJobs) continue;
        const status: Status = { ...others, ...(byObjects !== undefined && { scaledobjects: byObjects }), ...(byJobs !== undefined && { scaledjobs: byJobs }) };
        if ((dueMs.get(key) ?? 0) > clock.nowMs() || !(await write(kind, { ...authentication, status }, key))) failing.add(key);
      }
    }
    for (const key of dueMs.keys()) {
      if (failing.has(key)) continue;
      dueMs.delete(key);
      backoff.forget(key);
    }
  }

  /** Whether it need not be tried again; what fails keeps none of the others. */
  async function write(kind: typeof kinds[number], authentication: TriggerAuthentication, key: string): Promise<boolean> {
    try {
      await client.update(kind, authentication, { subresource: 'status' });
    } catch (error) {
      // It changed or went meanwhile: the next round sees it as it is.
      if (signal.aborted || isApiError(error, 'Conflict', 'NotFound')) return true;
      const pauseMs = backoff.next(key);
      dueMs.set(key, clock.nowMs() + pauseMs);
      log.warn('who uses an authentication could not be said; it is tried again', { authentication: key, pauseMs, error });
      return false;
    }
    return true;
  }
}
