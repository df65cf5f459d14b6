/** Keeps the status of quotas true: counts anew when a quota changes and when objects that it counts come and go. */
import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { ResourceQuota } from '../../api/core/resource-quota.ts';
import { isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { keyOf, type CacheEvent } from '../../sdk/cache.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { createWorkQueue } from '../../sdk/work-queue.ts';
import { countedKinds, recount } from './recount.ts';
import { underWay } from './under-way.ts';

/** What admission booked is counted again after this long, so that bookings of writes that failed are given back. */
const SETTLE_MS = 1_000;

/** Settles when the signal aborts and work under way has ended. */
export async function keepCounted(context: ModuleContext): Promise<void> {
  const { caches, client, clock, kinds, log, signal } = context;
  const quotas = caches.of(ResourceQuota);
  const queue = createWorkQueue('resource-quota');
  const followed = new Map<string, () => void>();
  const expected = underWay(context);
  const recountOf = (namespace: string | undefined, delayMs: number): void => {
    for (const quota of quotas.list(namespace ?? '')) queue.addAfter(keyOf(quota), delayMs);
  };
  const follow = (kind: Kind): void => {
    const key = `${kind.group}/${kind.plural}`;
    if (followed.has(key) || signal.aborted) return;
    followed.set(key, caches.of(kind).subscribe((event) => {
      if (event.type === 'deleted') expected.forget(event.object);
      const delayMs = delayOf(event);
      if (delayMs !== undefined) recountOf(event.object.metadata.namespace, delayMs);
    }));
  };
  const stop = quotas.subscribe(({ type, object }) => {
    if (type === 'deleted') return;
    for (const kind of countedKinds(object, kinds.list())) follow(kind);
    queue.addAfter(keyOf(object), equalJson(object.status?.hard ?? {}, object.spec?.hard ?? {}) ? SETTLE_MS : 0);
  });
  await queue.drain({ concurrency: 2, signal }, async (key) => {
    const quota = quotas.get(key);
    if (quota === undefined) return;
    try {
      await settle(quota);
    } catch (error) {
      if (signal.aborted || isApiError(error, 'NotFound')) return;
      if (!isApiError(error, 'Conflict')) log.warn('a quota could not be counted, trying again', { quota: key, error });
      queue.addRateLimited(key);
    }
  });
  stop();
  for (const end of followed.values()) end();

  async function settle(known: ResourceQuota): Promise<void> {
    const quota = await client.get(ResourceQuota, known.metadata.name ?? '', { namespace: known.metadata.namespace });
    const status = await recount(quota, { client, served: kinds.list(), underWay: expected, nowMs: clock.nowMs() });
    if (!equalJson(status, quota.status ?? {})) await client.update(ResourceQuota, { ...quota, status }, { subresource: 'status' });
    queue.forget(keyOf(quota));
    if (expected.any()) queue.addAfter(keyOf(quota), SETTLE_MS); // a write that failed gives its place back
  }
}

/** What goes frees its place at once; what comes was booked when it came. */
function delayOf({ type, object, previous }: CacheEvent<KubeObject>): number | undefined {
  if (type === 'deleted') return 0;
  if (type === 'added') return SETTLE_MS;
  const phase = (one: KubeObject | undefined): string | undefined => (one as { status?: { phase?: string } } | undefined)?.status?.phase;
  if (phase(object) !== phase(previous)) return 0;
  // What is allocated to a claim, and the class of attributes that it has, are told in its status alone.
  const volume = (one: KubeObject | undefined): unknown => {
    const { allocatedResources = null, currentVolumeAttributesClassName = null, modifyVolumeStatus = null } = (one as PersistentVolumeClaim | undefined)?.status ?? {};
    return { allocatedResources, currentVolumeAttributesClassName, modifyVolumeStatus };
  };
  if (!equalJson(volume(object), volume(previous))) return 0;
  return equalJson((object as { spec?: unknown }).spec, (previous as { spec?: unknown } | undefined)?.spec) ? undefined : SETTLE_MS;
}
