/** Events live for an hour after they were last seen (upstream: the event-ttl of the API server). */
import { Event } from '../../api/core/event.ts';
import { isApiError } from '../../api/errors.ts';
import type { ModuleContext } from '../../sdk/index.ts';

const LIFE_MS = 3_600_000;
const LOOK_EVERY_MS = 60_000;

export async function expireEvents({ client, clock, log, signal }: Pick<ModuleContext, 'client' | 'clock' | 'log' | 'signal'>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    try {
      const { items } = await client.list(Event, { signal });
      for (const event of items) if (isExpired(event, clock.nowMs())) await remove(client, event);
    } catch (error) {
      log.warn('old events could not be removed, trying again in a minute', { error });
    }
  }
}

export function isExpired(event: Event, nowMs: number): boolean {
  const times = [event.series?.lastObservedTime, event.lastTimestamp, event.eventTime, event.metadata.creationTimestamp];
  const last = Math.max(...times.map((each) => (each ? Date.parse(each) : 0)));
  return last > 0 && nowMs - last > LIFE_MS;
}

async function remove(client: ModuleContext['client'], { metadata }: Event): Promise<void> {
  await client.delete(Event, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { resourceVersion: metadata.resourceVersion } }).catch((error: unknown) => {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  });
}
