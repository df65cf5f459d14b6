/**
 * The configuration of HAProxy as text, and its runtime commands. Pure. A server is a slot: there are more of them than endpoints, so that
 * endpoints come and go by commands, and only a new port, or many more endpoints, need a reload (which passes the listeners on).
 */
import { bindLine, type Inheritance, type Place } from '../../../sdk/haproxy/listening.ts';
import type { Algorithm } from '../../../sdk/load-balancing/algorithm.ts';
import type { HashOn, ProxySettings } from '../../../sdk/load-balancing/settings.ts';
import { balanceLines, checkLines, serverWords } from '../../../sdk/load-balancing/words.ts';
import { signalLines, signalTable } from './signals.ts';

export interface Endpoint {
  address: string;
  port: number;
  /** Its share among the others, 0 to 256; default 1. */
  weight?: number;
  /** It left, and its connections may go on for a while: the slot is not given to another. */
  leaving?: boolean;
}

/** One port of a Service. */
export interface Frontend {
  /** `namespace:name:port`, of DNS labels and digits; `namespace:name:port:which` for some clients alone. */
  name: string;
  /** Where HAProxy listens, on the gateway's address. */
  listenPort: number;
  endpoints: readonly Endpoint[];
  /** Session affinity, in seconds. */
  stickySeconds?: number;
  settings?: ProxySettings;
  /** Default `least-connection`. */
  algorithm?: Algorithm;
  /** Of consistent hash; default the client's address. */
  hashOn?: HashOn;
  /** Default `tcp`. */
  wire?: 'tcp' | 'http' | 'h2c';
}

/** What HAProxy has loaded: per frontend its slots, by index; undefined is a free one. */
export type Slots = Map<string, (Endpoint | undefined)[]>;

export interface ProxyFacts {
  gatewayIp: string;
  /** Of the second family, where there is one. */
  gatewayIp6?: string | undefined;
  socket: string;
  /** Where the process of before tells the next one which client is bound to which endpoint. */
  peers: string;
  /** The file of the ranges of durations: see signals.ts. */
  ranges: string;
  /** The sockets that it inherits. */
  listening?: Inheritance | undefined;
  /** As which it runs, so that the rules know its connections; see sdk/haproxy/ports.ts. */
  group?: number | undefined;
}

/** What HAProxy calls itself, to learn from its process of before (a reload is a new one): that one tells all it knows, once it is 5 s old. */
const SELF = 'own';
const SPARE = 8;
/** How often a request of HTTP is tried again: by chance one may meet several endpoints that are ill. */
const TRIES = 16;
/** Requests that may be sent again to another endpoint (RFC 9110, section 9.2.2), when the first one broke off without an answer. */
const IDEMPOTENT = 'GET HEAD OPTIONS PUT DELETE';

export function configurationOf(frontends: readonly Frontend[], facts: ProxyFacts, slots: Slots): string {
  const isSticky = frontends.some(({ stickySeconds }) => stickySeconds !== undefined);
  const head = [
    // By default who comes to give commands as the eleventh has to wait, which looks like silence, for which HAProxy is killed.
    'global', `  stats socket ${facts.socket} mode 600 level admin expose-fd listeners`, '  stats timeout 1d', '  stats maxconn 100', ...(isSticky ? [`  localpeer ${SELF}`] : []), '  maxconn 8192', '  hard-stop-after 1h', ...(facts.group === undefined ? [] : [`  gid ${facts.group}`]), '',
    'defaults', '  mode tcp', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h', '  retries 3', '  option redispatch 1', '',
    ...(isSticky ? [`peers ${SELF}`, `  peer ${SELF} unix@${facts.peers}`, ''] : []),
    ...(frontends.some(isHttp) ? signalTable() : []),
  ];
  return [...head, ...frontends.flatMap((frontend) => [...sectionOf(frontend, facts, slots.get(frontend.name) ?? []), ''])].join('\n');
}

/** Where a frontend listens. */
export function placesOf({ listenPort }: Frontend, { gatewayIp, gatewayIp6 }: Pick<ProxyFacts, 'gatewayIp' | 'gatewayIp6'>): Place[] {
  return [gatewayIp, ...(gatewayIp6 === undefined ? [] : [gatewayIp6])].map((address) => ({ address, port: listenPort }));
}

