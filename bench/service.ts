/**
 * What a Service costs: requests a second and p99 by wrk, straight to the pod, by its cluster IP (nftables), and by the address of a load balancer of least
 * connection, of TCP and of HTTP, and by a Gateway with ten routes; beside them HAProxy configured by hand: as barely as it goes, and as somebody would who wants the routes and that
 * requests are tried again, which HAProxy pays with a copy of each. The pod answers with HAProxy's own reply, so that it is no bottleneck of its own.
 * Each HAProxy's cpu for a request is told too, since that is the same whoever else wants the machine.
 *
 * What the kernel's path adds is less than what chance does to a second of wrk: on which cpu the kernel puts it, and who else wants it. So that path is
 * measured by itself, with client and server each on a cpu of its own, in many short rounds of three in changing order: by cluster IP and twice straight. Each round
 * is compared with itself. The second straight one tells how far two measurements of the same thing are apart.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importTestImage, TEST_IMAGE } from '../test/fixtures/image.ts';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { cpuMs } from './support/processes.ts';
import { comparePaths, wrk } from './support/wrk.ts';

const ROUNDS = 5;
const LOAD = { seconds: 2, connections: 16 };
const PAIRED = { ...LOAD, seconds: 1, rounds: 24 };
const [CLIENT_CPU, SERVER_CPU] = [0, availableParallelism() > 1 ? 1 : 0];

const responder = (global: string): string => `global\n  maxconn 4096\n${global}defaults\n  mode http\n  timeout client 1m\n  timeout server 1m\n  timeout connect 1s\nfrontend f\n  bind :8080\n  http-request return status 200 content-type text/plain string "hello"\n`;
const RESPONDERS = { 'web.cfg': responder(''), 'single.cfg': responder(`  nbthread 1\n  cpu-map 1 ${SERVER_CPU}\n`) };

const service = (name: string, annotations: Record<string, string> = {}, port = 80, more: object = {}, app = 'web'): object => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec: { type: Object.keys(annotations).length > 0 ? 'LoadBalancer' : 'ClusterIP', selector: { app }, ports: [{ port, targetPort: 8080, ...more }] },
});
const LEAST = { 'llmos.dev/load-balancing': 'least-connection' };

const ROUTES = [...Array.from({ length: 9 }, (_, index) => `/${index}`), '/'];

/** A Gateway with a route among others. */
const GATEWAY = [
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] } },
  ...ROUTES.map((path, index) => ({
    apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: `route-${index}` },
    spec: { parentRefs: [{ name: 'edge' }], rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }], backendRefs: [{ name: 'kernel', port: 80 }] }] },
  })),
];

const routeName = (path: string): string => `route-${path === '/' ? 'rest' : path.slice(1)}`;

/** What somebody would write who knows HAProxy: two that do the least, and two that try again what another endpoint may answer, one of them with the routes of the Gateway. */
function byHandText(address: string, folder: string): string {
  const careful = ['  retries 3', '  option redispatch 1', '  retry-on conn-failure empty-response', '  http-request disable-l7-retry if !{ method GET HEAD OPTIONS PUT DELETE }'];
  return [
    'global', '  maxconn 8192', 'defaults', '  mode tcp', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h',
    'listen tcp', '  bind 127.0.0.1:8099', '  balance leastconn', `  server s ${address}:8080`,
    'listen http', '  mode http', '  option forwardfor', '  bind 127.0.0.1:8098', '  balance leastconn', `  server s ${address}:8080`,
    'listen careful', '  mode http', '  option forwardfor', '  bind 127.0.0.1:8097', '  balance leastconn', ...careful, `  server s ${address}:8080`,
    'frontend routes', '  mode http', '  option forwardfor', '  bind 127.0.0.1:8096', '  http-request set-header X-Forwarded-Proto http', `  use_backend %[path,concat(/),map_beg(${folder}/routes.txt,${routeName('/')})]`,
    ...ROUTES.flatMap((path) => [`backend ${routeName(path)}`, '  mode http', ...careful, `  server s ${address}:8080`]), '',
  ].join('\n');
}

/** The machine's own haproxy with its libraries, in a pod. */
const pod = (name: 'web' | 'single'): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    volumes: [...['usr', 'lib', 'lib64'].map((name) => ({ name, hostPath: { path: `/${name}` } })), { name: 'config', configMap: { name: 'responder' } }],
    containers: [{
      name: 'server', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['/usr/sbin/haproxy', '-db', '-f', `/config/${name}.cfg`],
      volumeMounts: [...['usr', 'lib', 'lib64'].map((name) => ({ name, mountPath: `/${name}`, readOnly: true })), { name: 'config', mountPath: '/config' }],
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    }],
  },
});

