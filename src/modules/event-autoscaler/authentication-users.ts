/** Says of each TriggerAuthentication who uses it: the names of ScaledObjects and ScaledJobs, with commas (KEDA: pkg/status, UpdateTriggerAuthenticationStatusFromTriggers). */
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { ClusterTriggerAuthentication, TriggerAuthentication } from '../../api/keda/trigger-authentication.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { ModuleContext } from '../../sdk/index.ts';

/** Between two rounds, so that many changes are one. */
const LEAST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 3_600_000;

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
export async function keepUsers({ caches, client, clock, log, signal }: ModuleContext): Promise<void> {
  const kinds = [TriggerAuthentication, ClusterTriggerAuthentication];
  let isStale = true;
  let pause = new AbortController();
  const stops = [ScaledObject, ScaledJob, ...kinds].map((kind) => caches.of(kind as Kind).subscribe(() => {
    isStale = true;
    pause.abort();
  }));
  try {
    while (!signal.aborted) {
      pause = new AbortController();
      if (isStale) {
        isStale = false;
        await round().catch((error: unknown) => {
          isStale = true;
          if (!signal.aborted) log.warn('who uses an authentication could not be said; it is tried again', { error });
        });
      }
      await clock.sleep(LEAST_PAUSE_MS, signal);
      if (!isStale) await clock.sleep(MOST_PAUSE_MS, AbortSignal.any([signal, pause.signal]));
    }
  } finally {
    for (const stop of stops) stop();
  }

  async function round(): Promise<void> {
    const [objects, jobs] = [usersOf(caches.of(ScaledObject).list()), usersOf(caches.of(ScaledJob).list())];
    for (const kind of kinds) {
      for (const authentication of caches.of(kind).list()) {
        const { namespace = '', name = '' } = authentication.metadata;
        const key = `${kind.kind}/${namespace}/${name}`;
        const { scaledobjects, scaledjobs, ...others }: Status = authentication.status ?? {};
        const [byObjects, byJobs] = [objects.get(key), jobs.get(key)];
        if (scaledobjects === byObjects && scaledjobs === byJobs) continue;
        const status: Status = { ...others, ...(byObjects !== undefined && { scaledobjects: byObjects }), ...(byJobs !== undefined && { scaledjobs: byJobs }) };
        await client.update(kind, { ...authentication, status }, { subresource: 'status' }).catch((error: unknown) => {
          // It changed or went meanwhile: the next round sees it as it is.
          if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
        });
      }
    }
  }
}
