/** Spans of requests for an OpenTelemetry collector (OTLP over HTTP, in JSON), sent together every few seconds. */
import type { Log } from '../../base/log.ts';
import type { Access } from './access.ts';

export interface OtlpSettings { endpoint: string; headers?: Readonly<Record<string, string>> }

/** `modules.gateway.otlp`; undefined where it is not said. Throws what is wrong. */
export function otlpSettings(config: Readonly<Record<string, unknown>>): OtlpSettings | undefined {
  const { otlp } = config;
  if (otlp === undefined) return undefined;
  const { endpoint, headers } = otlp as Partial<OtlpSettings>;
  if (typeof endpoint !== 'string' || !/^https?:\/\//.test(endpoint)) throw new Error("modules.gateway.otlp.endpoint must be the URL of a collector, such as 'http://127.0.0.1:4318'");
  if (headers !== undefined && (typeof headers !== 'object' || Object.values(headers).some((value) => typeof value !== 'string'))) throw new Error('modules.gateway.otlp.headers must map names to texts');
  return { endpoint: endpoint.replace(/\/+$/, ''), ...(headers === undefined ? {} : { headers }) };
}

const SERVER = 2;
const ERROR = 2;

/** A span (opentelemetry-proto trace.v1); undefined for a request that its trace does not sample. Pure. */
function spanOf(access: Access, endMs: number): object | undefined {
  const [, traceId = '', spanId = '', flags = ''] = access.traceparent.split('-');
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId) || (Number.parseInt(flags, 16) & 1) === 0) return undefined;
  const attributes: [string, string | number][] = [
    ['http.request.method', access.method], ['url.path', access.path], ['server.address', access.host], ['client.address', access.client], ['http.response.status_code', access.status],
    ['network.peer.address', access.endpoint], ['k8s.namespace.name', access.namespace], ['llmos.route', access.kind === '' ? '' : `${access.kind}/${access.name}`], ['llmos.service', access.service], ['llmos.gateway', access.gateway],
  ];
  return {
    traceId, spanId, ...(access.parentSpanId === '' ? {} : { parentSpanId: access.parentSpanId }), name: access.kind === '' ? access.method : `${access.method} ${access.namespace}/${access.name}`, kind: SERVER,
    startTimeUnixNano: nanos(endMs - Math.max(0, access.durationMs)), endTimeUnixNano: nanos(endMs),
    attributes: attributes.filter(([, value]) => value !== '').map(([key, value]) => ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } })),
    status: access.status >= 500 ? { code: ERROR } : {},
  };
}

const nanos = (ms: number): string => (BigInt(Math.round(ms * 1_000)) * 1_000n).toString();

const SEND_MS = 2_000;
const MOST_WAITING = 20_000;
const MOST_AT_ONCE = 2_000;
const TIMEOUT_MS = 10_000;

export interface SpanExporter { take(access: Access, nowMs: number): void; close(): Promise<void> }

/** What cannot be sent is dropped, and told of once until it goes again. */
export function createSpanExporter({ endpoint, headers }: OtlpSettings, { nodeName, log }: { nodeName: string; log: Log }): SpanExporter {
  const waiting: object[] = [];
  let sending: Promise<void> = Promise.resolve();
  let failing = false;
  const resource = { attributes: [['service.name', 'llmos-gateway'], ['host.name', nodeName]].map(([key, stringValue]) => ({ key, value: { stringValue } })) };
  const send = async (): Promise<void> => {
    while (waiting.length > 0) {
      const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'llmos.dev/gateway' }, spans: waiting.splice(0, MOST_AT_ONCE) }] }] });
      const answer = await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`the collector answers ${answer.status}`);
      failing = false;
    }
  };
  const step = (): Promise<void> => (sending = sending.then(send).catch((error: unknown) => {
    if (!failing) log.warn('spans of requests cannot be sent and are dropped', { endpoint, error });
    failing = true;
  }));
  const timer = setInterval(() => void step(), SEND_MS);
  timer.unref();
  return {
    take(access, nowMs) {
      const span = waiting.length < MOST_WAITING ? spanOf(access, nowMs) : undefined;
      if (span !== undefined) waiting.push(span);
    },
    async close() {
      clearInterval(timer);
      await step();
    },
  };
}
