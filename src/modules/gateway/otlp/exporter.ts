/**
 * Sends spans to a collector, many at once, every few seconds (OTLP/HTTP). What a collector that is away, or busy, does not take waits, as far as there is room, and is sent again
 * later and later, or when the collector says (Retry-After); what it refuses for good, or takes in part alone, is not sent again.
 */
import { exponentialBackoff } from '../../../base/backoff.ts';
import type { Log } from '../../../base/log.ts';
import type { Access } from '../access.ts';
import { retryAfterMs } from '../retry-after.ts';
import { jsonEncoding } from './json.ts';
import { protobufEncoding } from './protobuf.ts';
import type { OtlpSettings } from './settings.ts';
import { spanOf } from './span.ts';

export interface SpanExporter {
  take(access: Access, nowMs: number): void;
  /** What became of them, as lines for /metrics. */
  metrics(): string;
  /** Sends what waits, once more and for a moment alone. */
  close(): Promise<void>;
}

export interface ExporterInput {
  nodeName: string;
  log: Log;
  /** Between two looks whether there is anything to send, in ms; default 2,000. */
  sendMs?: number;
  /** How much may wait; default 16 MiB. */
  mostBytes?: number;
}

const MOST_WAITING_BYTES = 16 * 1024 * 1024;
const [MOST_AT_ONCE, MOST_BYTES_AT_ONCE] = [2_000, 4 * 1024 * 1024];
const SEND_MS = 2_000;
const TIMEOUT_MS = 10_000;
const CLOSE_MS = 2_000;
const [MOST_BACKOFF_MS, MOST_PATIENCE_MS] = [60_000, 600_000];
/** All that a collector may mean by "later"; other answers are for good (OTLP specification, Retryable Response Codes). */
const LATER = new Set([429, 502, 503, 504]);

type Outcome = { isTaken: true; rejected: number; why: string } | { isTaken: false; why: string; error?: unknown; retryMs?: number | undefined };

export function createSpanExporter(settings: OtlpSettings, { nodeName, log, sendMs = SEND_MS, mostBytes = MOST_WAITING_BYTES }: ExporterInput): SpanExporter {
  const { endpoint, headers, protocol } = settings;
  const encoding = (protocol === 'http/protobuf' ? protobufEncoding : jsonEncoding)([['service.name', 'llmos-gateway'], ['host.name', nodeName]]);
  const backoff = exponentialBackoff({ baseMs: sendMs, maxMs: MOST_BACKOFF_MS });
  const stop = new AbortController();
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let sending: Promise<void> | undefined;
  let notBeforeMs = 0;
  const counts = { sent: 0, dropped: 0 };
  /** What was said of the collector last. */
  let told = '';

  function tell(why: string, more: Record<string, unknown> = {}): void {
    if (why !== told && why !== '') log.warn(why, { endpoint, ...more });
    else if (why !== told) log.info('spans of requests are sent again', { endpoint, dropped: counts.dropped });
    told = why;
  }

  function some(): Buffer[] {
    let bytes = 0;
    const end = waiting.findIndex((each, index) => index === MOST_AT_ONCE || (bytes += each.length) > MOST_BYTES_AT_ONCE);
    return waiting.slice(0, end < 0 ? waiting.length : Math.max(1, end));
  }

  async function post(spans: readonly Buffer[]): Promise<Outcome> {
    try {
      const answer = await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers: { ...headers, 'content-type': encoding.contentType }, body: new Uint8Array(encoding.body(spans)), signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), stop.signal]) });
      const body = Buffer.from(await answer.arrayBuffer());
      if (LATER.has(answer.status)) return { isTaken: false, why: `answers ${answer.status}`, retryMs: retryAfterMs(answer.headers.get('retry-after') ?? undefined, Date.now()) };
      if (!answer.ok) return { isTaken: true, rejected: spans.length, why: `answers ${answer.status}` };
      const { rejected, message } = encoding.answer(body);
      return { isTaken: true, rejected: Math.min(spans.length, Math.max(0, rejected)), why: message };
    } catch (error) {
      return { isTaken: false, why: 'cannot be reached', error };
    }
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const spans = some();
      const outcome = await post(spans);
      if (!outcome.isTaken) {
        // Not all who wait come again at once.
        notBeforeMs = performance.now() + Math.min(MOST_PATIENCE_MS, outcome.retryMs ?? backoff.next('') * (0.75 + Math.random() / 2));
        tell(`spans of requests wait, as the collector ${outcome.why}`, outcome.error === undefined ? {} : { error: outcome.error });
        return;
      }
      backoff.forget('');
      waiting.splice(0, spans.length);
      waitingBytes -= spans.reduce((sum, each) => sum + each.length, 0);
      counts.sent += spans.length - outcome.rejected;
      counts.dropped += outcome.rejected;
      tell(outcome.rejected > 0 ? 'the collector does not take spans of requests, which are dropped' : '', { why: outcome.why });
    }
  }

  const send = (): Promise<void> => (sending ??= sendAll().finally(() => (sending = undefined)));
  const timer = setInterval(() => {
    if (performance.now() >= notBeforeMs) void send();
  }, sendMs);
  timer.unref();
  return {
    take(access, nowMs) {
      const span = spanOf(access, nowMs);
      if (span === undefined) return;
      const bytes = encoding.span(span);
      if (waitingBytes + bytes.length > mostBytes) {
        counts.dropped++;
        return;
      }
      waiting.push(bytes);
      waitingBytes += bytes.length;
    },
    metrics: () => [
      '# HELP llmos_gateway_spans_total Spans of requests by what became of them.', '# TYPE llmos_gateway_spans_total counter', ...Object.entries(counts).map(([outcome, times]) => `llmos_gateway_spans_total{outcome="${outcome}"} ${times}`),
      '# HELP llmos_gateway_spans_waiting Spans of requests that the collector has not taken yet.', '# TYPE llmos_gateway_spans_waiting gauge', `llmos_gateway_spans_waiting ${waiting.length}`, '',
    ].join('\n'),
    async close() {
      clearInterval(timer);
      const giveUp = setTimeout(() => stop.abort(), CLOSE_MS);
      await sending;
      await send();
      clearTimeout(giveUp);
    },
  };
}
