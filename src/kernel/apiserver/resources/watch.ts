/** watch: what happens to the objects of a kind, from a revision on, in the order of revisions (upstream: storage/cacher, watch semantics). */
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { ApiError } from '../../../api/errors.ts';
import { isStoreError, type Store, type Stored, type StoreError, type StoreEvent, type Watch, type WatchSink } from '../../store/store.ts';
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

/** Begins a watch; it ends with the signal of the query. */
export function startWatch(door: Door, kind: Kind, query: WatchQuery, output: WatchOutput): RunningWatch {
  const watch = new RunningWatch(door, kind, query, output);
  watch.begin();
  return watch;
}

/** One value for each watch, with what an event touches in it, as outboxes are (outbox.ts). */
export class RunningWatch implements WatchSink {
  private readonly door: Door;
  private readonly kind: Kind;
  private readonly query: WatchQuery;
  private readonly output: WatchOutput;
  /** How the keys of the watched end. */
  private readonly keyEnd: string;
  private inner: Watch | undefined;
  private wake: (() => void) | undefined;
  /** Where the events began. */
  private fromRevision = 0;
  /** Events that are being converted, and the end of their line. */
  private pending = 0;
  private last: Promise<void> | undefined;

  constructor(door: Door, kind: Kind, query: WatchQuery, output: WatchOutput) {
    this.door = door;
    this.kind = kind;
    this.query = query;
    this.output = output;
    this.keyEnd = query.name === undefined ? '' : `/${query.name}`;
  }

  /** Goes on after a pause. */
  resume(): void {
    this.wake?.();
    this.wake = undefined;
    this.inner?.resume();
  }

  /** What a bookmark may say now; undefined while the first objects are under way. */
  get revision(): number | undefined {
    return this.pending > 0 ? undefined : this.inner?.revision;
  }

  begin(): void {
    const { query, output, door } = this;
    const revision = parseRevision(query.resourceVersion);
    const anyRevision = revision === undefined || revision === 0;
    if (anyRevision ? query.sendInitialEvents !== false : query.sendInitialEvents === true) this.fromNow().catch((error: unknown) => output.error(toApiError(error)));
    else this.follow(anyRevision ? door.store.revision : revision);
  }

  event(event: StoreEvent): boolean {
    if (!event.key.endsWith(this.keyEnd)) return true;
    return this.kind.conversion === undefined ? passOn(event, this.query, this.output) : this.convert(event);
  }

  error(error: StoreError): void {
    this.output.error(watchError(error, this.fromRevision, this.door.store));
  }

  /** The signal was aborted during a pause. */
  handleEvent(): void {
    this.wake?.();
  }

  /** What is there, and then what happens to it. */
  private async fromNow(): Promise<void> {
    const { door, kind, query, output } = this;
    const { items, revision } = await listStored(door, kind, { ...query, resourceVersionMatch: query.resourceVersion ? 'NotOlderThan' : undefined });
    for (const stored of items) {
      if (query.signal.aborted) return;
      if (!output.change('ADDED', { stored })) await this.paused();
      const turn = query.pace?.();
      if (turn !== undefined) await turn;
    }
    if (query.sendInitialEvents === true && query.allowBookmarks) output.bookmark(revision, { initialEventsEnd: true });
    this.follow(revision);
  }

  private follow(fromRevision: number): void {
    const { door, kind, query, output } = this;
    if (query.signal.aborted) return;
    this.fromRevision = fromRevision;
    try {
      this.inner = door.store.watch(prefixOf(kind, query.namespace), { fromRevision, signal: query.signal }, this);
    } catch (error) {
      output.error(watchError(error, fromRevision, door.store));
    }
  }

  private paused(): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.query;
      if (signal.aborted) return resolve();
      this.wake = resolve;
      signal.addEventListener('abort', this, { once: true });
    });
  }

  /** Events that must be converted first go out one after the other, in the order in which they came. */
  private convert(event: StoreEvent): boolean {
    const { kind, query, output } = this;
    this.pending += 1;
    this.last = (this.last ?? Promise.resolve()).then(async () => {
      if (query.signal.aborted) return;
      if (!passOn(await convertedEvent(kind, event), query, output)) await this.paused();
    }).catch((error: unknown) => output.error(toApiError(error))).finally(() => {
      this.pending -= 1;
      if (this.pending === 0) this.inner?.resume();
    });
    return this.pending < MOST_PENDING;
  }
}

/** The event as the kind says it: a value of its own, which no other watcher shares. */
async function convertedEvent(kind: Kind, event: StoreEvent): Promise<StoreEvent> {
  const stored = await convertedOne(kind, event.stored);
  const previous = event.previous === undefined ? undefined : await convertedOne(kind, event.previous);
  return { ...event, stored, previous };
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

