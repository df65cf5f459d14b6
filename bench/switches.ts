/**
 * Who comes in the very moment in which the rules of a Service change: how many new connections are refused, and how many SYNs are sent again, while endpoints, source ranges,
 * traffic policies and session affinity change many times a second, and while the whole table is written over that of an llmos before. A client and the pods have a network
 * namespace each; wrk connects anew for each request. LLMOS_SWITCH_SECONDS says how long each of them lasts, LLMOS_SWITCHES=NAME,NAME which.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Service, ServiceSpec } from '../src/api/generated/core-v1.ts';
import type { EndpointSlice } from '../src/api/generated/discovery-v1.ts';
import { silentLog } from '../src/base/log.ts';
import { startSync, type Sync } from '../src/modules/network/sync.ts';
import { memoryCache } from '../src/sdk/testing/memory-cache.ts';
import { inNetworkNamespaces } from '../src/sdk/testing/network-namespaces.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const exec = promisify(execFile);
const SECONDS = Number(process.env['LLMOS_SWITCH_SECONDS'] ?? 20);
const CONNECTIONS = 16;
/** Between two changes, which are gathered for 3 ms. */
const PAUSE_MS = 6;
const [BALANCED, PORT] = ['10.63.0.1', 80];
const ENDPOINTS = ['10.61.0.2', '10.61.0.3', '10.61.0.4'];
const TABLE = 'llsw0';

const service = (spec: Partial<ServiceSpec> = {}): Service => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { type: 'LoadBalancer', clusterIP: '10.62.0.9', clusterIPs: ['10.62.0.9'], ports: [{ port: PORT, protocol: 'TCP' }], ...spec }, status: { loadBalancer: { ingress: [{ ip: BALANCED }] } },
} as Service);
const slice = (nodeOf: (index: number) => string, isThere: (index: number) => boolean = () => true): EndpointSlice => ({
  metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4',
  endpoints: ENDPOINTS.map((address, index) => ({ addresses: [address], conditions: { ready: true }, nodeName: nodeOf(index) })).filter((_, index) => isThere(index)), ports: [{ name: '', port: 8080, protocol: 'TCP' }],
} as EndpointSlice);
const HERE = slice(() => 'n1');
const SPREAD = slice((index) => (index === 0 ? 'n1' : 'n2'));

/** What is set for the turn of that number. */
type Turn = (turn: number) => { service: Service; slice: EndpointSlice };
const isOdd = (turn: number): boolean => turn % 2 === 1;
const TURNS: Readonly<Record<string, Turn>> = {
  endpoints: (turn) => ({ service: service(), slice: slice(() => 'n1', (index) => index === 0 || (turn + index) % 3 > 0) }),
  ranges: (turn) => ({ service: service(isOdd(turn) ? { loadBalancerSourceRanges: ['192.0.2.0/24'] } : {}), slice: HERE }),
  policy: (turn) => ({ service: service({ externalTrafficPolicy: isOdd(turn) ? 'Local' : 'Cluster' } as Partial<ServiceSpec>), slice: SPREAD }),
  affinity: (turn) => ({ service: service({ sessionAffinity: isOdd(turn) ? 'ClientIP' : 'None' } as Partial<ServiceSpec>), slice: HERE }),
};

interface Account { changes: number; connections: number; failed: number; refused: number; sentAgain: number }

export async function run(): Promise<BenchResult> {
  for (const program of ['/usr/bin/wrk', '/usr/sbin/haproxy']) if (!existsSync(program)) throw new Error(`this bench needs ${program}; install it with: apt-get install wrk haproxy`);
  const [client, pods] = ['c', 'p'].map((letter) => `llsw${process.pid}${letter}`) as [string, string];
  const folder = mkdtempSync(join(tmpdir(), 'llmos-bench-'));
  const accounts: Record<string, Account> = {};
  await inNetworkNamespaces([client, pods], async () => {
    await layLinks(client, pods);
    writeFileSync(join(folder, 'web.cfg'), 'global\n  maxconn 4096\ndefaults\n  mode http\n  timeout client 1m\n  timeout server 1m\n  timeout connect 1s\nfrontend f\n  bind :8080\n  http-request return status 200 content-type text/plain string "hello"\n');
    const server = spawn('ip', ['netns', 'exec', pods, 'haproxy', '-db', '-f', join(folder, 'web.cfg')], { stdio: 'ignore' });
    try {
      await sleep(500);
      const wanted = process.env['LLMOS_SWITCHES']?.split(',') ?? [...Object.keys(TURNS), 'whole'];
      for (const name of wanted) {
        const turn = TURNS[name];
        accounts[name] = turn === undefined ? await wholeTables(client) : await changes(client, turn);
        process.stderr.write(`${name}: ${JSON.stringify(accounts[name])}\n`);
      }
    } finally {
      server.kill('SIGKILL');
      await exec('nft', ['destroy', 'table', 'ip', TABLE]).catch(() => exec('nft', ['delete', 'table', 'ip', TABLE]).catch(() => {}));
      rmSync(folder, { recursive: true, force: true });
    }
  });
  const figures: Record<string, Figure> = {};
  for (const [name, account] of Object.entries(accounts)) {
    for (const [what, count] of Object.entries(account) as [keyof Account, number][]) figures[`${name}${what[0]!.toUpperCase()}${what.slice(1)}`] = figureOf('count', [count]);
  }
  return resultOf('switches', figures);
}

