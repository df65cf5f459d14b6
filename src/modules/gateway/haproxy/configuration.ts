/** The configuration of HAProxy as text, from the doors of a plan. Pure; each line knows which action it was written for. */
import { createHash } from 'node:crypto';
import { parseDuration } from '../../../api/times.ts';
import { bindLine, type Inheritance, type Place } from '../../../sdk/haproxy/listening.ts';
import { wayName, wayOf } from '../forward/ways.ts';
import type { TlsPair } from '../observed.ts';
import type { Door, DoorListener } from '../plan.ts';
import { compareText, type Action, type BackendTls, type Entry, type Target } from '../rules.ts';
import { LOG_FORMAT } from '../signals.ts';
import { BEGIN, countsRules, countsTable } from './counts.ts';
import { filterLines } from './filters.ts';
import { askedFor, keyOf, type Slots } from './slots.ts';
import { innerLines, needsStages, outerLines, PAUSE, TRIES_TABLE } from './stages.ts';
import { mapText, prefixOf, waysOf } from './ways.ts';
import { argument, quoted, Unsayable } from './words.ts';

export interface ProxyFacts {
  gatewayIp: string;
  /** Of the second family, where there is one. */
  gatewayIp6?: string | undefined;
  /** Holds configuration, sockets and certificates. */
  folder: string;
  /** Where its lines about requests go. */
  logSocket: string;
  /** Challenges of ACME are answered with it, on doors without TLS. */
  acmeThumbprint?: string | undefined;
  /** Whether requests are spans of their own in their traces. */
  sendsSpans?: boolean | undefined;
  /** Whether each request has its line; else those of busy doors are counted by HAProxy. */
  tellsAll?: boolean | undefined;
  /** Where doors listen: by {@link doorName}. */
  ports: ReadonlyMap<string, number>;
  /** The sockets that it inherits. */
  listening?: Inheritance | undefined;
}

export interface Configuration {
  /** Without the servers: what needs a reload when it changes. */
  shape: string;
  /** The whole, with servers in these slots. */
  text(slots: Slots): string;
  /** What action a line of the text is for, counted from 1. */
  ownerOf(line: number, slots: Slots): string | undefined;
  /** What HAProxy inherits: see {@link Inheritance}. */
  fds: readonly number[];
  /** Certificates, authorities and lists of them, by name in the folder. */
  files: ReadonlyMap<string, string>;
  /** Which port of which Service a backend's servers are, and the way by which they are spoken to, where HAProxy cannot do that itself: see forward/ways.ts. */
  backends: ReadonlyMap<string, { serviceKey: string; portName: string; through?: string }>;
  /** Actions that no configuration can say, with why. */
  unsayable: ReadonlyMap<string, string>;
}

interface ServerFacts {
  backend: { serviceKey: string; portName: string };
  options: string;
  /** The way by which they are spoken to, where HAProxy cannot do that itself. */
  through?: string;
}

interface Line { text: string; owner?: string; servers?: { backend: string; options: string } }

/** Of the lines about requests. */
export const RING = 'access';
const DEFAULT_RETRIES = 3;
const EXTENSIONS: Readonly<Record<string, string>> = { list: 'txt', map: 'txt', actions: 'lua' };
const CHALLENGE = '/.well-known/acme-challenge/';
/** Requests that may be sent again to another endpoint (RFC 9110, section 9.2.2). */
const IDEMPOTENT = 'GET HEAD OPTIONS PUT DELETE';
/** For what they are: no byte of an answer was seen. */
const RETRY_ON = 'conn-failure empty-response';

export const doorName = ({ owner, port }: Pick<Door, 'owner' | 'port'>): string => `${owner === '' ? 'ingress' : owner.replace('/', ':')}:${port}`;

/** Where a door listens. */
export function placesOf(door: Door, { gatewayIp, gatewayIp6, ports }: Pick<ProxyFacts, 'gatewayIp' | 'gatewayIp6' | 'ports'>): Place[] {
  const port = ports.get(doorName(door)) ?? 0;
  return [gatewayIp, ...(gatewayIp6 === undefined ? [] : [gatewayIp6])].map((address) => ({ address, port }));
}

export function configurationOf(doors: readonly Door[], facts: ProxyFacts): Configuration {
  const writer = new Writer(facts);
  writer.head();
  for (const door of doors) writer.door(door);
  return writer.finish();
}

