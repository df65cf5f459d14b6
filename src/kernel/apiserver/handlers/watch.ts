/** GET with watch=true: one JSON document a line, for as long as the client wants or timeoutSeconds says. */
import type { ServerResponse } from 'node:http';
import type { ApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import type { Door } from '../door.ts';
import { paceOf } from '../flow-control/turns.ts';
import { formOf, includeOf, type Exchange } from '../exchange.ts';
import { startWatch, type RunningWatch, type WatchOutput } from '../resources/watch.ts';
import { checkListOptions } from '../list-options.ts';
import { framesOf, type Frames } from '../frames.ts';
import { isGone } from '../gone.ts';
import { createOutbox } from '../outbox.ts';
import { warningHeaders } from '../respond.ts';
import { numberOf, selectionOf } from './list.ts';

const BOOKMARK_EVERY_MS = 60_000;
/** Upstream: a random time between half an hour and an hour, so that clients do not come back all at once. */
const MIN_TIMEOUT_SECONDS = 1_800;

export async function handleWatch(exchange: Exchange): Promise<void> {
  const { door, kind, info, resource } = exchange;
  const { query } = info;
  checkListOptions(query, { watch: true });
  const selection = selectionOf(kind, { namespace: resource.namespace, labelSelector: query.get('labelSelector') ?? undefined, fieldSelector: query.get('fieldSelector') ?? undefined });
  if (resource.name !== undefined) selection.name = resource.name;
  const frames = framesOf(door, kind, formOf(exchange), includeOf(exchange));
  const allowBookmarks = queryFlag(query, 'allowWatchBookmarks');
  const sendInitialEvents = query.has('sendInitialEvents') ? queryFlag(query, 'sendInitialEvents') : undefined;
  const timeoutSeconds = numberOf(query, 'timeoutSeconds') || MIN_TIMEOUT_SECONDS * (1 + Math.random());
  const stream = openStream(door, kind, exchange.response, frames, exchange);
  const watchQuery = { ...selection, resourceVersion: query.get('resourceVersion') ?? undefined, sendInitialEvents, allowBookmarks, signal: stream.signal, pace: paceOf(exchange.http) };
  await stream.run(startWatch(door, kind, watchQuery, stream.output), { allowBookmarks, timeoutMs: timeoutSeconds * 1_000 });
}

interface WatchStream {
  signal: AbortSignal;
  output: WatchOutput;
  run(watch: RunningWatch, options: { allowBookmarks: boolean; timeoutMs: number }): Promise<void>;
}

function openStream(door: Door, kind: Kind, response: ServerResponse, frames: Frames, { warnings, stalledMs }: { warnings: readonly string[]; stalledMs: number }): WatchStream {
  const ending = new AbortController();
  const isChunked = response.req.httpVersionMajor === 1;
  let running: RunningWatch | undefined;
  let isFull = false;
  let impatient: NodeJS.Timeout | undefined;
  /** Until the client reads on; also when the watch is over, and waits for nothing but to say so. */
  const expectProgress = (): void => {
    if (!isGone(response)) impatient ??= setTimeout(() => response.destroy(), stalledMs).unref();
  };
  const drained = (): void => {
    clearTimeout(impatient);
    impatient = undefined;
    outbox.drained();
  };
  const write = (bytes: Buffer): boolean => {
    if (!response.headersSent) open(response, frames, warnings);
    if (!isChunked) return response.write(bytes);
    // Straight to the socket once it is this answer's: what Node's answers do for a write costs a fifth of an event.
    const { socket } = response;
    if (socket === null || socket.destroyed) return response.write(chunkOf(bytes));
    const takesMore = socket.write(chunkOf(bytes));
    if (!takesMore) socket.once('drain', drained);
    return takesMore;
  };
  const outbox = createOutbox({
    send(bytes) {
      const takesMore = write(bytes);
      if (!takesMore) expectProgress();
      return takesMore;
    },
    emptied() {
      isFull = false;
      running?.resume();
    },
  });
  const put = (frame: Buffer): boolean => {
    isFull = !outbox.put(frame);
    return !isFull;
  };
  const output: WatchOutput = {
    change: (type, change) => put(frames.change(type, change)),
    bookmark: (revision, { initialEventsEnd }) => void put(frames.bookmark(revision, initialEventsEnd)),
    error(error: ApiError) {
      put(frames.error(error));
      ending.abort();
    },
  };
  return {
    signal: ending.signal,
    output,
    run: (watch, options) => new Promise((resolve) => {
      if (!response.headersSent) open(response, frames, warnings);
      running = watch;
      response.on('drain', drained);
      const mark = (): void => {
        if (watch.revision !== undefined && !isFull) output.bookmark(watch.revision, { initialEventsEnd: false });
      };
      const bookmarks = options.allowBookmarks ? setInterval(mark, BOOKMARK_EVERY_MS) : undefined;
      const timeout = setTimeout(() => {
        if (options.allowBookmarks) mark();
        ending.abort();
      }, Math.min(options.timeoutMs, 2 ** 31 - 1));
      const end = (): void => {
        clearInterval(bookmarks);
        clearTimeout(timeout);
        forget();
        outbox.flush();
        if (isChunked) response.chunkedEncoding = true; // so that the last chunk is written
        response.end();
        resolve();
      };
      const closed = (): void => ending.abort();
      // A resource that is served no more says nothing any more: the client finds out when it asks again.
      const forget = door.kinds.subscribe(() => {
        if (!door.kinds.isServed(kind)) closed();
      });
      response.on('close', () => {
        clearTimeout(impatient);
        ending.abort();
      });
      door.signal.addEventListener('abort', closed, { once: true });
      ending.signal.addEventListener('abort', () => door.signal.removeEventListener('abort', closed), { once: true });
      if (isGone(response)) ending.abort();
      if (ending.signal.aborted) end();
      else ending.signal.addEventListener('abort', end, { once: true });
    }),
  };
}

/** The head goes out at once: clients wait for it before they trust the watch. */
function open(response: ServerResponse, frames: Frames, warnings: readonly string[]): void {
  response.writeHead(200, { 'Content-Type': frames.contentType, 'Cache-Control': 'no-cache, private', ...(response.req.httpVersionMajor === 1 ? { 'Transfer-Encoding': 'chunked' } : {}), ...(warnings.length === 0 ? {} : { Warning: warningHeaders(warnings) }) });
  response.flushHeaders();
  // From here on the chunks are ours: those of Node are made of three pieces, which are copied together again for each watcher before they are encrypted.
  if (response.req.httpVersionMajor === 1) response.chunkedEncoding = false;
}

/** The bytes that were made into a chunk last: all watchers of an event get the same. */
let chunked: { bytes: Buffer; chunk: Buffer } | undefined;

/** A chunk of HTTP/1.1 (RFC 9112, 7.1). */
function chunkOf(bytes: Buffer): Buffer {
  if (chunked?.bytes !== bytes) chunked = { bytes, chunk: Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]) };
  return chunked.chunk;
}

