/**
 * The configuration of HAProxy as text, and its runtime commands. Pure. A server is a slot: there are more of them than endpoints, so that
 * endpoints come and go by commands, and only a new port, or many more endpoints, need a reload (which passes the listeners on).
 */
export interface Endpoint {
  address: string;
  port: number;
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
}

/** What HAProxy has loaded: per frontend its slots, by index; undefined is a free one. */
export type Slots = Map<string, (Endpoint | undefined)[]>;

export interface ProxyFacts {
  gatewayIp: string;
  socket: string;
}

const SPARE = 8;

export function configurationOf(frontends: readonly Frontend[], facts: ProxyFacts, slots: Slots): string {
  const head = [
    'global', `  stats socket ${facts.socket} mode 600 level admin expose-fd listeners`, '  maxconn 8192', '  hard-stop-after 1h', '',
    'defaults', '  mode tcp', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h', '  retries 3', '  option redispatch 1', '',
  ];
  const sections = frontends.flatMap((frontend) => {
    const lines = [`listen ${frontend.name}`, `  bind ${facts.gatewayIp}:${frontend.listenPort}`, '  balance leastconn'];
    if (frontend.stickySeconds !== undefined) lines.push(`  stick-table type ip size 100k expire ${frontend.stickySeconds}s`, '  stick on src');
    (slots.get(frontend.name) ?? []).forEach((endpoint, index) => {
      lines.push(endpoint === undefined ? `  server s${index} ${facts.gatewayIp}:1 disabled` : `  server s${index} ${endpoint.address}:${endpoint.port}`);
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
  const shape = (frontends: readonly Frontend[]): string => frontends.map(({ name, listenPort, stickySeconds }) => `${name} ${listenPort} ${stickySeconds ?? ''}`).sort().join('\n');
  return shape(loaded) !== shape(wanted) || wanted.some(({ name, endpoints }) => endpoints.length > (slots.get(name)?.length ?? 0));
}

/** The runtime commands that bring the slots to what is wanted; `slots` is brought along. Connections of a slot that is given up go on. */
export function commandsFor(wanted: readonly Frontend[], slots: Slots): string[] {
  const commands: string[] = [];
  for (const { name, endpoints } of wanted) {
    const own = slots.get(name) ?? [];
    const keys = new Set(endpoints.map(keyOf));
    own.forEach((endpoint, index) => {
      if (endpoint === undefined || keys.delete(keyOf(endpoint))) return;
      commands.push(`set server ${name}/s${index} state maint`);
      own[index] = undefined;
    });
    for (const endpoint of endpoints.filter((each) => keys.has(keyOf(each)))) {
      const index = own.indexOf(undefined);
      commands.push(`set server ${name}/s${index} addr ${endpoint.address} port ${endpoint.port}`, `set server ${name}/s${index} state ready`);
      own[index] = endpoint;
    }
  }
  return commands;
}

function keyOf({ address, port }: Endpoint): string {
  return `${address}:${port}`;
}
