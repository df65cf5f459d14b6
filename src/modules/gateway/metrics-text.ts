/** Counters of routes as Prometheus reads them. Pure. */
import { BUCKETS, type Series } from './series.ts';

export const routeLabels = ({ kind, namespace, name, gateway }: Series): string => `route_kind="${kind}",route_namespace="${namespace}",route_name="${name}",gateway="${gateway}"`;

const labelsOf = (each: Series): string => `${routeLabels(each)},service="${each.service}"`;

export function metricsText(all: readonly Series[]): string {
  const lines = [...requestLines(all.filter(({ protocol }) => protocol === 'HTTP')), ...connectionLines(all.filter(({ protocol }) => protocol === 'TCP'))];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function requestLines(all: readonly Series[]): string[] {
  if (all.length === 0) return [];
  const lines = headOf('llmos_route_requests_total', 'counter', 'Requests by route, Service and status of the answer.');
  for (const each of all) for (const [code, times] of each.codes) lines.push(`llmos_route_requests_total{${labelsOf(each)},code="${code}"} ${times}`);
  return [
    ...lines, ...durationLines('llmos_route_request_duration_seconds', 'From the first byte of a request to the last one of its answer.', all),
    ...byteLines('llmos_route_request_bytes_total', 'Bytes of requests, with their headers.', all, 'bytesIn'), ...byteLines('llmos_route_response_bytes_total', 'Bytes of answers, with their headers.', all, 'bytesOut'),
  ];
}

function connectionLines(all: readonly Series[]): string[] {
  if (all.length === 0) return [];
  const lines = headOf('llmos_route_connections_total', 'counter', 'Connections of TCPRoutes and TLSRoutes by route, Service and how they ended.');
  for (const each of all) {
    const ends = new Map<string, number>();
    for (const [letters, times] of each.codes) ends.set(endOf(letters), (ends.get(endOf(letters)) ?? 0) + times);
    for (const [end, times] of ends) lines.push(`llmos_route_connections_total{${labelsOf(each)},ended="${end}"} ${times}`);
  }
  return [
    ...lines, ...durationLines('llmos_route_connection_duration_seconds', 'From the beginning of a connection to its end.', all),
    ...byteLines('llmos_route_connection_received_bytes_total', 'Bytes that clients sent.', all, 'bytesIn'), ...byteLines('llmos_route_connection_sent_bytes_total', 'Bytes that clients were sent.', all, 'bytesOut'),
  ];
}

/** HAProxy's letters: who ended it, and what was under way (Configuration Manual, 8.5). */
function endOf(letters: string): string {
  return ENDS.find(([pattern]) => pattern.test(letters))?.[1] ?? 'cut';
}

const ENDS: readonly [RegExp, string][] = [[/^-/, 'well'], [/^C/, 'by-client'], [/^(?:c|sD)/, 'idle'], [/^SC/, 'refused'], [/^S/, 'reset'], [/^s/, 'timeout'], [/^P/, 'no-backend']];

const headOf = (name: string, type: string, help: string): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];

function durationLines(name: string, help: string, all: readonly Series[]): string[] {
  const lines = headOf(name, 'histogram', help);
  for (const each of all) {
    let upTo = 0;
    for (const [index, bound] of BUCKETS.entries()) lines.push(`${name}_bucket{${labelsOf(each)},le="${bound}"} ${(upTo += each.buckets[index]!)}`);
    lines.push(`${name}_bucket{${labelsOf(each)},le="+Inf"} ${each.count}`, `${name}_sum{${labelsOf(each)}} ${each.seconds}`, `${name}_count{${labelsOf(each)}} ${each.count}`);
  }
  return lines;
}

function byteLines(name: string, help: string, all: readonly Series[], of: 'bytesIn' | 'bytesOut'): string[] {
  return [...headOf(name, 'counter', help), ...all.map((each) => `${name}{${labelsOf(each)}} ${each[of]}`)];
}
