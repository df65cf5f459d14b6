/** GET with watch=true: one JSON document a line, for as long as the client wants or timeoutSeconds says. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import { LONGEST_TIMER_MS } from '../../../base/clock.ts';
import type { Door } from '../door.ts';
import { paceOf } from '../flow-control/turns.ts';
import { formOf, includeOf, type Exchange } from '../exchange.ts';
import { startWatch, type ChangeType, type RunningWatch, type WatchOutput } from '../resources/watch.ts';
import { checkListOptions } from '../list-options.ts';
import { framesOf, type Frames } from '../frames.ts';
import { isGone } from '../gone.ts';
import { Outbox, type Receiver } from '../outbox.ts';
import { warningHeaders } from '../respond.ts';
import { numberOf, selectionOf } from './list.ts';

const BOOKMARK_EVERY_MS = 60_000;
/** Upstream: a random time between half an hour and an hour, so that clients do not come back all at once. */
const MIN_TIMEOUT_SECONDS = 1_800;
const TIMEOUT_STEP_SECONDS = 10;

export function handleWatch(exchange: Exchange): Promise<void> {
  const { door, kind, info, resource } = exchange;
  const { query } = info;
  checkListOptions(query, { watch: true });
  const selection = selectionOf(kind, { namespace: resource.namespace, labelSelector: query.get('labelSelector') ?? undefined, fieldSelector: query.get('fieldSelector') ?? undefined });
  if (resource.name !== undefined) selection.name = resource.name;
  const frames = framesOf(door, kind, formOf(exchange), includeOf(exchange));
  const allowBookmarks = queryFlag(query, 'allowWatchBookmarks');
  const sendInitialEvents = query.has('sendInitialEvents') ? queryFlag(query, 'sendInitialEvents') : undefined;
  const timeoutMs = (numberOf(query, 'timeoutSeconds') || anyTimeoutSeconds()) * 1_000;
  const stream = new WatchStream(exchange, frames);
  const watchQuery = { ...selection, resourceVersion: query.get('resourceVersion') ?? undefined, sendInitialEvents, allowBookmarks, signal: stream.signal, pace: paceOf(exchange.http) };
  return stream.run(startWatch(door, kind, watchQuery, stream), { allowBookmarks, timeoutMs });
}

/** In steps: the timers of one length share a list of the runtime. */
function anyTimeoutSeconds(): number {
  return MIN_TIMEOUT_SECONDS + TIMEOUT_STEP_SECONDS * Math.floor((Math.random() * MIN_TIMEOUT_SECONDS) / TIMEOUT_STEP_SECONDS);
}

/** The answer to a watch, until the client or the server has enough. One value for each, with what an event touches in it: see {@link Outbox}. */
class WatchStream implements WatchOutput, Receiver {
  private readonly door: Door;
  private readonly kind: Kind;
  private readonly response: ServerResponse;
  private readonly frames: Frames;
  private readonly warnings: readonly string[];
  private readonly stalledMs: number;
  private readonly isChunked: boolean;
  private readonly ending = new AbortController();
  private readonly outbox = new Outbox(this);
  private isOpen = false;
  /** Where the chunks go once it is this answer's: kept here, since what lies behind the answer is far away for the processor. */
  private socket: Socket | null = null;
  private watch: RunningWatch | undefined;
  private isFull = false;
  /** Until the client reads on; also when the watch is over, and waits for nothing but to say so. */
  private impatient: NodeJS.Timeout | undefined;
  private bookmarks: NodeJS.Timeout | undefined;
  private timeout: NodeJS.Timeout | undefined;
  private forget: (() => void) | undefined;
  private over: (() => void) | undefined;

  constructor({ door, kind, response, warnings, stalledMs }: Exchange, frames: Frames) {
    this.door = door;
    this.kind = kind;
    this.response = response;
    this.frames = frames;
    this.warnings = warnings;
    this.stalledMs = stalledMs;
    this.isChunked = response.req.httpVersionMajor === 1;
  }

