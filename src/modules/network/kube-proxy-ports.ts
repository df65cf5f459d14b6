/**
 * The two ports at which kube-proxy is asked how it is, for who expects it there: load balancers outside ask 10256 whether this machine is to be sent anything
 * (upstream: pkg/proxy/healthcheck, cmd/kube-proxy). They tell nothing that is secret, and take nothing in; still, who asks needs no name, so both are of the loopback
 * until the user says otherwise, where kube-proxy has 10256 on all addresses.
 */
import type { Server } from 'node:http';
import type { Node } from '../../api/generated/core-v1.ts';
import { aborted } from '../../base/aborted.ts';
import type { Clock } from '../../base/clock.ts';
import { createServer } from '../../base/http.ts';
import type { Log } from '../../base/log.ts';
import { isIP } from '../../api/ip.ts';
import { kubernetesNameOf } from './family.ts';
import type { RulesHealth } from './rules-progress.ts';

export interface PortAddress { host: string; port: number }

export interface PortSettings {
  /** Answers /healthz and /livez; undefined: nowhere. */
  healthz: PortAddress | undefined;
  /** Answers /metrics, /proxyMode and /healthz. */
  metrics: PortAddress | undefined;
}

export interface PortsInput {
  settings: PortSettings;
  health: RulesHealth;
  node(): Node | undefined;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

const HEALTHZ_PORT = 10_256;
const HEALTHZ = `127.0.0.1:${HEALTHZ_PORT}`;
const METRICS = '127.0.0.1:10249';
const MOST_PORT = 65_535;
const MOST_CONNECTIONS = 64;
/** How soon a port that somebody else has is tried again. */
const RETRY_MS = 10_000;
/** Set on a node before it goes (upstream: the cluster autoscaler). */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/** From KubeProxyConfiguration's words; '' for none. Throws when one is no address with a port. */
export function portSettings(config: Readonly<Record<string, unknown>>): PortSettings {
  const { healthzBindAddress = HEALTHZ, metricsBindAddress = METRICS } = config;
  return { healthz: addressOf('healthzBindAddress', healthzBindAddress), metrics: addressOf('metricsBindAddress', metricsBindAddress) };
}

function addressOf(name: string, text: unknown): PortAddress | undefined {
  if (text === '') return undefined;
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(typeof text === 'string' ? text : '') ?? [];
  const [host, number] = [six ?? four ?? '', Number(port)];
  if (isIP(host) !== (six === undefined ? 4 : 6) || number === 0 || number > MOST_PORT) throw new Error(`modules.network.${name} must be an address with a port such as 0.0.0.0:${HEALTHZ_PORT}, or '' for none, not ${JSON.stringify(text)}`);
  return { host, port: number };
}

/** Settles when the signal aborted and nobody is answered any more. A port that somebody else has is told of, and tried again. */
export async function serveKubeProxyPorts(input: PortsInput): Promise<void> {
  const asked = { healthz: new Map<number, number>(), livez: new Map<number, number>() };
  const { health, node, settings } = input;
  const told = (path: 'healthz' | 'livez'): Answer => {
    const isEligible = isToStay(node());
    const healthy = health.isHealthy();
    const [code, nowMs] = [healthy && (path === 'livez' || isEligible) ? 200 : 503, input.clock.nowMs()];
    asked[path].set(code, (asked[path].get(code) ?? 0) + 1);
    const status = Object.fromEntries(health.families().map((each) => [kubernetesNameOf(each.family), { lastUpdated: timeText(each.writtenMs), healthy: each.isHealthy }]));
    const said = { lastUpdated: timeText(code === 200 ? nowMs : health.lastWrittenMs()), currentTime: timeText(nowMs), ...(path === 'livez' ? {} : { nodeEligible: isEligible }), healthy };
    return { code, type: 'application/json', body: JSON.stringify({ ...said, ...(Object.keys(status).length === 0 ? {} : { status }) }) };
  };
  const plain = (body: string): Answer => ({ code: 200, type: 'text/plain; charset=utf-8', body });
  const counted = (): string => Object.entries(asked).map(([path, codes]) => `# TYPE kubeproxy_proxy_${path}_total counter\n${[...codes].map(([code, count]) => `kubeproxy_proxy_${path}_total{code="${code}"} ${count}\n`).join('')}`).join('');
  await Promise.all([
    serve(settings.healthz, { '/healthz': () => told('healthz'), '/livez': () => told('livez') }, input),
    serve(settings.metrics, { '/healthz': () => plain('ok'), '/proxyMode': () => plain('nftables'), '/metrics': () => plain(health.metrics() + counted()) }, input),
  ]);
}

interface Answer { code: number; type: string; body: string }

async function serve(address: PortAddress | undefined, paths: Readonly<Record<string, () => Answer>>, { clock, log, signal }: PortsInput): Promise<void> {
  if (address === undefined) return;
  const server = createServer((request, response) => {
    const path = paths[(request.url ?? '').split('?')[0] ?? ''];
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const { code, type, body } = path === undefined ? { code: 404, type: 'text/plain; charset=utf-8', body: '404 page not found\n' } : isRead ? path() : { code: 405, type: 'text/plain; charset=utf-8', body: 'Method Not Allowed\n' };
    response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
  server.maxConnections = MOST_CONNECTIONS;
  let failure: string | undefined;
  while (!signal.aborted) {
    const now = await listen(server, address);
    if (now === undefined) break;
    if (now !== failure) log.warn(`nobody is answered at port ${address.port}, where kube-proxy is asked how it is: ${now}`);
    failure = now;
    await clock.sleep(RETRY_MS, signal);
  }
  await aborted(signal);
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Why it does not listen. */
function listen(server: Server, { host, port }: PortAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve(error.message);
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      server.on('error', () => {});
      resolve(undefined);
    });
  });
}

/** Whether load balancers may go on sending to the machine: not when its node is about to go. */
function isToStay(node: Node | undefined): boolean {
  return node === undefined || (node.metadata.deletionTimestamp === undefined && !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED));
}

/** As Go writes times; undefined is its zero. */
function timeText(ms: number | undefined): string {
  return ms === undefined ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString();
}
