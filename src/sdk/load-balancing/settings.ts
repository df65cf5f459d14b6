/** What the annotations of a Service, and of its pods, say beside the algorithm. A LoadBalancingPolicy says the same in fields (policies.ts). */
import type { Pod, Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { parseDuration } from '../../api/times.ts';
import { algorithmOf, LOAD_BALANCING } from './algorithm.ts';

/** Of a Service: `tcp`, or the path that must answer 200 to 399 (`/healthz`). */
export const HEALTH_CHECK = 'llmos.dev/health-check';
/** Of a Service, with a health check: the time between two, `100ms` to `1h`; default `2s`. */
export const HEALTH_CHECK_INTERVAL = 'llmos.dev/health-check-interval';
/** Of a Service: how long an endpoint that came or came back takes until it gets its full share, `100ms` to `1h`. */
export const SLOW_START = 'llmos.dev/slow-start';
/** Of a Service: after so many errors in a row (1 to 1000) an endpoint is spared for a while: connections not taken; for HTTP also resets, timeouts and answers of 500 and more. */
export const OUTLIERS = 'llmos.dev/outlier-detection';
/** Of a Service, with the former: for how long at least, `100ms` to `1h`; default `10s`. */
export const EJECTION = 'llmos.dev/outlier-ejection';
/** Of a Service: how long connections to an endpoint that left may go on, `100ms` to `1h`; without it, to their end. */
export const DRAIN = 'llmos.dev/drain';
/** Of a Service of HTTP: how long an endpoint may keep an answer waiting, `100ms` to `1h`; then another one is asked, if the method is idempotent. */
export const RESPONSE_TIMEOUT = 'llmos.dev/response-timeout';
/** Of a Service of consistent hash: `source` (the default), `header:NAME`, `cookie:NAME` or `path`; all but the first make its ports HTTP. */
export const HASH_ON = 'llmos.dev/hash-on';
/** Of a Pod, or of an EndpointSlice for each of its endpoints: the share among the others, 0 (nothing new) to 256; default 1. */
export const WEIGHT = 'llmos.dev/weight';

export interface HashOn {
  on: 'source' | 'header' | 'cookie' | 'path';
  /** Of the header or cookie. */
  name?: string;
}

export interface ProxySettings {
  check?: { path?: string; intervalMs: number };
  slowStartMs?: number;
  outliers?: { errors: number; ejectionMs: number };
  drainMs?: number;
  responseTimeoutMs?: number;
}

const DEFAULT_INTERVAL_MS = 2_000;
const DEFAULT_EJECTION_MS = 10_000;
/** What stands in a configuration file as it is: no blank, quote, comment or escape. */
const PATH = /^\/[A-Za-z0-9._~/=&?:@,+-]{0,200}$/;
const HASHED = /^(?:source|path|(?:header|cookie):[A-Za-z0-9_-]{1,60})$/;
const SHORTEST_MS = 100;
const LONGEST_MS = 3_600_000;
const DURATIONS = [HEALTH_CHECK_INTERVAL, SLOW_START, EJECTION, DRAIN, RESPONSE_TIMEOUT];
const MOST_ERRORS = 1_000;
const MOST_WEIGHT = 256;
/** Weights that are told of in one Event. */
const MOST_TOLD = 4;

/** What cannot be read is as not said; see {@link settingsError}. */
export function proxySettingsOf(service: Service): ProxySettings {
  const { [HEALTH_CHECK]: health, [HEALTH_CHECK_INTERVAL]: interval, [OUTLIERS]: outliers, [EJECTION]: ejection, ...said } = service.metadata.annotations ?? {};
  const settings: ProxySettings = {};
  if (health !== undefined && isCheck(health)) settings.check = { ...(health === 'tcp' ? {} : { path: health }), intervalMs: durationMs(interval) ?? DEFAULT_INTERVAL_MS };
  if (outliers !== undefined && isCount(outliers)) settings.outliers = { errors: Number(outliers), ejectionMs: durationMs(ejection) ?? DEFAULT_EJECTION_MS };
  for (const [field, key] of [['slowStartMs', SLOW_START], ['drainMs', DRAIN], ['responseTimeoutMs', RESPONSE_TIMEOUT]] as const) {
    const ms = durationMs(said[key]);
    if (ms !== undefined) settings[field] = ms;
  }
  return settings;
}

export function hashOnOf(service: Service): HashOn {
  const said = service.metadata.annotations?.[HASH_ON] ?? 'source';
  const [on = 'source', name] = (HASHED.test(said) ? said : 'source').split(':');
  return { on: on as HashOn['on'], ...(name === undefined ? {} : { name }) };
}

/** How the proxy speaks on a port: as its appProtocol says, or as the hash needs it. */
export function wireOf(service: Service, port: Pick<ServicePort, 'appProtocol'>): 'tcp' | 'http' | 'h2c' {
  if (port.appProtocol === 'kubernetes.io/h2c') return 'h2c';
  if (port.appProtocol === 'http' || port.appProtocol === 'kubernetes.io/ws') return 'http';
  return algorithmOf(service) === 'consistent-hash' && hashOnOf(service).on !== 'source' ? 'http' : 'tcp';
}

/** Whether a proxy carries the Service: what the kernel can do, it does. */
export function isProxied(service: Service): boolean {
  const byKernel = ['round-robin', 'random', 'weighted'].includes(algorithmOf(service));
  return !byKernel || Object.keys(proxySettingsOf(service)).length > 0;
}

/** Whether it asks for what a proxy does, and has no port that one can carry. */
export function isBeyondProxy(service: Service): boolean {
  const ports = service.spec?.ports ?? [];
  return isProxied(service) && ports.length > 0 && ports.every(({ protocol = 'TCP' }) => protocol !== 'TCP');
}

/** What is wrong with these annotations, for an Event; undefined when nothing is. */
export function settingsError(service: Service): string | undefined {
  const said = service.metadata.annotations ?? {};
  const wrong: string[] = [];
  const quoted = (key: string): string => `annotation ${key}: '${said[key]!.slice(0, 60)}'`;
  if (said[HEALTH_CHECK] !== undefined && !isCheck(said[HEALTH_CHECK])) wrong.push(`${quoted(HEALTH_CHECK)} is neither 'tcp' nor a path such as /healthz; nothing is checked`);
  for (const key of DURATIONS) if (said[key] !== undefined && durationMs(said[key]) === undefined) wrong.push(`${quoted(key)} is no time from 100ms to 1h, such as 30s; it is passed over`);
  if (said[OUTLIERS] !== undefined && !isCount(said[OUTLIERS])) wrong.push(`${quoted(OUTLIERS)} is no number of errors from 1 to ${MOST_ERRORS}; none is spared`);
  if (said[HASH_ON] !== undefined && !HASHED.test(said[HASH_ON])) wrong.push(`${quoted(HASH_ON)} is none of source, path, header:NAME, cookie:NAME; source is used`);
  for (const [key, needed] of [[HEALTH_CHECK_INTERVAL, HEALTH_CHECK], [EJECTION, OUTLIERS]] as const) if (said[key] !== undefined && said[needed] === undefined) wrong.push(`${quoted(key)} says nothing without ${needed}`);
  if (said[HASH_ON] !== undefined && algorithmOf(service) !== 'consistent-hash') wrong.push(`${quoted(HASH_ON)} says nothing without ${LOAD_BALANCING}: consistent-hash`);
  if (isBeyondProxy(service)) wrong.push(`the service has no port of TCP, and what only HAProxy does (${algorithmOf(service) === 'round-robin' ? 'its settings' : algorithmOf(service)}) is for these alone: the kernel shares its datagrams`);
  const asksHttp = said[RESPONSE_TIMEOUT] !== undefined && (service.spec?.ports ?? []).every((port) => wireOf(service, port) === 'tcp');
  if (asksHttp) wrong.push(`annotation ${RESPONSE_TIMEOUT}: only for ports with appProtocol: http (or kubernetes.io/h2c)`);
  return wrong.length === 0 ? undefined : wrong.join('; ');
}

/** 1 where nothing, or nothing that can be read, is said. */
export function weightOf(object: Pod | EndpointSlice | undefined): number {
  const said = object?.metadata.annotations?.[WEIGHT];
  return said !== undefined && isWeight(said) ? Number(said) : 1;
}

/** What is wrong with the weights of these endpoints, for an Event; undefined when nothing is. */
export function weightsError(namespace: string, slices: readonly EndpointSlice[], podOf?: (key: string) => Pod | undefined): string | undefined {
  const pods = slices.flatMap(({ endpoints = [] }) => endpoints ?? []).flatMap(({ targetRef }) => (targetRef?.kind === 'Pod' ? [podOf?.(`${namespace}/${targetRef.name}`)] : []));
  const wrong = [...new Set([...slices, ...pods])].flatMap((each) => {
    const said = each?.metadata.annotations?.[WEIGHT];
    return said === undefined || isWeight(said) ? [] : [`annotation ${WEIGHT} of ${each!.metadata.name}: '${said.slice(0, 60)}' is no number from 0 to ${MOST_WEIGHT}; 1 is used`];
  });
  return wrong.length === 0 ? undefined : wrong.slice(0, MOST_TOLD).join('; ');
}

/** Weights other than 1, by address, of endpoints of that namespace. `podOf` takes `namespace/name`. */
export function weightsOf(namespace: string, slices: readonly EndpointSlice[], podOf?: (key: string) => Pod | undefined): Map<string, number> {
  const weights = new Map<string, number>();
  for (const slice of slices) {
    for (const { addresses, targetRef } of slice.endpoints ?? []) {
      const pod = targetRef?.kind === 'Pod' ? podOf?.(`${namespace}/${targetRef.name}`) : undefined;
      const weight = pod?.metadata.annotations?.[WEIGHT] === undefined ? weightOf(slice) : weightOf(pod);
      if (weight !== 1) for (const address of addresses) weights.set(address, weight);
    }
  }
  return weights;
}

function isCheck(value: string): boolean {
  return value === 'tcp' || PATH.test(value);
}

function isWeight(value: string): boolean {
  return /^\d{1,3}$/.test(value) && Number(value) <= MOST_WEIGHT;
}

function isCount(value: string): boolean {
  return /^[1-9]\d{0,3}$/.test(value) && Number(value) <= MOST_ERRORS;
}

function durationMs(value: string | undefined): number | undefined {
  const ms = Math.round(parseDuration(value ?? '') / 1_000_000);
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}