  /** Aborted when the watch is over. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  change(type: ChangeType, change: Parameters<WatchOutput['change']>[1]): boolean {
    return this.put(this.frames.change(type, change));
  }

  bookmark(revision: number, { initialEventsEnd }: { initialEventsEnd: boolean }): void {
    this.put(this.frames.bookmark(revision, initialEventsEnd));
  }

  error(error: ApiError): void {
    this.put(this.frames.error(error));
    this.end();
  }

  /** Settles when the watch is over, for whatever reason. */
  run(watch: RunningWatch, options: { allowBookmarks: boolean; timeoutMs: number }): Promise<void> {
    const { door, kind, response } = this;
    this.watch = watch;
    this.open();
    return new Promise((resolve) => {
      this.over = resolve;
      response.on('drain', this.drained);
      response.on('close', () => {
        clearTimeout(this.impatient);
        this.end();
      });
      // A resource that is served no more says nothing any more, and one whose definition changed says other things: the client finds out when it asks again.
      this.forget = door.kinds.subscribe(() => {
        if (door.kinds.lookup(kind.group, kind.version, kind.plural) !== kind) this.end();
      });
      openStreams(door).add(this);
      if (options.allowBookmarks) this.bookmarks = setInterval(() => this.mark(), BOOKMARK_EVERY_MS);
      this.timeout = setTimeout(() => {
        if (options.allowBookmarks) this.mark();
        this.end();
      }, Math.min(options.timeoutMs, LONGEST_TIMER_MS));
      if (this.signal.aborted || isGone(response)) this.end();
    });
  }

  send(bytes: Buffer): boolean {
    const takesMore = this.write(bytes);
    if (!takesMore && !isGone(this.response)) this.impatient ??= setTimeout(() => this.response.destroy(), this.stalledMs).unref();
    return takesMore;
  }

  emptied(): void {
    this.isFull = false;
    this.watch?.resume();
  }

  private put(frame: Buffer): boolean {
    this.isFull = !this.outbox.put(frame);
    return !this.isFull;
  }

  private write(bytes: Buffer): boolean {
    if (!this.isOpen) this.open();
    if (!this.isChunked) return this.response.write(bytes);
    // Straight to the socket once it is this answer's: what Node's answers do for a write costs a fifth of an event.
    const socket = this.socket ??= this.response.socket;
    if (socket === null || socket.destroyed) return this.response.write(chunkOf(bytes));
    const takesMore = socket.write(chunkOf(bytes));
    if (!takesMore) socket.once('drain', this.drained);
    return takesMore;
  }

  private readonly drained = (): void => {
    clearTimeout(this.impatient);
    this.impatient = undefined;
    this.outbox.drained();
  };

  private mark(): void {
    const revision = this.watch?.revision;
    if (revision !== undefined && !this.isFull) this.bookmark(revision, { initialEventsEnd: false });
  }

  /** Ends the watch; what still waits is sent, and the client told. One that does not run yet does so when it begins to. */
  end(): void {
    this.ending.abort();
    const { over } = this;
    if (over === undefined) return;
    this.over = undefined;
    clearInterval(this.bookmarks);
    clearTimeout(this.timeout);
    this.forget?.();
    openStreams(this.door).delete(this);
    this.outbox.flush();
    if (this.isChunked) this.response.chunkedEncoding = true; // so that the last chunk is written
    this.response.end();
    over();
  }

  /** The head goes out at once: clients wait for it before they trust the watch. */
  private open(): void {
    const { response, frames, warnings, isChunked } = this;
    if (this.isOpen) return;
    this.isOpen = true;
    response.writeHead(200, { 'Content-Type': frames.contentType, 'Cache-Control': 'no-cache, private', ...(isChunked ? { 'Transfer-Encoding': 'chunked' } : {}), ...(warnings.length === 0 ? {} : { Warning: warningHeaders(warnings) }) });
    response.flushHeaders();
    // From here on the chunks are ours: those of Node are made of three pieces, which are copied together again for each watcher before they are encrypted.
    if (isChunked) response.chunkedEncoding = false;
  }
}

const streamsOf = new WeakMap<Door, Set<WatchStream>>();

/** Those that end when the door closes. In a set: an AbortSignal looks through the listeners of all, which lie apart in memory, for each that comes or goes. */
function openStreams(door: Door): Set<WatchStream> {
  let streams = streamsOf.get(door);
  if (streams === undefined) {
    const open = streams = new Set();
    streamsOf.set(door, open);
    door.signal.addEventListener('abort', () => {
      for (const stream of open) stream.end();
    }, { once: true });
  }
  return streams;
}

/** The bytes that were made into a chunk last: all watchers of an event get the same. */
let chunked: { bytes: Buffer; chunk: Buffer } | undefined;

/** A chunk of HTTP/1.1 (RFC 9112, 7.1). */
function chunkOf(bytes: Buffer): Buffer {
  if (chunked?.bytes !== bytes) chunked = { bytes, chunk: Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]) };
  return chunked.chunk;
}

