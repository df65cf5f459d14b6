/** watch: what happens to the objects of a kind, from a revision on, in the order of revisions (upstream: storage/cacher, watch semantics). */
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { ApiError } from '../../../api/errors.ts';
import { isStoreError, type Store, type Stored, type StoreError, type StoreEvent, type Watch } from '../../store/store.ts';
import type { Door } from '../door.ts';
import { tooLargeVersion, toApiError, tooOld } from '../errors.ts';
import { convertedOne } from './conversion.ts';
import { listStored, parseRevision, prefixOf, type Selection } from './list.ts';

export interface WatchQuery extends Selection {
  resourceVersion?: string;
  sendInitialEvents?: boolean;
  allowBookmarks: boolean;
  signal: AbortSignal;
}

/** Of a watch whose events are being converted. */
const MOST_PENDING = 256;

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Where a watch goes. */
export interface WatchOutput {
  /** False asks for a pause until `resume`. `event` is absent for objects that were there already and for those that left the selection. */
  change(type: ChangeType, change: { stored: Stored; event?: StoreEvent; object?: KubeObject }): boolean;
  bookmark(revision: number, options: { initialEventsEnd: boolean }): void;
  /** The watch has ended by itself. */
  error(error: ApiError): void;
}

export interface RunningWatch {
  /** Goes on after a pause. */
  resume(): void;
  /** What a bookmark may say now; undefined while the first objects are under way. */
  readonly revision: number | undefined;
}

export function startWatch(door: Door, kind: Kind, query: WatchQuery, output: WatchOutput): RunningWatch {
  const keyEnd = query.name === undefined ? '' : `/${query.name}`;
  const mayPass = ({ key }: StoreEvent): boolean => key.endsWith(keyEnd);
  let inner: Watch | undefined;
  let wake: (() => void) | undefined;
  const follow = (fromRevision: number): void => {
    if (query.signal.aborted) return;
    const pass = kind.conversion === undefined ? (event: StoreEvent): boolean => !mayPass(event) || passOn(event, query, output) : inOrder();
    const sink = { event: pass, error: (error: StoreError) => output.error(watchError(error, fromRevision, door.store)) };
    try {
      inner = door.store.watch(watchPrefix(kind, query), { fromRevision, signal: query.signal }, sink);
    } catch (error) {
      output.error(watchError(error, fromRevision, door.store));
    }
  };
  const paused = (): Promise<void> => new Promise((resolve) => {
    if (query.signal.aborted) resolve();
    else wake = resolve;
  });
  query.signal.addEventListener('abort', () => wake?.(), { once: true });
  let pending = 0;
  /** Events that must be converted first go out one after the other, in the order in which they came. */
  const inOrder = (): ((event: StoreEvent) => boolean) => {
    let last = Promise.resolve();
    return (event) => {
      if (!mayPass(event)) return true;
      pending += 1;
      last = last.then(async () => {
        if (query.signal.aborted) return;
        if (!passOn(await convertedEvent(kind, event), query, output)) await paused();
      }).catch((error: unknown) => output.error(toApiError(error))).finally(() => {
        pending -= 1;
        if (pending === 0) inner?.resume();
      });
      return pending < MOST_PENDING;
    };
  };
  const fromNow = async (): Promise<void> => {
    const { items, revision } = await listStored(door, kind, { ...query, resourceVersionMatch: query.resourceVersion ? 'NotOlderThan' : undefined });
    for (const stored of items) {
      if (query.signal.aborted) return;
      if (!output.change('ADDED', { stored })) await paused();
      const turn = query.pace?.();
      if (turn !== undefined) await turn;
    }
    if (query.sendInitialEvents === true && query.allowBookmarks) output.bookmark(revision, { initialEventsEnd: true });
    follow(revision);
  };
  const revision = parseRevision(query.resourceVersion);
  if (revision === undefined || revision === 0 ? query.sendInitialEvents !== false : query.sendInitialEvents === true) {
    fromNow().catch((error: unknown) => output.error(toApiError(error)));
  } else follow(revision === undefined || revision === 0 ? door.store.revision : revision);
  return {
    resume() {
      wake?.();
      wake = undefined;
      inner?.resume();
    },
    get revision() {
      return pending > 0 ? undefined : inner?.revision;
    },
  };
}

/** The event as the kind says it: a value of its own, which no other watcher shares. */
async function convertedEvent(kind: Kind, event: StoreEvent): Promise<StoreEvent> {
  const stored = await convertedOne(kind, event.stored);
  const previous = event.previous === undefined ? undefined : await convertedOne(kind, event.previous);
  return { ...event, stored, previous };
}

function watchPrefix(kind: Kind, query: WatchQuery): string {
  return prefixOf(kind, query.namespace);
}

interface Judged {
  event: StoreEvent;
  matches: Selection['matches'];
  is: boolean;
  was: boolean;
}

/** The newest judgement: watches of the same selection, which share the test for it, are given an event one after the other. */
let judged: Judged | undefined;

function judge(event: StoreEvent, matches: NonNullable<Selection['matches']>): Judged {
  if (judged?.event === event && judged.matches === matches) return judged;
  const is = event.type !== 'deleted' && matches(event.stored.object);
  const was = event.previous !== undefined && matches(event.previous.object);
  return (judged = { event, matches, is, was });
}

/** An object that a change takes into or out of the selection is added or deleted for this watcher. */
function passOn(event: StoreEvent, query: WatchQuery, output: WatchOutput): boolean {
  const { matches } = query;
  if (matches === undefined) return output.change(TYPES[event.type], { stored: event.stored, event });
  const { is, was } = judge(event, matches);
  if (is) return output.change(was ? 'MODIFIED' : 'ADDED', { stored: event.stored, event });
  if (!was) return true;
  if (event.type === 'deleted') return output.change('DELETED', { stored: event.stored, event });
  const last = event.previous!.object;
  return output.change('DELETED', { stored: event.stored, object: { ...last, metadata: { ...last.metadata, resourceVersion: String(event.revision) } } });
}

const TYPES: Record<StoreEvent['type'], ChangeType> = { added: 'ADDED', modified: 'MODIFIED', deleted: 'DELETED' };

function watchError(error: unknown, fromRevision: number, store: Store): ApiError {
  if (isStoreError(error, 'compacted')) return tooOld(fromRevision, store.compactedRevision);
  if (isStoreError(error, 'future')) return tooLargeVersion(fromRevision, store.revision);
  if (isStoreError(error, 'slow')) return new ApiError('Expired', 'the watcher was too slow: events were produced faster than they were read; list again', undefined, 410);
  return toApiError(error);
}