function sectionOf(frontend: Frontend, facts: ProxyFacts, slots: readonly (Endpoint | undefined)[]): string[] {
  const { name, stickySeconds, settings = {} } = frontend;
  const lines = [`listen ${name}`, ...placesOf(frontend, facts).map((place) => bindLine(place, facts.listening?.numberOf(place), frontend.wire === 'h2c' ? ' proto h2' : '')), ...indented(balanceLines(frontend))];
  if (stickySeconds !== undefined) lines.push(`  stick-table type ${facts.gatewayIp6 === undefined ? 'ip' : 'ipv6'} size 100k expire ${stickySeconds}s peers ${SELF}`, '  stick on src');
  if (isHttp(frontend)) lines.push(...httpLines(frontend, facts.ranges));
  lines.push(...indented(checkLines(settings, name.replaceAll(':', '.'))));
  const more = `${frontend.wire === 'h2c' ? ' proto h2' : ''}${serverWords(settings, isHttp(frontend))}`;
  slots.forEach((endpoint, index) => {
    const weight = weightOf(endpoint) === 1 ? '' : ` weight ${weightOf(endpoint)}`;
    const state = isReady(frontend, endpoint) ? '' : ' disabled';
    lines.push(endpoint === undefined || endpoint.leaving ? `  server s${index} ${facts.gatewayIp}:1${state}${more}` : `  server s${index} ${keyOf(endpoint)}${weight}${state}${more}`);
  });
  return lines;
}