class Writer {
  readonly facts: ProxyFacts;
  readonly lines: Line[] = [];
  readonly files = new Map<string, string>();
  readonly backends = new Map<string, { serviceKey: string; portName: string; through?: string }>();
  readonly unsayable = new Map<string, string>();
  /** Sections of backends, each once. */
  readonly sections = new Map<string, Line[]>();

  constructor(facts: ProxyFacts) {
    this.facts = facts;
  }

  head(): void {
    const { folder } = this.facts;
    this.put(
      'global', `  stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners`, '  stats timeout 1d', '  maxconn 8192', '  hard-stop-after 1h', '  tune.ssl.default-dh-param 2048', '  ssl-default-bind-options ssl-min-ver TLSv1.2',
      `  lua-load ${folder}/${this.file('actions', MIRROR + PAUSE)}`, '  httpclient.ssl.verify none', `  log ring@${RING} format raw local0`, '',
      `ring ${RING}`, '  format raw', '  maxlen 4096', '  size 1048576', '  timeout connect 2s', '  timeout server 10s', `  server llmos unix@${this.facts.logSocket} log-proto octet-count`, '',
      'defaults', '  mode http', '  log global', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h', '  timeout tunnel 24h', '  timeout http-request 30s', '  timeout http-keep-alive 75s', `  retries ${DEFAULT_RETRIES}`, '  option redispatch 1', '  option idle-close-on-response', `  retry-on ${RETRY_ON}`, '  http-reuse safe', '',
      'backend none', ...answerLines(404, 12), '', 'backend refuse', '  mode tcp', '  tcp-request content reject', '',
    );
  }

  put(...texts: string[]): void {
    for (const text of texts) this.lines.push({ text });
  }

  door(door: Door): void {
    const byName = door.tlsEntries.length > 0 || door.listeners.some(({ takes }) => takes !== 'requests');
    if (byName) this.nameDoor(door);
    if (!byName || door.listeners.some(({ takes }) => takes === 'requests')) this.httpDoor(door, byName);
  }

  /** Connections by the name of the server that they ask for; those whose TLS is ended here go on to a door behind. */
  nameDoor(door: Door): void {
    const name = doorName(door);
    const ended = door.listeners.filter(({ takes }) => takes === 'ended');
    const taken = new Map(door.listeners.map((listener) => [listener.name, listener.takes]));
    this.put(`frontend tls:${name}`, '  mode tcp', ...this.bindsOf(door), '  tcp-request inspect-delay 5s', '  tcp-request content accept if { req.ssl_hello_type 1 }');
    const ways = [
      ...door.tlsEntries.filter(({ listener }) => taken.get(listener) === 'passed').map((entry) => ({ hostname: entry.hostname, entry, behind: '' })),
      ...door.listeners.filter(({ takes }) => takes !== 'passed').map(({ hostname, takes }) => ({ hostname, entry: undefined, behind: takes === 'ended' ? 'ended' : 'behind' })),
    ].sort((a, b) => rankOf(a.hostname) - rankOf(b.hostname) || b.hostname.length - a.hostname.length || compareText(a.hostname, b.hostname));
    for (const { hostname, entry, behind } of ways) {
      if (entry === undefined) this.put(`  use_backend ${behind}:${name}${asksFor('req.ssl_sni', hostname)}`);
      else this.chooseTls(entry, asksFor('req.ssl_sni', hostname));
    }
    this.put('  default_backend refuse', '');
    for (const behind of new Set(ways.map((way) => way.behind))) if (behind !== '') this.put(`backend ${behind}:${name}`, '  mode tcp', `  server s unix@${this.socketOf(`${behind}:${name}`)} send-proxy-v2`, '');
    if (ended.length === 0) return;
    this.put(`frontend ended:${name}`, '  mode tcp', `  bind unix@${this.socketOf(`ended:${name}`)} mode 600 accept-proxy ssl crt-list ${this.certificates(ended)}`);
    for (const entry of door.tlsEntries.filter(({ listener }) => taken.get(listener) === 'ended')) this.chooseTls(entry, asksFor('ssl_fc_sni', entry.hostname), door);
    this.put('  default_backend refuse', '');
  }