export async function run(): Promise<BenchResult> {
  for (const program of ['/usr/bin/wrk', '/usr/sbin/haproxy']) if (!existsSync(program)) throw new Error(`this bench needs ${program}; install it with: apt-get install wrk haproxy`);
  const llmos = await bootInstance();
  const folder = mkdtempSync(join(tmpdir(), 'llmos-bench-'));
  let byHand: ReturnType<typeof spawn> | undefined;
  try {
    importTestImage(llmos);
    const objects = [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'responder' }, data: RESPONDERS }, pod('web'), pod('single'), service('kernel'), service('single', {}, 80, {}, 'single'), service('proxy', LEAST), service('http', LEAST, 81, { appProtocol: 'http' }), ...GATEWAY];
    await ok(llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), 'apply', '-f', '-'));
    await ok(llmos.kubectl('wait', 'pod/web', 'pod/single', '--for=condition=Ready', '--timeout=60s'));
    const address = await field(llmos, 'pod/web', '.status.podIP');
    writeFileSync(join(folder, 'routes.txt'), ROUTES.slice(0, -1).map((path) => `${path}/ ${routeName(path)}\n`).join(''));
    writeFileSync(join(folder, 'haproxy.cfg'), byHandText(address, folder));
    // A session of its own, as ours and any daemon has: where others want the cpus the kernel shares them out by session first (CONFIG_SCHED_AUTOGROUP), and in that of llmos it had the share that llmos did not want.
    byHand = spawn('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore', detached: true });
    const paired = await comparePaths({ direct: `${await field(llmos, 'pod/single', '.status.podIP')}:8080`, way: `${await field(llmos, 'service/single', '.spec.clusterIP')}:80` }, { ...PAIRED, cpu: CLIENT_CPU });
    const targets = {
      straight: `${address}:8080`, leastConnection: `${await field(llmos, 'service/proxy', '.status.loadBalancer.ingress[0].ip')}:80`, byHand: '127.0.0.1:8099',
      http: `${await field(llmos, 'service/http', '.status.loadBalancer.ingress[0].ip')}:81`, byHandHttp: '127.0.0.1:8098', byHandCareful: '127.0.0.1:8097', byHandRoutes: '127.0.0.1:8096', gateway: `${await field(llmos, 'gateway/edge', '.status.addresses[0].value')}:80`,
    };
    await sleep(1_000); // the proxy of the last service may still be starting
    const ours = (module: string): number => Number(readFileSync(join(llmos.run, module, 'haproxy/haproxy.pid'), 'utf8'));
    const [services, gateways, hand] = [ours('network'), ours('gateway'), byHand.pid ?? 0];
    const figures = await measure(targets, { leastConnection: services, http: services, gateway: gateways, byHand: hand, byHandHttp: hand, byHandCareful: hand, byHandRoutes: hand });
    const of = (name: keyof typeof targets, as: string): Record<string, Figure> => Object.fromEntries(['', 'P99', 'Cpu'].flatMap((what) => (figures[name + what] === undefined ? [] : [[as + what, figures[name + what] as Figure]])));
    return resultOf('service', { ...paired, ...of('leastConnection', 'leastConnection'), ...of('http', 'http'), ...of('gateway', 'gateway') },
      { direct: { clusterIp: paired['direct'] as Figure, clusterIpP99: paired['directP99'] as Figure, ...of('straight', 'leastConnection') }, 'haproxy by hand': { ...of('byHand', 'leastConnection'), ...of('byHandHttp', 'http'), ...of('byHandHttp', 'gateway') }, 'haproxy by hand that tries again': { ...of('byHandCareful', 'http'), ...of('byHandRoutes', 'gateway') } });
  } finally {
    byHand?.kill('SIGKILL');
    await llmos.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In turn, round by round, so that a busy moment of the machine meets all alike; with the cpu, in us a request, of those whose `pids` are known. */
async function measure(targets: Readonly<Record<string, string>>, pids: Readonly<Record<string, number>>): Promise<Record<string, Figure>> {
  const values = new Map<string, { rate: number[]; p99: number[]; cpu: number[] }>(Object.keys(targets).map((name) => [name, { rate: [], p99: [], cpu: [] }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of Object.entries(targets)) {
      const pid = pids[name];
      const beforeMs = pid === undefined ? 0 : cpuMs([pid]);
      const { rate, p99, requests } = await wrk(target, LOAD);
      const usEach = pid === undefined ? undefined : ((cpuMs([pid]) - beforeMs) * 1_000) / requests;
      const own = values.get(name);
      own?.rate.push(rate);
      own?.p99.push(p99);
      if (usEach !== undefined) own?.cpu.push(usEach);
      process.stderr.write(`round ${round + 1} ${name}: ${Math.round(rate)} requests a second, p99 ${p99} ms${usEach === undefined ? '' : `, ${usEach.toFixed(1)} us of cpu each`}\n`);
    }
  }
  return Object.fromEntries([...values].flatMap(([name, { rate, p99, cpu }]) => [[name, figureOf('requests/s', rate)], [`${name}P99`, figureOf('ms', p99)], ...(cpu.length === 0 ? [] : [[`${name}Cpu`, figureOf('us/request', cpu)]])]));
}

async function field(llmos: Instance, what: string, path: string): Promise<string> {
  return ok(llmos.kubectl('get', what, '-o', `jsonpath={${path}}`));
}

async function ok(result: ReturnType<Instance['kubectl']>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
