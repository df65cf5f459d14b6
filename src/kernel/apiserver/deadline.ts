/** Deadline: how long a client wants to wait, `?timeout=5s` (upstream: endpoints/filters/request_deadline.go). Watches have timeoutSeconds instead. */
import { ApiError } from '../../api/errors.ts';
import { parseDuration } from '../../api/times.ts';
import type { DeadlineSignal } from '../../sdk/module.ts';
import { badRequest } from './errors.ts';
import type { RequestInfo } from './request-info.ts';

/** Nobody waits longer; upstream's --request-timeout. */
const MOST_MS = 60_000;

/** As Go reads it. */
const DURATION = /^[-+]?(?:0|(?:\d{1,15}(?:\.\d{0,15})?(?:h|ms|m|s|us|µs|ns)){1,10})$/;

export interface Deadline {
  /** Aborts with the ApiError that is to be answered: nothing is stored any more. */
  signal: DeadlineSignal;
  clear(): void;
}

/** undefined where the client sets none. Throws BadRequest. */
export function deadlineOf({ query, resource }: RequestInfo): Deadline | undefined {
  const timeoutMs = resource?.verb === 'watch' ? undefined : timeoutOf(query);
  if (timeoutMs === undefined) return undefined;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new ApiError('Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded')), timeoutMs);
  return { signal: Object.assign(ending.signal, { endMs: performance.now() + timeoutMs }), clear: () => clearTimeout(timer) };
}

/** In ms; undefined where the client sets none. Throws BadRequest. */
function timeoutOf(query: URLSearchParams): number | undefined {
  const text = query.get('timeout') ?? '';
  const timeoutMs = text === '' ? 0 : millisOf(text);
  if (timeoutMs < 0) throw badRequest(`invalid timeout specified in the request URL - timeout must be a positive duration: ${text.slice(0, 50)}`);
  return timeoutMs === 0 ? undefined : Math.min(timeoutMs, MOST_MS);
}

/** How long a request may wait for its seat: a quarter of the time that it has in all, ms (upstream: server/filters/priority-and-fairness.go). */
export function seatWaitMs({ query, resource }: RequestInfo): number {
  const text = query.get('timeout') ?? '';
  // A watch has no such time, and what is behind a proxy may mean something else by it.
  const timeoutMs = resource?.verb === 'watch' || !DURATION.test(text) ? 0 : parseDuration(text) / 1e6;
  return (timeoutMs > 0 ? Math.min(timeoutMs, MOST_MS) : MOST_MS) / 4;
}

function millisOf(text: string): number {
  if (!DURATION.test(text)) throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text.slice(0, 50))}`);
  return parseDuration(text) / 1e6;
}