  /** `endedBy` is the door where TLS is ended, so that what goes on is plain, or TLS of our own. */
  chooseTls({ id, targets }: Door['tlsEntries'][number], condition: string, endedBy?: Door): void {
    const total = targets.reduce((sum, { weight }) => sum + weight, 0);
    const and = condition === '' ? ' if' : condition;
    let left = total;
    targets.forEach(({ weight, backend }, index) => {
      const tls = endedBy === undefined ? undefined : backend?.tls;
      const name = backend === undefined || tls === 'broken' ? 'refuse' : `${id}:${index}${tls === undefined ? '' : `:via:${doorName(endedBy!)}`}`;
      if (backend !== undefined && tls !== 'broken') this.section(name, () => [{ text: '  mode tcp' }], { backend, ...(tls === undefined ? { options: '' } : this.tlsOptions(tls, undefined, endedBy!.clientCertificate)) });
      this.put(`  use_backend ${name}${weight === left ? condition : `${and} { rand(${left}) lt ${weight} }`}`);
      left -= weight;
    });
    if (targets.length === 0) this.put(`  use_backend refuse${condition}`);
  }

  httpDoor(door: Door, behind: boolean): void {
    const name = doorName(door);
    const counts = this.facts.tellsAll !== true;
    if (counts) this.put(...countsTable(name));
    const tls = door.secure ? ` ssl crt-list ${this.certificates(door.listeners.filter(({ takes }) => takes === 'requests'))} alpn h2,http/1.1` : '';
    const binds = behind ? [`  bind unix@${this.socketOf(`behind:${name}`)} mode 600 accept-proxy${tls}`] : this.bindsOf(door, tls);
    this.put(`frontend ${name}`, ...binds, '  option forwardfor', `  log-format ${quoted(LOG_FORMAT)}`);
    this.put(BEGIN, ...(counts ? countsRules(name) : []));
    this.put(`  http-request set-header X-Forwarded-Proto ${door.secure ? 'https' : 'http'}`, `  http-request set-var(txn.host) req.hdr(host),host_only,lower`, ...(this.facts.sendsSpans === true ? TRACE_CHILD : TRACE_NEW), TRACE_KEPT);
    const { acmeThumbprint } = this.facts;
    if (acmeThumbprint !== undefined && !door.secure) this.put(`  http-request return status 200 content-type text/plain lf-string '%[path,bytes(${CHALLENGE.length})].${acmeThumbprint}' if { path -m reg -- ^/[.]well-known/acme-challenge/[A-Za-z0-9_-]+$ }`);
    const listeners = door.listeners.filter(({ takes }) => takes === 'requests');
    const conditions = new Conditions(this.lines);
    const several = new Set(listeners.map((each) => each.name)).size > 1;
    if (several) this.chooseListener(listeners, door.secure);
    if (door.entries.some(({ action }) => action.targets.length > 1)) this.put('  http-request set-var(txn.rand) rand(2147483647)');
    for (const entries of Map.groupBy(door.entries, ({ listener, hostname, said, oneLabel }) => `${several ? listener : ''} ${hostname} ${said ?? hostname} ${oneLabel}`).values()) {
      const { before, mapped, after } = waysOf(entries);
      for (const entry of before) this.entry(door, entry, conditions, several);
      this.mapped(door, mapped, conditions, several);
      for (const entry of after) this.entry(door, entry, conditions, several);
    }
    this.put('  default_backend none', '');
  }

  /** The listener whose hostname is the narrowest that covers the request's; TLS was made for one by its name, and a request for another has come the wrong way. */
  chooseListener(listeners: Door['listeners'], secure: boolean): void {
    for (const [variable, fetch] of [['txn.listener', 'var(txn.host)'], ...(secure ? [['txn.sni', 'ssl_fc_sni,lower']] : [])] as [string, string][]) {
      for (const { name, hostname } of listeners) {
        const covered = hostname === '' ? '' : ` { ${fetch} -m ${hostname.startsWith('*.') ? `end -- ${hostname.slice(1)}` : `str -- ${hostname}`} }`;
        this.put(`  http-request set-var(${variable}) str(${name}) if !{ var(${variable}) -m found }${covered}`);
      }
    }
    if (secure) this.put('  http-request return status 421 content-type text/plain string "this connection is for another host" if { var(txn.sni) -m found } !{ var(txn.sni),strcmp(txn.listener) eq 0 }');
  }