/** The client reaches the machine, and by it the pods; both keep nothing of connections that ended. */
async function layLinks(client: string, pods: string): Promise<void> {
  const lines = [
    `link add swc type veth peer name eth0 netns ${client}`, 'addr add 192.0.2.1/24 dev swc', 'link set swc up',
    `link add swp type veth peer name eth0 netns ${pods}`, 'addr add 10.61.0.1/16 dev swp', 'link set swp up', 'link set lo up',
  ];
  await ip(['-batch', '-'], lines);
  await ip(['-n', client, '-batch', '-'], ['link set lo up', 'addr add 192.0.2.2/24 dev eth0', 'link set eth0 up', 'route add default via 192.0.2.1']);
  await ip(['-n', pods, '-batch', '-'], ['link set lo up', ...ENDPOINTS.map((each) => `addr add ${each}/16 dev eth0`), 'link set eth0 up', 'route add default via 10.61.0.1']);
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  for (const name of ['time_wait', 'close', 'last_ack', 'close_wait', 'fin_wait']) writeFileSync(`/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_${name}`, '1');
  await exec('ip', ['netns', 'exec', client, 'sh', '-c', 'echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range']);
}

function ip(args: readonly string[], lines: readonly string[]): Promise<unknown> {
  const done = exec('ip', [...args]);
  done.child.stdin?.end(`${lines.join('\n')}\n`);
  return done;
}

interface Rules { sync: Sync; set(turn: ReturnType<Turn>): void; end(): Promise<void> }

async function startRules(first: ReturnType<Turn>): Promise<Rules> {
  const [services, slices, stop] = [memoryCache<Service>(), memoryCache<EndpointSlice>(), new AbortController()];
  services.set(first.service);
  slices.set(first.slice);
  const sync = await startSync({
    services, slices, nft: 'nft', log: silentLog, signal: stop.signal, events: { event: () => {} },
    facts: { nodeName: 'n1', podCidr: '10.61.0.0/16', serviceCidr: '10.62.0.0/16', gatewayIp: '10.61.0.1', loadBalancerCidr: '10.63.0.0/24', table: TABLE, bridge: 'swp', seesBridged: true },
  });
  return {
    sync,
    set(turn) {
      services.set(turn.service);
      slices.set(turn.slice);
    },
    async end() {
      stop.abort('stop');
      await sync.settled();
    },
  };
}

async function changes(client: string, turn: Turn): Promise<Account> {
  const rules = await startRules(turn(0));
  try {
    return await underLoad(client, async (number) => {
      rules.set(turn(number));
      await rules.sync.idle();
      await sleep(PAUSE_MS);
    });
  } finally {
    await rules.end();
  }
}

/** As starts of llmos over the rules of the one before. */
async function wholeTables(client: string): Promise<Account> {
  const rules = await startRules({ service: service(), slice: HERE });
  await rules.end();
  return underLoad(client, async () => {
    const again = await startRules({ service: service(), slice: HERE });
    await again.end();
    await sleep(PAUSE_MS);
  });
}

async function underLoad(client: string, change: (number: number) => Promise<void>): Promise<Account> {
  const [again, unreachable] = [await sentAgain(client), toldUnreachable()];
  const load = exec('ip', ['netns', 'exec', client, 'wrk', '-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '-H', 'Connection: close', `http://${BALANCED}:${PORT}/`]);
  load.catch(() => {}); // heard below
  const ends = performance.now() + SECONDS * 1_000;
  let count = 0;
  while (performance.now() < ends) await change((count += 1));
  const { stdout } = await load;
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  const failed = number(/connect (\d+)/) + number(/read (\d+)/) + number(/write (\d+)/) + number(/timeout (\d+)/);
  return { changes: count, connections: number(/(\d+) requests in/), failed, refused: toldUnreachable() - unreachable, sentAgain: (await sentAgain(client)) - again };
}

/** How often the machine has told somebody that what he asked for is not to be had. */
function toldUnreachable(): number {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8').split('\n').filter((line) => line.startsWith('Icmp:')).map((line) => line.split(' '));
  return Number(values[names.indexOf('OutDestUnreachs')]);
}

/** SYNs that the namespace has sent more than once. */
async function sentAgain(namespace: string): Promise<number> {
  const { stdout } = await exec('ip', ['netns', 'exec', namespace, 'cat', '/proc/net/netstat']);
  const [names = [], values = []] = stdout.split('\n').filter((line) => line.startsWith('TcpExt:')).map((line) => line.split(' '));
  return Number(values[names.indexOf('TCPSynRetrans')]);
}
