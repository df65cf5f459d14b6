/**
 * The configuration of HAProxy as text, and its runtime commands. Pure. A server is a slot: there are more of them than endpoints, so that
 * endpoints come and go by commands, and only a new port, or many more endpoints, need a reload (which passes the listeners on).
 */
import type { ProxySettings } from './settings.ts';

export interface Endpoint {
  address: string;
  port: number;
  /** Its share among the others, 0 to 256; default 1. */
  weight?: number;
}

/** One port of a Service. */
export interface Frontend {
  /** `namespace:name:port`, of DNS labels and digits. */
  name: string;
  /** Where HAProxy listens, on the gateway's address. */
  listenPort: number;
  endpoints: readonly Endpoint[];
  /** Session affinity, in seconds. */
  stickySeconds?: number;
  settings?: ProxySettings;
}

/** What HAProxy has loaded: per frontend its slots, by index; undefined is a free one. */
export type Slots = Map<string, (Endpoint | undefined)[]>;

export interface ProxyFacts {
  gatewayIp: string;
  socket: string;
}

const SPARE = 8;
/** How long an endpoint may take to answer a health check. */
const CHECK_MS = 2_000;

export function configurationOf(frontends: readonly Frontend[], facts: ProxyFacts, slots: Slots): string {
  const head = [
    'global', `  stats socket ${facts.socket} mode 600 level admin expose-fd listeners`, '  maxconn 8192', '  hard-stop-after 1h', '',
    'defaults', '  mode tcp', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h', '  retries 3', '  option redispatch 1', '',
  ];
  const sections = frontends.flatMap((frontend) => {
    const lines = [`listen ${frontend.name}`, `  bind ${facts.gatewayIp}:${frontend.listenPort}`, '  balance leastconn'];
    if (frontend.stickySeconds !== undefined) lines.push(`  stick-table type ip size 100k expire ${frontend.stickySeconds}s`, '  stick on src');
    const { check, slowStartMs } = frontend.settings ?? {};
    if (check !== undefined) lines.push(`  timeout check ${CHECK_MS}ms`);
    if (check?.path !== undefined) lines.push('  option httpchk', `  http-check send meth GET uri ${check.path} ver HTTP/1.1 hdr Host ${frontend.name.replaceAll(':', '.')} hdr Connection close`);
    const more = `${check === undefined ? '' : ` check inter ${check.intervalMs}ms fall 2 rise 1`}${slowStartMs === undefined ? '' : ` slowstart ${slowStartMs}ms`}`;
    (slots.get(frontend.name) ?? []).forEach((endpoint, index) => {
      const weight = weightOf(endpoint) === 1 ? '' : ` weight ${weightOf(endpoint)}`;
      lines.push(endpoint === undefined ? `  server s${index} ${facts.gatewayIp}:1 disabled${more}` : `  server s${index} ${endpoint.address}:${endpoint.port}${weight}${more}`);
    });
    return [...lines, ''];
  });
  return [...head, ...sections].join('\n');
}

/** Slots for frontends that are loaded anew: the endpoints, and as many free ones again. */
export function slotsFor(frontends: readonly Frontend[]): Slots {
  return new Map(frontends.map(({ name, endpoints }) => [name, [...endpoints, ...Array<undefined>(Math.max(SPARE, endpoints.length))]]));
}

/** Whether a reload is needed: other listeners, or more endpoints than slots. */
export function needsReload(loaded: readonly Frontend[], wanted: readonly Frontend[], slots: Slots): boolean {
  const shape = (frontends: readonly Frontend[]): string => frontends.map(({ name, listenPort, stickySeconds, settings }) => `${name} ${listenPort} ${stickySeconds ?? ''} ${JSON.stringify(settings ?? {})}`).sort().join('\n');
  return shape(loaded) !== shape(wanted) || wanted.some(({ name, endpoints }) => endpoints.length > (slots.get(name)?.length ?? 0));
}

/** The runtime commands that bring the slots to what is wanted; `slots` is brought along. Connections of a slot that is given up go on. */
export function commandsFor(wanted: readonly Frontend[], slots: Slots): string[] {
  const commands: string[] = [];
  for (const { name, endpoints } of wanted) {
    const own = slots.get(name) ?? [];
    const missing = new Map(endpoints.map((each) => [keyOf(each), each]));
    const weigh = (index: number, before: Endpoint | undefined, after: Endpoint | undefined): void => {
      if (weightOf(before) !== weightOf(after)) commands.push(`set server ${name}/s${index} weight ${weightOf(after)}`);
    };
    own.forEach((endpoint, index) => {
      if (endpoint === undefined) return;
      const kept = missing.get(keyOf(endpoint));
      missing.delete(keyOf(endpoint));
      if (kept === undefined) commands.push(`set server ${name}/s${index} state maint`);
      weigh(index, endpoint, kept);
      own[index] = kept;
    });
    for (const endpoint of missing.values()) {
      const index = own.indexOf(undefined);
      commands.push(`set server ${name}/s${index} addr ${endpoint.address} port ${endpoint.port}`);
      weigh(index, undefined, endpoint);
      commands.push(`set server ${name}/s${index} state ready`);
      own[index] = endpoint;
    }
  }
  return commands;
}

/** Free slots weigh 1. */
function weightOf(endpoint: Endpoint | undefined): number {
  return endpoint?.weight ?? 1;
}

function keyOf({ address, port }: Endpoint): string {
  return `${address}:${port}`;
}