  /** Entries that are told apart by a map of their prefixes. */
  mapped(door: Door, entries: readonly Entry[], conditions: Conditions, several: boolean): void {
    const [first] = entries;
    if (first === undefined) return;
    const found: { prefix: string; backend: string }[] = [];
    for (const { match, action } of entries) {
      const [target] = action.targets;
      if (target !== undefined) this.saying(action, () => void found.push({ prefix: prefixOf(match.path.value), backend: this.backendOf(door, action, target, 0) }));
    }
    const all = found.find(({ prefix }) => prefix === '')?.backend;
    const look = `path,concat(/),map_beg(${this.facts.folder}/${this.file('map', mapText(found.filter(({ prefix }) => prefix !== '')))}${all === undefined ? '' : `,${all}`})`;
    const names = [...listenerConditions(first, conditions, several), ...(all === undefined ? [`{ ${look} -m found }`] : [])];
    this.put(`  use_backend %[${look}]${names.length === 0 ? '' : ` if ${names.join(' ')}`}`);
  }

  /** What cannot be said of an action is told of it, and leaves no line. */
  saying(action: Action, say: () => void): void {
    const from = this.lines.length;
    try {
      say();
    } catch (error) {
      if (!(error instanceof Unsayable)) throw error;
      this.unsayable.set(action.id, error.message);
      this.lines.length = from;
      return;
    }
    for (const line of this.lines.slice(from)) line.owner ??= action.id;
  }

  entry(door: Door, entry: Entry, conditions: Conditions, several: boolean): void {
    const { match, action } = entry;
    this.saying(action, () => {
      const names = listenerConditions(entry, conditions, several);
      names.push(...pathConditions(match.path, conditions));
      if (match.method !== undefined) names.push(conditions.of(`method ${match.method}`));
      for (const { type, name, value } of match.headers) names.push(conditions.of(`req.fhdr(${argument(name)}) ${valueOf(type, value)}`));
      for (const { type, name, value } of match.queryParams) names.push(conditions.of(`${quoted(`urlp(${argument(name)})`)} ${valueOf(type, value)}`));
      this.choose(door, action, names);
    });
  }

  choose(door: Door, action: Action, names: readonly string[]): void {
    const total = action.targets.reduce((sum, { weight }) => sum + weight, 0);
    let upTo = 0;
    action.targets.forEach((target, index) => {
      upTo += target.weight;
      const share = upTo === total ? [] : [`{ var(txn.rand),mod(${total}) lt ${upTo} }`];
      const all = [...names, ...share];
      this.lines.push({ text: `  use_backend ${this.backendOf(door, action, target, index)}${all.length === 0 ? '' : ` if ${all.join(' ')}`}`, owner: action.id });
    });
  }

  /** The backend of a target, written when first asked for. One that redirects, or shows the Gateway's certificate, is of the one door that it does so for. */
  backendOf(door: Door, action: Action, target: Target, index: number): string {
    const filters = [...action.filters, ...target.filters];
    const redirects = filters.some(({ type }) => type === 'RequestRedirect');
    const showsOwn = target.backend?.tls !== undefined && door.clientCertificate !== undefined;
    const name = `${action.id}:${index}${redirects || showsOwn ? `:via:${doorName(door)}` : ''}`;
    if (target.backend === undefined && !redirects) {
      this.section(name, () => answerLines(target.status ?? 500, 14).map((text) => ({ text })), undefined);
      return name;
    }
    const lines = (texts: readonly string[]): Line[] => texts.map((text) => ({ text: `  ${text}`, owner: action.id }));
    const filtered = (): string[] => filterLines(filters, { prefix: action.prefix, port: door.port, secure: door.secure, mirrorSocket: (to) => this.mirrorSocket(to) });
    const servers = target.backend === undefined || redirects ? undefined : { backend: target.backend, ...this.serverOptions(target.backend, door.clientCertificate) };
    if (servers === undefined || !needsStages(action)) this.section(name, () => lines([...filtered(), ...this.retryLines(action), ...this.persistenceLines(action)]), servers);
    else {
      const socket = this.socketOf(`tries:${name}`);
      this.section(name, () => lines([...filtered(), ...outerLines(action, socket)]), undefined);
      this.section(`${name}:tries`, () => lines([...innerLines(action, socket), ...this.persistenceLines(action)]), servers, 'listen');
      this.sections.set('tries', TRIES_TABLE.map((text) => ({ text })));
    }
    return name;
  }

