/**
 * Watches: each is a place in the log. A live one is given events as they are published; one that begins in the past or was paused
 * catches up from the window in memory, or from the log on the disk, in steps. Nothing is queued for anyone.
 */
import type { EventWindow } from './event-window.ts';
import { endOf, resourceOf, resourceOfPrefix } from './keys.ts';
import type { RevisionLog, Row } from './revision-log.ts';
import { ADDED, DELETED } from './revision-log.ts';
import { StoreError, type StoreEvent, type Watch, type WatchOptions, type WatchSink } from './store.ts';
import { encode, type StoredObject } from './stored-object.ts';

export interface Watches {
  readonly size: number;
  readonly dropped: number;
  watch(prefix: string, options: WatchOptions, sink: WatchSink): Watch;
  /** Gives a published event to all live watches of its key; `revision` is at the event already. */
  dispatch(event: StoreEvent): void;
  closeAll(error: StoreError): void;
}

export interface WatchSource {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly window: EventWindow;
  readonly revisions: RevisionLog;
  stored(row: Row): StoredObject;
  /** Throws `compacted` or `future` when the history after this revision is not there. */
  checkRevision(revision: number): void;
}

/** So many events are given in one turn of the loop. */
const STEP_EVENTS = 500;
/** So many revisions of the log on the disk are looked through in one turn. */
const STEP_REVISIONS = 1_000;

