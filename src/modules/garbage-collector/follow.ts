/** Follows all objects of a kind without keeping them: lists, then watches from there, and lists again when the revision is too old. */
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import type { ModuleContext } from '../../sdk/index.ts';

export interface Follower {
  /** All that there are. */
  listed(objects: readonly KubeObject[]): void;
  changed(object: KubeObject): void;
  deleted(object: KubeObject): void;
}

/** Settles when the signal has aborted. */
export async function follow({ client, clock, log }: Pick<ModuleContext, 'client' | 'clock' | 'log'>, kind: Kind, follower: Follower, signal: AbortSignal): Promise<void> {
  const backoff = exponentialBackoff({ baseMs: 50, maxMs: 30_000 });
  let resourceVersion: string | undefined;
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        const list = await client.list(kind, { signal });
        follower.listed(list.items);
        resourceVersion = list.metadata.resourceVersion;
      }
      for await (const event of client.watch(kind, { resourceVersion, signal })) {
        backoff.forget('');
        resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
        if (event.type === 'DELETED') follower.deleted(event.object);
        else if (event.type !== 'BOOKMARK') follower.changed(event.object);
      }
    } catch (error) {
      if (signal.aborted) return;
      resourceVersion = undefined;
      if (!isApiError(error, 'Expired', 'Gone', 'NotFound')) log.warn('following again', { kind: kind.kind, error });
    }
    if (!signal.aborted) await clock.sleep(backoff.next(''), signal);
  }
}