  /** Copies come by HTTP/1.1 and go on by HTTP/2. */
  mirrorSocket(to: string): string {
    const socket = this.socketOf(`mirror:${to}`);
    this.sections.set(`mirror:${to}`, [`listen mirror:${to}`, `  bind unix@${socket} mode 600`, '  no log', `  server s ${to} proto h2`, ''].map((text) => ({ text })));
    return `unix@${socket}`;
  }

  section(name: string, lines: () => Line[], servers: ServerFacts | undefined, sort: 'backend' | 'listen' = 'backend'): void {
    if (this.sections.has(name)) return;
    const made: Line[] = [{ text: `${sort} ${name}` }, ...lines()];
    if (servers !== undefined) {
      this.backends.set(name, { serviceKey: servers.backend.serviceKey, portName: servers.backend.portName, ...(servers.through === undefined ? {} : { through: servers.through }) });
      made.push({ text: '', servers: { backend: name, options: servers.options } });
    }
    this.sections.set(name, [...made, { text: '' }]);
  }

  retryLines({ timeoutMs, requestTimeoutMs, attemptTimeoutMs, retry }: Action): string[] {
    const lines: string[] = [];
    if (timeoutMs !== undefined) lines.push(`timeout server ${timeoutMs}ms`, `timeout tunnel ${timeoutMs}ms`);
    // An endpoint that keeps silent is given up for another, as often as the time of the whole request allows.
    const onTime = attemptTimeoutMs === undefined ? [] : ['response-timeout'];
    if (retry !== undefined) return [...lines, `retries ${Math.max(0, retry.attempts)}`, `retry-on ${[RETRY_ON, ...onTime, ...retry.codes].join(' ')}`];
    if (attemptTimeoutMs !== undefined) lines.push(`retries ${Math.min(DEFAULT_RETRIES, Math.max(0, Math.floor((requestTimeoutMs ?? Infinity) / attemptTimeoutMs) - 1))}`, `retry-on ${[RETRY_ON, ...onTime].join(' ')}`);
    return [...lines, `http-request disable-l7-retry if !{ method ${IDEMPOTENT} }`];
  }

  persistenceLines({ persistence, id }: Action): string[] {
    const lines: string[] = [];
    if (persistence !== undefined) {
      const { sessionName = 'llmos-session', type = 'Cookie', absoluteTimeout, idleTimeout, cookieConfig } = persistence;
      const name = argument(sessionName);
      if (type === 'Header') {
        lines.push(`http-request set-var(txn.session) req.fhdr(${name})`, 'http-request set-var(txn.session) uuid if !{ var(txn.session) -m found }', `http-response set-header ${name} %[var(txn.session)]`, `stick-table type string len 128 size 100k expire ${idleTimeout ?? absoluteTimeout ?? '1h'}`, 'stick on var(txn.session)');
      } else {
        const seconds = (duration: string): number => Math.max(1, Math.round(parseDuration(duration) / 1_000_000_000));
        const kept = cookieConfig?.lifetimeType === 'Permanent' && absoluteTimeout !== undefined ? ` attr Max-Age=${seconds(absoluteTimeout)}` : '';
        lines.push(`dynamic-cookie-key ${createHash('sha256').update(id).digest('hex').slice(0, 32)}`, `cookie ${name} insert indirect nocache httponly dynamic${idleTimeout === undefined ? '' : ` maxidle ${seconds(idleTimeout)}s`}${absoluteTimeout === undefined ? '' : ` maxlife ${seconds(absoluteTimeout)}s`}${kept}`);
      }
    }
    return lines;
  }

  serverOptions({ tls, protocol }: NonNullable<Target['backend']>, clientCertificate: TlsPair | undefined): Pick<ServerFacts, 'options' | 'through'> {
    return tls === undefined ? { options: protocol === 'h2c' ? ' proto h2' : '' } : this.tlsOptions(tls, protocol, clientCertificate);
  }

