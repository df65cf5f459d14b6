/** Reads the body of a request, bounded (upstream: limitedReadBody, 3 MiB). */
import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { badRequest, tooLargeBody, tooManyRequests } from './errors.ts';
import { createFairQueue } from './flow-control/fair-queue.ts';
import { takeTurn, userOf } from './flow-control/turns.ts';
import { isGone } from './gone.ts';

const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
const BIG_BYTES = 64 * 1024;
/**
 * Requests with big bodies that are worked on at once, over all and of one user. The others stay with their clients, so that memory is bounded, no user
 * reads for all, and what a request makes of its body is garbage while it is young: the more are under way, the more of it is taken for old.
 */
const BIG_BODIES = createFairQueue({ seats: 16, perFlow: 2, waiting: 400 });
/** A request that takes longer waits for something else, such as a webhook, and lets the next body come. */
const HOLD_MOST_MS = 500;
const held = new WeakMap<IncomingMessage, () => void>();

/**
 * Waits until a big body may be read; undefined where nothing has to be waited for. To be asked before anything else is made for the request: what has
 * waited is old, and what an old frame or promise gets hold of later is taken for old as well.
 */
export function mayReadBody(http: IncomingMessage): Promise<void> | undefined {
  const { 'content-length': declared, 'transfer-encoding': coding } = http.headers;
  const none = declared === undefined && http.httpVersionMajor === 1 && coding === undefined;
  // What is refused for its length is not read.
  if (none || Number(declared) <= BIG_BYTES || Number(declared) > BODY_LIMIT_BYTES || held.has(http)) return undefined;
  const user = userOf(http);
  const entered = BIG_BODIES.enter(user);
  if (entered === undefined) throw tooManyRequests();
  const hold = (): void => {
    // Nobody would be told that it is done.
    if (isGone(http)) return BIG_BODIES.leave(user);
    held.set(http, () => {
      held.delete(http);
      BIG_BODIES.leave(user);
    });
  };
  if (entered !== true) return entered.then(hold);
  hold();
  return undefined;
}

/** Rejects with 413 as soon as the limit is passed; what comes after is thrown away so that the client can read the answer. */
export async function readBody(http: IncomingMessage, limitBytes: number = BODY_LIMIT_BYTES): Promise<Buffer> {
  if (Number(http.headers['content-length'] ?? 0) > limitBytes) {
    http.resume();
    throw tooLargeBody(limitBytes);
  }
  const wait = mayReadBody(http);
  if (wait !== undefined) await wait;
  if (!held.has(http)) return collect(http, limitBytes);
  try {
    const body = await collect(http, limitBytes);
    setTimeout(() => bodyDone(http), HOLD_MOST_MS).unref();
    return body;
  } catch (error) {
    bodyDone(http);
    throw error;
  }
}

/** Says that nothing needs the body of the request any more. */
export function bodyDone(http: IncomingMessage): void {
  held.get(http)?.();
}

function collect(http: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const source: Readable = http.headers['content-encoding'] === 'gzip' ? http.pipe(createGunzip()) : http;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) chunks.push(chunk);
      else {
        reject(tooLargeBody(limitBytes));
        if (source !== http) source.destroy();
        http.resume();
      }
    };
    const fail = (error: Error): void => reject(badRequest(`the body could not be read: ${error.message}`));
    const abort = (): void => reject(badRequest('the body ended early'));
    const end = (): void => {
      // The request may be old when its body comes, and lives on for its answer: what it listens with would keep the body as long.
      source.off('data', take).off('end', end).off('error', fail).on('error', ignore);
      http.off('aborted', abort);
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const turn = takeTurn(http, { answers: false });
      if (turn === undefined) resolve(body);
      else void turn.then(() => resolve(body));
    };
    if (http.destroyed && !http.complete) abort();
    source.on('data', take).on('end', end).on('error', fail);
    http.on('aborted', abort);
  });
}

function ignore(): void {}
