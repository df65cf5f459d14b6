/** A watch as an async iteration, for callers in this process: bounded, and without copies. */
import { ApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { WatchEvent, WatchOptions } from '../../sdk/client.ts';
import type { Door } from './door.ts';
import { resourceUnknown, toApiError } from './errors.ts';
import { selectionOf } from './handlers/list.ts';
import { apiVersionOfKind } from './kind-table.ts';
import { asKind } from './resources/convert.ts';
import { startWatch, type RunningWatch } from './resources/watch.ts';

/** Above this the store holds back; it drops who falls behind too far. */
const QUEUE_MOST = 512;

export async function* watchEvents(door: Door, kind: Kind, options: WatchOptions, check: () => void): AsyncGenerator<WatchEvent, void, void> {
  const ending = new AbortController();
  const end = (): void => {
    ending.abort();
    wake();
  };
  let queue: WatchEvent[] = [];
  let failure: ApiError | undefined;
  let waiting: (() => void) | undefined;
  const wake = (): void => {
    waiting?.();
    waiting = undefined;
  };
  if (options.signal?.aborted) return;
  options.signal?.addEventListener('abort', end, { once: true });
  const forget = door.kinds.subscribe(() => {
    if (door.kinds.isServed(kind)) return;
    failure = resourceUnknown();
    wake();
  });
  door.signal.addEventListener('abort', end, { once: true });
  try {
    check();
    const watch = begin(door, kind, options, ending.signal, {
      push(event) {
        queue.push(event);
        wake();
        return queue.length < QUEUE_MOST;
      },
      fail(error) {
        failure = error;
        wake();
      },
    });
    for (;;) {
      const batch = queue;
      queue = [];
      for (const event of batch) {
        if (ending.signal.aborted) return;
        yield event;
      }
      if (ending.signal.aborted) return;
      if (queue.length > 0) continue;
      if (failure !== undefined) throw failure;
      watch.resume();
      await new Promise<void>((resolve) => {
        if (queue.length > 0 || failure !== undefined || ending.signal.aborted) resolve();
        else waiting = resolve;
      });
    }
  } catch (error) {
    throw toApiError(error);
  } finally {
    ending.abort();
    forget();
    options.signal?.removeEventListener('abort', end);
    door.signal.removeEventListener('abort', end);
  }
}

function begin(door: Door, kind: Kind, options: WatchOptions, signal: AbortSignal, into: { push(event: WatchEvent): boolean; fail(error: ApiError): void }): RunningWatch {
  const query = { ...selectionOf(kind, options), resourceVersion: options.resourceVersion, sendInitialEvents: options.sendInitialEvents, allowBookmarks: true, signal };
  return startWatch(door, kind, query, {
    change: (type, { stored, object }) => into.push({ type, object: asKind(kind, object ?? stored.object) }),
    bookmark: (revision, { initialEventsEnd }) => void into.push({ type: 'BOOKMARK', object: bookmarkOf(kind, revision, initialEventsEnd) }),
    error: (error) => into.fail(error),
  });
}

function bookmarkOf(kind: Kind, revision: number, initialEventsEnd: boolean): KubeObject {
  const metadata: KubeObject['metadata'] = { resourceVersion: String(revision) };
  if (initialEventsEnd) metadata.annotations = { 'k8s.io/initial-events-end': 'true' };
  return { apiVersion: apiVersionOfKind(kind), kind: kind.kind, metadata };
}