  /** Without a protocol it is any that stands on TCP. */
  tlsOptions(tls: BackendTls, protocol: 'http' | 'h2c' | undefined, clientCertificate: TlsPair | undefined): Pick<ServerFacts, 'options' | 'through'> {
    const way = wayOf(tls, protocol, clientCertificate);
    if (way !== undefined) return { options: ` socks4 127.0.0.1:${this.facts.ports.get(wayName(way)) ?? 0}${protocol === 'h2c' ? ' proto h2' : ''}`, through: wayName(way) };
    const { caPem, hostname } = tls;
    const authority = caPem === undefined ? '@system-ca' : `${this.facts.folder}/${this.file('ca', caPem)}`;
    const identity = clientCertificate === undefined ? '' : ` crt ${this.facts.folder}/${this.file('cert', pemOf(clientCertificate))}`;
    return { options: ` ssl verify required ca-file ${authority} sni ${quoted(`str(${hostname})`)}${identity}${protocol === undefined ? '' : ` alpn ${protocol === 'h2c' ? 'h2' : 'h2,http/1.1'}`}` };
  }

  /** The list of certificates, with the names for which each is shown, and what follows it: a name that no listener is for is refused. */
  certificates(listeners: readonly DoorListener[]): string {
    const lines = listeners.flatMap(({ hostname, certificates, clients }) => certificates.map((pair) => `${this.facts.folder}/${this.file('cert', pemOf(pair))}${this.clientWords(clients)}${hostname === '' ? '' : ` ${hostname}`}`));
    const lenient = listeners.some(({ clients }) => clients?.isOptional === true) ? ' ca-ignore-err all crt-ignore-err all' : '';
    return `${this.facts.folder}/${this.file('list', `${[...new Set(lines)].join('\n')}\n`)}${listeners.every(({ hostname }) => hostname !== '') ? ' strict-sni' : ''}${lenient}`;
  }

  /** Of a line of a list of certificates: what clients must show of themselves. */
  clientWords(clients: DoorListener['clients']): string {
    return clients === undefined ? '' : ` [ca-file ${this.facts.folder}/${this.file('ca', clients.caPem)} verify ${clients.isOptional ? 'optional' : 'required'}]`;
  }

  /** Named by what it holds, so that a renewed certificate is another file and is loaded. */
  file(prefix: string, content: string): string {
    const name = `${prefix}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}.${EXTENSIONS[prefix] ?? 'pem'}`;
    this.files.set(name, content);
    return name;
  }

  bindsOf(door: Door, options = ''): string[] {
    return placesOf(door, this.facts).map((place) => bindLine(place, this.facts.listening?.numberOf(place), options));
  }

  socketOf(name: string): string {
    return `${this.facts.folder}/${createHash('sha256').update(name).digest('hex').slice(0, 12)}.sock`;
  }

  finish(): Configuration {
    const all = [...this.lines, ...[...this.sections.values()].flat()];
    const { gatewayIp } = this.facts;
    const expand = (slots: Slots): Line[] => all.flatMap((line) => (line.servers === undefined ? [line] : serverLines(line.servers, slots, gatewayIp)));
    return {
      shape: all.map(({ text, servers }) => (servers === undefined ? text : JSON.stringify(servers))).join('\n'),
      text: (slots) => `${expand(slots).map(({ text }) => text).join('\n')}\n`,
      ownerOf: (line, slots) => expand(slots)[line - 1]?.owner,
      fds: this.facts.listening?.fds ?? [], files: this.files, backends: this.backends, unsayable: this.unsayable,
    };
  }
}

function serverLines({ backend, options }: NonNullable<Line['servers']>, slots: Slots, gatewayIp: string): Line[] {
  return (slots.get(backend) ?? []).map((endpoint, index) => ({ text: endpoint === undefined ? `  server s${index} ${gatewayIp}:1 disabled${options}` : `  server s${index} ${keyOf(askedFor(endpoint))}${options}` }));
}

/** Conditions of a frontend, each with a name and written once. */
class Conditions {
  readonly names = new Map<string, string>();
  readonly lines: Line[];

  constructor(lines: Line[]) {
    this.lines = lines;
  }

  of(...expressions: string[]): string {
    const key = expressions.join('\n');
    let name = this.names.get(key);
    if (name === undefined) {
      this.names.set(key, (name = `c${this.names.size}`));
      for (const expression of expressions) this.lines.push({ text: `  acl ${name} ${expression}` });
    }
    return name;
  }
}

