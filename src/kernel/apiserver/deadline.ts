/** Deadline: how long a client wants to wait, `?timeout=5s` (upstream: endpoints/filters/request_deadline.go). Watches have timeoutSeconds instead. */
import { ApiError } from '../../api/errors.ts';
import { parseDuration } from '../../api/times.ts';
import { badRequest } from './errors.ts';
import type { RequestInfo } from './request-info.ts';

/** Nobody waits longer; upstream's --request-timeout. */
const MOST_MS = 60_000;

/** As Go reads it. */
const DURATION = /^[-+]?(?:0|(?:\d{1,15}(?:\.\d{0,15})?(?:h|ms|m|s|us|µs|ns)){1,10})$/;

export interface Deadline {
  /** Aborts with the ApiError that is to be answered: nothing is stored any more. */
  signal: AbortSignal;
  clear(): void;
}

/** undefined where the client sets none. Throws BadRequest. */
export function deadlineOf({ query, resource }: RequestInfo): Deadline | undefined {
  const text = query.get('timeout') ?? '';
  if (text === '' || resource?.verb === 'watch') return undefined;
  const timeoutMs = millisOf(text);
  if (timeoutMs < 0) throw badRequest(`invalid timeout specified in the request URL - timeout must be a positive duration: ${text.slice(0, 50)}`);
  if (timeoutMs === 0) return undefined;
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new ApiError('Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded')), Math.min(timeoutMs, MOST_MS));
  return { signal: ending.signal, clear: () => clearTimeout(timer) };
}

function millisOf(text: string): number {
  if (!DURATION.test(text)) throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text.slice(0, 50))}`);
  return parseDuration(text) / 1e6;
}
