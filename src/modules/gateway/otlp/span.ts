/** A request as a span of OpenTelemetry (opentelemetry-proto, trace.v1), in no encoding yet. Pure. */
import type { Access } from '../access.ts';

export interface Span {
  /** Hexadecimal digits: 32, 16, and 16 or none. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  /** Since the epoch. */
  startNs: bigint;
  endNs: bigint;
  attributes: readonly (readonly [string, string | number])[];
  isError: boolean;
}

/** SPAN_KIND_SERVER and STATUS_CODE_ERROR. */
export const SERVER = 2;
export const ERROR = 2;
/** A value that a client chose is cut there. */
const MOST_LETTERS = 2_048;

/** undefined for a request that its trace does not sample. */
export function spanOf(access: Access, endMs: number): Span | undefined {
  const [, traceId = '', spanId = '', flags = ''] = access.traceparent.split('-');
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId) || (Number.parseInt(flags, 16) & 1) === 0) return undefined;
  const attributes: [string, string | number][] = [
    ['http.request.method', access.method], ['url.path', access.path.slice(0, MOST_LETTERS)], ['server.address', access.host.slice(0, MOST_LETTERS)], ['client.address', access.client], ['http.response.status_code', access.status],
    ['network.peer.address', access.endpoint], ['k8s.namespace.name', access.namespace], ['llmos.route', access.kind === '' ? '' : `${access.kind}/${access.name}`], ['llmos.service', access.service], ['llmos.gateway', access.gateway],
  ];
  return {
    traceId, spanId, parentSpanId: access.parentSpanId, name: access.kind === '' ? access.method : `${access.method} ${access.namespace}/${access.name}`,
    startNs: nanos(endMs - Math.max(0, access.durationMs)), endNs: nanos(endMs), attributes: attributes.filter(([, value]) => value !== ''), isError: access.status >= 500,
  };
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1_000)) * 1_000n;