function listenerConditions({ listener, hostname, oneLabel }: Entry, conditions: Conditions, several: boolean): string[] {
  const names = several ? [conditions.of(`var(txn.listener) -m str -- ${quoted(listener)}`)] : [];
  if (hostname.startsWith('*.')) names.push(oneLabel === true ? conditions.of(`var(txn.host) -m reg -- ${quoted(`^[^.]+${hostname.slice(1).replaceAll('.', '\\.')}$`)}`) : conditions.of(`var(txn.host) -m end -- ${quoted(hostname.slice(1))}`));
  else if (hostname !== '') names.push(conditions.of(`var(txn.host) -m str -- ${quoted(hostname)}`));
  return names;
}

function pathConditions({ type, value }: Entry['match']['path'], conditions: Conditions): string[] {
  if (type === 'Exact') return [conditions.of(`path -m str -- ${quoted(value)}`)];
  if (type === 'RegularExpression') return [conditions.of(`path -m reg -- ${quoted(`^(?:${value})$`)}`)];
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? [] : [conditions.of(`path -m str -- ${quoted(prefix)}`, `path -m beg -- ${quoted(`${prefix}/`)}`)];
}

function valueOf(type: string | undefined, value: string): string {
  return type === 'RegularExpression' ? `-m reg -- ${quoted(`^(?:${value})$`)}` : `-m str -- ${quoted(value)}`;
}

function answerLines(status: number, grpcStatus: number): string[] {
  return [
    `  http-request return status 200 hdr grpc-status ${grpcStatus} if { req.hdr(content-type) -m beg -- application/grpc }`,
    // An answer without a body has no type of its own.
    '  http-after-response set-header content-type application/grpc if { res.hdr(grpc-status) -m found }',
    `  http-request return status ${status} content-type text/plain string "${status === 404 ? 'no route for this request' : 'the route of this request leads nowhere'}"`,
  ];
}

/** ` if ...`, by the name of the server; '' for all. */
function asksFor(fetch: string, hostname: string): string {
  return hostname === '' ? '' : ` if { ${fetch} -i -m ${hostname.startsWith('*.') ? `end -- ${hostname.slice(1)}` : `str -- ${hostname}`} }`;
}

const pemOf = ({ certificatePem, keyPem }: TlsPair): string => `${certificatePem.trimEnd()}\n${keyPem}`;

const rankOf = (hostname: string): number => (hostname === '' ? 2 : hostname.startsWith('*.') ? 1 : 0);

/** W3C Trace Context: a request that is part of no trace begins one. */
const IN_TRACE = 'req.hdr(traceparent) -m reg -- ^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}';
/**
 * 16 hexadecimal digits each, of 32 random bits, spread so that no product is cut off at 63 bits; those of a trace hold the time too, so that two alike could
 * only be made in one microsecond. A UUID would take longer than all the rest.
 */
const SPAN = '%[rand,mul(2147483647),add(1),hex,lower]';
const TRACE_ID = '%[rand,mul(2147483629),xor(txn.began),hex,lower]%[rand,mul(2147483587),add(1),hex,lower]';
const TRACE_NEW = [`  http-request set-header traceparent '00-${TRACE_ID}-${SPAN}-01' if !{ ${IN_TRACE} }`];
/** Where spans are sent, a request that is part of a trace goes on as the child of our own. */
const TRACE_CHILD = [`  http-request set-var(txn.parent) req.hdr(traceparent),bytes(36,16) if { ${IN_TRACE} }`, ...TRACE_NEW, `  http-request set-header traceparent '00-%[req.hdr(traceparent),bytes(3,32)]-${SPAN}-%[req.hdr(traceparent),bytes(53,2)]' if { var(txn.parent) -m found }`];
const TRACE_KEPT = '  http-request set-var(txn.trace) req.hdr(traceparent),bytes(0,55)';

/** Sends a copy of a request elsewhere, beside the request itself; what comes back is passed over. */
const MIRROR = `local function send(target, method, path, headers, body, by)
  local client = core.httpclient()
  local call = client[string.lower(method)]
  if call == nil then return end
  pcall(call, client, { url = "http://" .. target .. path, headers = headers, body = body, dst = by })
end

local function mirror(txn, target, by)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" then
      local list = {}
      for _, value in pairs(values) do list[#list + 1] = value end
      headers[name] = list
    end
  end
  local body = txn.sf:req_body()
  if body == "" then body = nil end
  local method, path = txn.sf:method(), txn.sf:pathq()
  core.register_task(function() send(target, method, path, headers, body, by) end)
end

core.register_action("mirror", { "http-req" }, mirror, 1)
core.register_action("mirror_by", { "http-req" }, mirror, 2)
`;
