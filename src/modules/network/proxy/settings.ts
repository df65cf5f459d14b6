/** What the annotations of a Service, and of its pods, say to the proxy of least connection beside the algorithm. */
import type { Pod, Service } from '../../../api/generated/core-v1.ts';
import { parseDuration } from '../../../api/times.ts';
import { algorithmOf } from './algorithm.ts';

/** Of a Service: `tcp`, or the path that must answer 200 to 399 (`/healthz`). */
export const HEALTH_CHECK = 'llmos.dev/health-check';
/** Of a Service, with a health check: the time between two, `100ms` to `1h`; default `2s`. */
export const HEALTH_CHECK_INTERVAL = 'llmos.dev/health-check-interval';
/** Of a Service: how long an endpoint that came or came back takes until it gets its full share, `100ms` to `1h`. */
export const SLOW_START = 'llmos.dev/slow-start';
/** Of a Pod: its share among the others, 0 (nothing new) to 256; default 1. */
export const WEIGHT = 'llmos.dev/weight';

export interface ProxySettings {
  check?: { path?: string; intervalMs: number };
  slowStartMs?: number;
}

const DEFAULT_INTERVAL_MS = 2_000;
/** What stands in a configuration file as it is: no blank, quote, comment or escape. */
const PATH = /^\/[A-Za-z0-9._~/=&?:@,+-]{0,200}$/;
const SHORTEST_MS = 100;
const LONGEST_MS = 3_600_000;

/** What cannot be read is as not said; see {@link settingsError}. */
export function proxySettingsOf(service: Service): ProxySettings {
  const { [HEALTH_CHECK]: health, [HEALTH_CHECK_INTERVAL]: interval, [SLOW_START]: slowStart } = service.metadata.annotations ?? {};
  const settings: ProxySettings = {};
  if (health !== undefined && isCheck(health)) settings.check = { ...(health === 'tcp' ? {} : { path: health }), intervalMs: durationMs(interval) ?? DEFAULT_INTERVAL_MS };
  const slowStartMs = durationMs(slowStart);
  if (slowStartMs !== undefined) settings.slowStartMs = slowStartMs;
  return settings;
}

/** What is wrong with these annotations, for an Event; undefined when nothing is. */
export function settingsError(service: Service): string | undefined {
  const said = service.metadata.annotations ?? {};
  const wrong: string[] = [];
  const quoted = (key: string): string => `annotation ${key}: '${said[key]!.slice(0, 60)}'`;
  if (said[HEALTH_CHECK] !== undefined && !isCheck(said[HEALTH_CHECK])) wrong.push(`${quoted(HEALTH_CHECK)} is neither 'tcp' nor a path such as /healthz; nothing is checked`);
  for (const key of [HEALTH_CHECK_INTERVAL, SLOW_START]) if (said[key] !== undefined && durationMs(said[key]) === undefined) wrong.push(`${quoted(key)} is no time from 100ms to 1h, such as 30s; it is passed over`);
  const unused = [HEALTH_CHECK, SLOW_START].filter((key) => said[key] !== undefined);
  if (unused.length > 0 && algorithmOf(service) !== 'least-connection') wrong.push(`annotation ${unused.join(' and ')}: only services with llmos.dev/load-balancing: least-connection have that`);
  return wrong.length === 0 ? undefined : wrong.join('; ');
}

/** 1 where nothing, or nothing that can be read, is said. */
export function weightOf(pod: Pod | undefined): number {
  const said = pod?.metadata.annotations?.[WEIGHT];
  return said !== undefined && /^\d{1,3}$/.test(said) && Number(said) <= 256 ? Number(said) : 1;
}

function isCheck(value: string): boolean {
  return value === 'tcp' || PATH.test(value);
}

function durationMs(value: string | undefined): number | undefined {
  const ms = Math.round(parseDuration(value ?? '') / 1_000_000);
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}
