/**
 * Retries that HAProxy alone does not know: a pause before each, any status, all of them within the time of the whole request. The requests of such a
 * rule go through two proxies: the outer one sends them again, the inner one waits, keeps the time and tells by one status of its own what is to be
 * sent again (HTTPRouteRetry, HTTPRouteTimeouts). Pure.
 */
import type { Action } from '../rules.ts';

/** Statuses that `retry-on` has. */
const RETRY_CODES: ReadonlySet<number> = new Set([401, 403, 404, 408, 425, 500, 501, 502, 503, 504]);
/** From the inner proxy to the outer one: send it again. The status that it stands for is in the header. */
const AGAIN = 425;
const [AGAIN_HEADER, AS_HEADER, TRY_HEADER, UNTIL_HEADER, ENDPOINT_HEADER] = ['x-llmos-again', 'x-llmos-as', 'x-llmos-try', 'x-llmos-until', 'x-llmos-endpoint'];
/** Answers of HAProxy itself: the connection failed, or the answer did not come. */
const OWN_CODES = [408, 500, 502, 503, 504];
const LONGEST_MS = 3_600_000;

/** Counts the tries of a request. */
export const TRIES_TABLE = ['backend tries', '  stick-table type string len 40 size 100k expire 10m store http_req_cnt', ''];

/** `lua.pause MS`: waits, but not beyond the time of the whole request. */
export const PAUSE = `
core.register_action("pause", { "http-req" }, function(txn, ms)
  local wait, left = tonumber(ms), txn:get_var("txn.left")
  if left ~= nil and left < wait then wait = left end
  if wait > 0 then core.msleep(wait) end
end, 1)
`;

export function needsStages({ retry, requestTimeoutMs }: Action): boolean {
  return retry !== undefined && (retry.backoffMs !== undefined || requestTimeoutMs !== undefined || retry.codes.some((code) => !RETRY_CODES.has(code)));
}

/** HAProxy takes no more than 64 words a line. */
const MOST_RANGES = 32;

/** Statuses as `status` takes them, as many texts as it needs: `429 500:504`. */
function ranges(codes: readonly number[]): string[] {
  const found: [number, number][] = [];
  for (const code of [...new Set(codes)].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last?.[1] === code - 1) last[1] = code;
    else found.push([code, code]);
  }
  const texts = found.map(([from, to]) => (from === to ? String(from) : `${from}:${to}`));
  return Array.from({ length: Math.ceil(texts.length / MOST_RANGES) }, (_, index) => texts.slice(index * MOST_RANGES, (index + 1) * MOST_RANGES).join(' '));
}

/** The lines of the outer proxy; `socket` leads to the inner one. */
export function outerLines({ retry, requestTimeoutMs }: Action, socket: string): string[] {
  const codes = new Set([...OWN_CODES, ...(retry?.codes ?? [])]);
  return [
    // The inner one keeps the time; this is for when it cannot.
    `timeout server ${(requestTimeoutMs ?? LONGEST_MS) + 1_000}ms`, `retries ${Math.max(0, retry?.attempts ?? 0)}`, `retry-on conn-failure empty-response ${AGAIN}`,
    `http-request set-header ${TRY_HEADER} %[uuid]`, ...(requestTimeoutMs === undefined ? [] : [`http-request set-header ${UNTIL_HEADER} %[date(${requestTimeoutMs},ms)]`]),
    ...[...codes].map((code) => `http-response set-status ${code} if { res.hdr(${AGAIN_HEADER}) -m str ${code} }`), `http-response set-status ${AGAIN} if { res.hdr(${AS_HEADER}) -m found }`,
    // For the line about the request: who answered it, which to the outer proxy is the inner one.
    `http-response set-var(txn.endpoint) res.hdr(${ENDPOINT_HEADER})`,
    `http-response del-header ${AGAIN_HEADER}`, `http-response del-header ${AS_HEADER}`, `http-response del-header ${ENDPOINT_HEADER}`,
    `server s unix@${socket}`,
  ];
}

/** The lines of the inner proxy, before its servers. */
export function innerLines({ retry, requestTimeoutMs, attemptTimeoutMs }: Action, socket: string): string[] {
  const left = ['http-request set-var(txn.now) date(0,ms)', `http-request set-var(txn.left) req.hdr(${UNTIL_HEADER}),sub(txn.now)`];
  const answered = 'var(txn.answered) -m bool';
  return [
    `bind unix@${socket} mode 600`, 'no log', 'retry-on conn-failure', ...(attemptTimeoutMs === undefined ? [] : [`timeout server ${attemptTimeoutMs}ms`]),
    ...(requestTimeoutMs === undefined ? [] : left),
    ...(retry?.backoffMs === undefined ? [] : [`http-request track-sc0 req.hdr(${TRY_HEADER}) table tries`, `http-request lua.pause ${retry.backoffMs} if { sc0_http_req_cnt gt 1 }`]),
    ...(requestTimeoutMs === undefined ? [] : [...left, 'http-request return status 504 if { var(txn.left) -m int le 0 }', `http-request set-timeout server var(txn.left)${attemptTimeoutMs === undefined ? '' : ` if { var(txn.left) -m int lt ${attemptTimeoutMs} }`}`]),
    `http-request del-header ${TRY_HEADER}`, `http-request del-header ${UNTIL_HEADER}`,
    'http-response set-var(txn.answered) bool(true)', `http-response set-header ${ENDPOINT_HEADER} %si:%sp`, `http-response del-header ${AGAIN_HEADER}`, `http-response del-header ${AS_HEADER}`,
    ...(retry === undefined || retry.codes.length === 0 ? [] : [...ranges(retry.codes).map((codes) => `http-response set-header ${AGAIN_HEADER} %[status] if { status ${codes} }`), `http-response set-status ${AGAIN} if { res.hdr(${AGAIN_HEADER}) -m found }`]),
    // A backend's own answer of that status is passed on under another.
    ...(retry?.codes.includes(AGAIN) === true ? [] : [`http-response set-header ${AS_HEADER} ${AGAIN} if { status ${AGAIN} } !{ res.hdr(${AGAIN_HEADER}) -m found }`, `http-response set-status 200 if { res.hdr(${AS_HEADER}) -m found }`]),
    `http-after-response set-header ${AGAIN_HEADER} %[status] if !{ ${answered} }`, `http-after-response set-status ${AGAIN} if !{ ${answered} }`,
  ];
}
