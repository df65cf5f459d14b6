/** What HAProxy says of a request or a connection: the line that it is asked for, and how that is read. Pure. */

/** One request, or one connection of a TCPRoute or TLSRoute, as HAProxy's line tells of it. */
export interface Access {
  /** `HTTPRoute`, `GRPCRoute`, `Ingress`, ...; '' where no route took it. */
  kind: string;
  namespace: string;
  name: string;
  /** Who was to answer, `namespace/name`; '' where no Service was, as for redirects. */
  service: string;
  /** The door by which it came: `namespace/name` of the Gateway, or `ingress`, and the port. */
  gateway: string;
  /** Whether it is a request, or a connection that nobody looks into. */
  protocol: 'HTTP' | 'TCP';
  /** 0 of connections, which have none. */
  status: number;
  durationMs: number;
  /** Until the backend's answer began, of connections until it was there; -1 where none did. */
  responseMs: number;
  bytesOut: number;
  bytesIn: number;
  /** `TCP` of connections. */
  method: string;
  /** How it ended, in HAProxy's letters: `--` is well. */
  ended: string;
  client: string;
  endpoint: string;
  /** As the backend got it; '' for what was refused before. */
  traceparent: string;
  /** Of the span that asked; '' where none did. */
  parentSpanId: string;
  host: string;
  path: string;
}

const FIELDS = ['%b', '%f', '%ST', '%Ta', '%Tr', '%B', '%U', '%tsc', '%ci', '%si:%sp', '%[var(txn.endpoint)]', '%[var(proc.tells)]', '%[var(txn.trace)]', '%[var(txn.parent)]', '%HM', '%[var(txn.host),bytes(0,255)]', '%HP'];
/** The line, as `log-format` wants it. What clients choose comes last, so that it cannot shift what comes before, nor push it out of a line, which is cut where it is too long. */
export const LOG_FORMAT = FIELDS.join('\t');
/** What is said of connections in the place of what requests alone have. */
const OF_CONNECTIONS: Readonly<Record<string, string>> = { '%ST': '%ts', '%Ta': '%Tt', '%Tr': '%Tc', '%HM': 'TCP', '%tsc': '%ts', '%HP': '-' };
/** The line about a connection: its status is how it ended. */
export const CONNECTION_FORMAT = FIELDS.map((field) => OF_CONNECTIONS[field] ?? field).join('\t');

/** In which hold a process said it (`Counts.hold`); 0 for none. */
export const holdOf = (line: string): number => Number(line.split('\t', HOLD + 1)[HOLD]) || 0;
const HOLD = FIELDS.indexOf('%[var(proc.tells)]');
/** What every line has. */
const WHOLE = FIELDS.indexOf('%HM') + 1;

/** undefined for lines that are none, such as those of HAProxy's own client, which sends copies. */
export function parseAccess(line: string): Access | undefined {
  const words = line.split('\t');
  if (words.length < WHOLE) return undefined;
  const [backend = '', frontend = '', status = '', duration = '', response = '', bytesOut = '', bytesIn = '', ended = '', client = '', asked = '', endpoint = '-', _hold, traceparent = '', parent = '', method = '', host = '', ...path] = words;
  return {
    ...ownerOf(backend), ...doorOf(frontend), status: Number(status) || 0, durationMs: Number(duration), responseMs: Number(response), bytesOut: Number(bytesOut), bytesIn: Number(bytesIn),
    method, ended, client, endpoint: endpoint === '-' ? asked : endpoint, traceparent: traceparent === '-' ? '' : traceparent, parentSpanId: parent === '-' ? '' : parent, host: host === '-' ? '' : host, path: path.join('\t'),
  };
}

export type Owner = Pick<Access, 'kind' | 'namespace' | 'name' | 'service' | 'gateway' | 'protocol'>;

export function ownerOf(backend: string): Omit<Owner, 'gateway' | 'protocol'> {
  const [kind = '', namespace = '', name = '', ...rest] = backend.split(':');
  if (!/^[A-Z]/.test(kind)) return NOBODY;
  const to = rest.indexOf(TO);
  return { kind, namespace, name, service: to < 0 ? '' : rest.slice(to + 1, to + 3).join('/') };
}

export const NOBODY = { kind: '', namespace: '', name: '', service: '' };
const TO = 'to';
/** What the name of a backend ends with, so that its lines and counts tell of the Service. */
export const toService = (serviceKey: string): string => `:${TO}:${serviceKey.replace('/', ':')}`;

/** The name of a door of connections says before its own what is done with them. */
export function doorOf(frontend: string): Pick<Owner, 'gateway' | 'protocol'> {
  const words = frontend.replace(/~$/, '').split(':');
  const own = words.slice(-3);
  return { gateway: own.length < 3 ? own.join(':') : `${own.slice(0, -1).join('/')}:${own.at(-1)}`, protocol: words.length > 3 ? 'TCP' : 'HTTP' };
}