/** A request without an answer is asked of another endpoint, as long as that is safe. */
function httpLines({ settings }: Frontend, ranges: string): string[] {
  return [
    '  mode http', '  option forwardfor', '  timeout http-request 30s', '  timeout http-keep-alive 1m', '  timeout tunnel 1h', '  option idle-close-on-response',
    ...(settings?.responseTimeoutMs === undefined ? [] : [`  timeout server ${settings.responseTimeoutMs}ms`]),
    `  retries ${TRIES}`, '  retry-on conn-failure empty-response response-timeout', `  http-request disable-l7-retry unless { method ${IDEMPOTENT} }`,
    ...signalLines(ranges),
  ];
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function isHttp({ wire = 'tcp' }: Frontend): boolean {
  return wire !== 'tcp';
}

/**
 * Slots for frontends that are loaded anew: the endpoints, and as many free ones again. Who had a slot keeps it, since consistent hashing
 * goes by slots.
 */
export function slotsFor(frontends: readonly Frontend[], before: Slots = new Map()): Slots {
  return new Map(frontends.map(({ name, endpoints }) => {
    const missing = new Map(endpoints.map((each) => [keyOf(each), each]));
    const kept = (before.get(name) ?? []).map((each) => {
      const now = each === undefined ? undefined : missing.get(keyOf(each));
      if (each !== undefined) missing.delete(keyOf(each));
      return now;
    });
    const slots = kept.map((each) => {
      if (each !== undefined) return each;
      const [next] = missing.values();
      if (next !== undefined) missing.delete(keyOf(next));
      return next;
    });
    slots.push(...missing.values());
    const free = Math.max(SPARE, endpoints.length) - slots.filter((each) => each === undefined).length;
    return [name, [...slots, ...Array<undefined>(Math.max(0, free))]];
  }));
}

/** Whether a reload is needed: other listeners, or more endpoints than slots. */
export function needsReload(loaded: readonly Frontend[], wanted: readonly Frontend[], slots: Slots): boolean {
  const shape = (frontends: readonly Frontend[]): string => frontends.map(shapeOf).sort().join('\n');
  return shape(loaded) !== shape(wanted) || wanted.some(({ name, endpoints }) => slotsNeeded(endpoints, slots.get(name) ?? []) > (slots.get(name)?.length ?? 0));
}

/** All of a frontend but its endpoints. */
function shapeOf({ name, listenPort, stickySeconds, settings, algorithm, hashOn, wire }: Frontend): string {
  return `${name} ${listenPort} ${stickySeconds ?? ''} ${JSON.stringify([settings ?? {}, algorithm, hashOn, wire])}`;
}

/** With the slots of those that may still be leaving. */
function slotsNeeded(endpoints: readonly Endpoint[], own: readonly (Endpoint | undefined)[]): number {
  const wanted = new Set(endpoints.map(keyOf));
  return endpoints.length + own.filter((each) => each?.leaving === true && !wanted.has(keyOf(each))).length;
}

/**
 * The runtime commands that bring the slots to what is wanted; `slots` is brought along. Connections of a slot that is given up go on; where
 * the frontend says for how long, the slot is kept as `leaving` until {@link commandsAfterDrain}.
 */
export function commandsFor(wanted: readonly Frontend[], slots: Slots): string[] {
  const commands: string[] = [];
  for (const frontend of wanted) {
    const { name, endpoints, settings } = frontend;
    const own = slots.get(name) ?? [];
    const missing = new Map(endpoints.map((each) => [keyOf(each), each]));
    const weigh = (index: number, before: Endpoint | undefined, after: Endpoint | undefined): void => {
      if (weightOf(before) !== weightOf(after)) commands.push(`set server ${name}/s${index} weight ${weightOf(after)}`);
    };
    const turn = (index: number, before: Endpoint | undefined, after: Endpoint | undefined): void => {
      if (isReady(frontend, before) !== isReady(frontend, after)) commands.push(`set server ${name}/s${index} state ${isReady(frontend, after) ? 'ready' : 'maint'}`);
    };
    const newOnes = new Map([...missing].filter(([key]) => !own.some((each) => each !== undefined && keyOf(each) === key)));
    const come = (): void => {
      for (const [key, endpoint] of newOnes) {
        const index = own.indexOf(undefined);
        if (index < 0) break; // those that are leaving have the rest; the next reload makes room
        commands.push(`set server ${name}/s${index} addr ${endpoint.address} port ${endpoint.port}`);
        weigh(index, undefined, endpoint);
        turn(index, undefined, endpoint);
        own[index] = endpoint;
        newOnes.delete(key);
      }
    };
    const isShared = (endpoint: Endpoint | undefined): boolean => isReady(frontend, endpoint) && weightOf(endpoint) > 0;
    // Requests come in between two commands, and must find somebody. Else who comes has the slot of who went, since consistent hashing goes by slots.
    if (!own.some((each) => isShared(each) && isShared(missing.get(keyOf(each!))))) come();
    const change = (endpoint: Endpoint | undefined, index: number): void => {
      if (endpoint === undefined) return;
      const kept = missing.get(keyOf(endpoint));
      if (kept === undefined && endpoint.leaving) return;
      const next = kept ?? (settings?.drainMs === undefined ? undefined : { address: endpoint.address, port: endpoint.port, leaving: true });
      if (!isReady(frontend, next)) turn(index, endpoint, next);
      weigh(index, endpoint, next);
      if (isReady(frontend, next)) turn(index, endpoint, next);
      own[index] = next;
    };
    // Who is to get something first, for the same reason.
    const before = [...own.entries()];
    for (const isNext of [true, false]) for (const [index, endpoint] of before) if (isShared(endpoint === undefined ? undefined : missing.get(keyOf(endpoint))) === isNext) change(endpoint, index);
    come();
  }
  return commands;
}

/** Ends the connections of those that were leaving in `slots` of `name` and still are, and frees the slots. */
export function commandsAfterDrain(name: string, endpoint: Endpoint, slots: Slots): string[] {
  const own = slots.get(name) ?? [];
  const index = own.indexOf(endpoint);
  if (index < 0) return [];
  own[index] = undefined;
  return [`shutdown sessions server ${name}/s${index}`];
}

/** Of the answer to `show sess`: the sessions that a slot has. A process that was told to end knows no other way to name them. */
export function sessionsAt(name: string, index: number, answer: string): string[] {
  return answer.split('\n').filter((line) => line.includes(` be=${name} srv=s${index} `)).map((line) => line.slice(0, line.indexOf(':')));
}

/**
 * Whether a slot may be led to. Where clients stay with their endpoint, one that is to get nothing new is not: a weight of 0 alone turns away only those whom
 * HAProxy does not know yet (configuration manual, `weight`).
 */
function isReady({ stickySeconds }: Frontend, endpoint: Endpoint | undefined): boolean {
  return endpoint !== undefined && endpoint.leaving !== true && (stickySeconds === undefined || weightOf(endpoint) > 0);
}

/** Free slots weigh 1. */
function weightOf(endpoint: Endpoint | undefined): number {
  return endpoint?.weight ?? 1;
}

export function keyOf({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