export function createWatches(source: WatchSource): Watches {
  const byResource = new Map<string, Set<Watching>>();
  const ofEverything = new Set<Watching>();
  let size = 0;
  let dropped = 0;
  const all: All = { get revision() { return source.revision; }, resume, end };

  function watch(prefix: string, options: WatchOptions, sink: WatchSink): Watch {
    const resource = resourceOfPrefix(prefix);
    const from = options.fromRevision ?? source.revision;
    source.checkRevision(from);
    const watching = new Watching({ prefix, resource, sink, position: from, options, all });
    (resource === undefined ? ofEverything : setOf(resource)).add(watching);
    size += 1;
    if (options.signal.aborted) end(watching);
    else options.signal.addEventListener('abort', watching, { once: true });
    continueLater(watching);
    return watching;
  }

  function end(watching: Watching): void {
    if (watching.state === 'ended') return;
    watching.state = 'ended';
    size -= 1;
    const { resource } = watching;
    const set = resource === undefined ? ofEverything : byResource.get(resource);
    set?.delete(watching);
    if (set?.size === 0 && resource !== undefined) byResource.delete(resource);
    watching.signal.removeEventListener('abort', watching);
  }

  function setOf(resource: string): Set<Watching> {
    const known = byResource.get(resource);
    if (known !== undefined) return known;
    const set = new Set<Watching>();
    byResource.set(resource, set);
    return set;
  }

  function dispatch(event: StoreEvent): void {
    const set = byResource.get(resourceOf(event.key));
    if (set !== undefined) for (const watching of set) offer(watching, event);
    for (const watching of ofEverything) offer(watching, event);
  }

  function offer(watching: Watching, event: StoreEvent): void {
    if (watching.state === 'live') {
      // One that began within this very dispatch has seen the event in its list.
      if (event.revision > watching.position && event.key.startsWith(watching.prefix) && !give(watching, event)) pause(watching, event.revision);
    } else if (watching.state === 'paused' && event.key.startsWith(watching.prefix) && ++watching.behind > watching.maxBehind) {
      drop(watching, new StoreError('slow', `the watch of ${watching.prefix} fell behind by more than ${watching.maxBehind} events and was ended: list again, and read faster`));
    }
  }

  /** False when the watch is not to be given more now. */
  function give(watching: Watching, event: StoreEvent): boolean {
    try {
      return watching.sink.event(event) !== false && watching.state !== 'ended';
    } catch (error) {
      drop(watching, new StoreError('failed', `the receiver of the watch of ${watching.prefix} failed: ${(error as Error).message}`, { cause: error }));
      return false;
    }
  }

  function pause(watching: Watching, position: number): void {
    if (watching.state === 'ended') return;
    watching.state = 'paused';
    watching.position = position;
    watching.behind = 0;
  }

  function resume(watching: Watching): void {
    if (watching.state !== 'paused') return;
    watching.state = 'catching-up';
    continueLater(watching);
  }

  function drop(watching: Watching, error: StoreError): void {
    if (watching.state === 'ended') return;
    end(watching);
    dropped += 1;
    try {
      watching.sink.error(error);
    } catch {
      // It is gone already; nobody is left to tell.
    }
  }

  function continueLater(watching: Watching): void {
    if (watching.position === source.revision && watching.state === 'catching-up') watching.state = 'live';
    else setImmediate(() => catchUp(watching));
  }

  function catchUp(watching: Watching): void {
    if (watching.state !== 'catching-up') return;
    try {
      source.checkRevision(watching.position);
      if (watching.position >= source.window.startRevision) fromWindow(watching);
      else fromLog(watching);
    } catch (error) {
      drop(watching, error as StoreError);
    }
    if (watching.state === 'catching-up') continueLater(watching);
  }

  function fromWindow(watching: Watching): void {
    let index = source.window.indexAfter(watching.position);
    for (let given = 0; given < STEP_EVENTS; index++) {
      const event = source.window.at(index);
      if (event === undefined) {
        watching.position = source.revision;
        return;
      }
      watching.position = event.revision;
      if (!event.key.startsWith(watching.prefix)) continue;
      given += 1;
      if (!give(watching, event)) return pause(watching, event.revision);
    }
  }

  function fromLog(watching: Watching): void {
    const upTo = Math.min(watching.position + STEP_REVISIONS, source.revision);
    const span = { after: watching.position, upTo, from: watching.prefix, to: endOf(watching.prefix) };
    const rows = source.revisions.rows(span, STEP_EVENTS);
    for (const row of rows) {
      watching.position = row.revision;
      if (!give(watching, eventOf(row))) return pause(watching, row.revision);
    }
    if (rows.length < STEP_EVENTS) watching.position = upTo;
  }

  function eventOf(row: Row): StoreEvent {
    const { key, revision } = row;
    if (row.type === ADDED) return { type: 'added', key, stored: source.stored(row), revision };
    const before = source.revisions.rowAt(row.previous);
    if (before === undefined) throw new StoreError('compacted', `revision ${row.previous} was forgotten meanwhile: list again`);
    const previous = source.stored(before);
    if (row.type !== DELETED) return { type: 'modified', key, stored: source.stored(row), previous, revision };
    const bytes = row.bytes.length > 0 ? row.bytes : encode(previous.object, { revision, key }).bytes;
    return { type: 'deleted', key, stored: source.stored({ ...row, bytes }), previous, revision };
  }

  function closeAll(error: StoreError): void {
    for (const set of [...byResource.values(), ofEverything]) for (const watching of set) drop(watching, error);
  }

  return { get size() { return size; }, get dropped() { return dropped; }, watch, dispatch, closeAll };
}

/** What the watches share. */
interface All {
  readonly revision: number;
  resume(watching: Watching): void;
  end(watching: Watching): void;
}

/** One watch. An event looks at each of thousands, so what it needs of one lies in one place: closures are spread over the memory, and cost the processor a wait each. */
class Watching implements Watch {
  readonly prefix: string;
  /** The resource of all keys of the prefix; undefined where it has those of several. */
  readonly resource: string | undefined;
  readonly sink: WatchSink;
  readonly signal: AbortSignal;
  readonly maxBehind: number;
  state: 'live' | 'catching-up' | 'paused' | 'ended' = 'catching-up';
  /** Everything up to here was given; a live one is at the newest. */
  position: number;
  /** Events that it missed while paused. */
  behind = 0;
  private readonly all: All;

  constructor({ prefix, resource, sink, position, options, all }: { prefix: string; resource: string | undefined; sink: WatchSink; position: number; options: WatchOptions; all: All }) {
    this.prefix = prefix;
    this.resource = resource;
    this.sink = sink;
    this.signal = options.signal;
    this.maxBehind = options.maxBehind ?? 10_000;
    this.position = position;
    this.all = all;
  }

  get revision(): number {
    return this.state === 'live' ? this.all.revision : this.position;
  }

  resume(): void {
    this.all.resume(this);
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.all.end(this);
  }
}
