/** The text of a configuration while it is written: lines that know which action they are for, sections of backends, files beside it, and what cannot be said. */
import { createHash } from 'node:crypto';
import { bindLine, type Inheritance, type Place } from '../../../sdk/haproxy/listening.ts';
import type { Door } from '../plan.ts';
import type { Action } from '../rules.ts';
import { askedFor, keyOf, weightOf, type Slots } from './slots.ts';
import { Unsayable } from './words.ts';

export interface Challenges { thumbprint: string; names: readonly string[] }

export interface ProxyFacts {
  gatewayIp: string;
  /** Of the second family, where there is one. */
  gatewayIp6?: string | undefined;
  /** Holds configuration, sockets and certificates. */
  folder: string;
  /** Where its lines about requests go: see access-log.ts. */
  linesPort: number;
  /** Challenges of ACME are answered with it on doors without TLS, for the names for which certificates are to be had. */
  challenges?: Challenges | undefined;
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
  backends: ReadonlyMap<string, BackendFacts>;
  /** Actions that no configuration can say, with why. */
  unsayable: ReadonlyMap<string, string>;
}

export interface BackendFacts {
  serviceKey: string;
  portName: string;
  through?: string;
  /** So many errors in a row spare a server. */
  outliers?: number;
}

export interface ServerFacts {
  backend: { serviceKey: string; portName: string };
  options: string;
  outliers?: number;
  /** Before the servers. */
  lines?: readonly string[];
  /** The way by which they are spoken to, where HAProxy cannot do that itself. */
  through?: string;
}

export interface Line { text: string; owner?: string; servers?: { backend: string; options: string } }

const EXTENSIONS: Readonly<Record<string, string>> = { list: 'txt', map: 'txt', actions: 'lua' };

export const doorName = ({ owner, port }: Pick<Door, 'owner' | 'port'>): string => `${owner === '' ? 'ingress' : owner.replace('/', ':')}:${port}`;

/** Where a door listens. */
export function placesOf(door: Door, { gatewayIp, gatewayIp6, ports }: Pick<ProxyFacts, 'gatewayIp' | 'gatewayIp6' | 'ports'>): Place[] {
  const port = ports.get(doorName(door)) ?? 0;
  return [gatewayIp, ...(gatewayIp6 === undefined ? [] : [gatewayIp6])].map((address) => ({ address, port }));
}

/** Lines of it are put one after the other; sections of backends follow all of them. */
export class Page {
  readonly facts: ProxyFacts;
  readonly lines: Line[] = [];
  readonly files = new Map<string, string>();
  readonly backends = new Map<string, BackendFacts>();
  readonly unsayable = new Map<string, string>();
  /** Sections of backends, each once. */
  readonly sections = new Map<string, Line[]>();
  /** The largest bodies that somebody is shown. */
  mostBodyBytes = 0;

  constructor(facts: ProxyFacts) {
    this.facts = facts;
  }

  put(...texts: string[]): void {
    for (const text of texts) this.lines.push({ text });
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

  section(name: string, lines: () => Line[], servers: ServerFacts | undefined, sort: 'backend' | 'listen' = 'backend'): void {
    if (this.sections.has(name)) return;
    const made: Line[] = [{ text: `${sort} ${name}` }, ...lines()];
    if (servers !== undefined) {
      this.backends.set(name, { serviceKey: servers.backend.serviceKey, portName: servers.backend.portName, ...(servers.through === undefined ? {} : { through: servers.through }), ...(servers.outliers === undefined ? {} : { outliers: servers.outliers }) });
      for (const text of servers.lines ?? []) made.push({ text: `  ${text}` });
      made.push({ text: '', servers: { backend: name, options: servers.options } });
    }
    this.sections.set(name, [...made, { text: '' }]);
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
  return (slots.get(backend) ?? []).map((endpoint, index) => ({ text: endpoint === undefined ? `  server s${index} ${gatewayIp}:1 disabled${options}` : `  server s${index} ${keyOf(askedFor(endpoint))}${weightOf(endpoint) === 1 ? '' : ` weight ${weightOf(endpoint)}`}${options}` }));
}
