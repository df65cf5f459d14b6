/**
 * A hundred changes of endpoints a second while wrk asks as fast as it can: by cluster IP (nftables), by a Service of HTTP that HAProxy carries, and by a Gateway; and by a Service
 * of TCP and a TCPRoute, with a connection for each request. At any moment three of
 * four pods are endpoints. What failed, how fast it went, and how many connections still came to a pod a while after it had left for good. Last the same for the Gateway while its HAProxy is
 * killed: what failed are the requests that it had.
 *
 * Each way is asked by a pod of its own, as users do, not by the machine: HAProxy has the machine's address, too, so what the machine asks by a cluster IP and what HAProxy
 * asks by the pod's would at such rates come to a pod from the same port within a minute. The kernel translates the first, so its clocks and numbers of the two do not go on from
 * each other, and the pod, which has closed the one before, takes the next for a part of it: it is answered after a second, when it is sent again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EndpointSlice } from '../src/api/kinds.ts';
import { importTestImage, TEST_IMAGE } from '../test/fixtures/image.ts';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const PODS = 4;
const SECONDS = 10;
const CHANGES_A_SECOND = 100;
const CONNECTIONS = 16;
const MOST_WRITING = 20;
/** How long a pod that left may still get what was on its way. */
const DRAIN_MS = 1_000;

const RESPONDER = 'global\n  maxconn 4096\ndefaults\n  mode http\n  timeout client 1m\n  timeout server 1m\n  timeout connect 1s\nfrontend asked\n  bind :8080\n  http-request return status 200 content-type text/plain string "hello"\nfrontend told\n  bind :8081\n  stats enable\n  stats uri /\n';
/** Programs of the machine in a pod. */
const pod = (name: string, command: readonly string[], more: object = {}): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    volumes: [...['usr', 'lib', 'lib64'].map((each) => ({ name: each, hostPath: { path: `/${each}` } })), { name: 'config', configMap: { name: 'responder' } }],
    containers: [{
      name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command,
      volumeMounts: [...['usr', 'lib', 'lib64'].map((each) => ({ name: each, mountPath: `/${each}`, readOnly: true })), { name: 'config', mountPath: '/config' }], ...more,
    }],
  },
});
const responder = (name: string): object => pod(name, ['/usr/sbin/haproxy', '-db', '-f', '/config/haproxy.cfg'], { readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 } });
const clientOf = (name: (typeof NAMES)[number]): string => `client-${nameOf(name)}`;
const client = (name: (typeof NAMES)[number]): object => pod(clientOf(name), ['/bin/busybox', 'sleep', '3600']);
const service = (name: string, annotations: Record<string, string>, more: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, annotations }, spec: { ports: [{ name: 'http', port: 80, targetPort: 8080, ...more }] } });
const NAMES = ['kernel', 'proxy', 'gateway', 'kernelTcp', 'proxyTcp', 'gatewayTcp'] as const;
const nameOf = (name: (typeof NAMES)[number]): string => name.replace('Tcp', '-tcp');
const GATEWAY = [
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }, { name: 'tcp', port: 9000, protocol: 'TCP' }] } },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'web' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'gateway', port: 80 }] }] } },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TCPRoute', metadata: { name: 'web' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'gateway-tcp', port: 80 }] }] } },
];

export async function run(): Promise<BenchResult> {
  for (const program of ['/usr/bin/wrk', '/usr/sbin/haproxy']) if (!existsSync(program)) throw new Error(`this bench needs ${program}; install it with: apt-get install wrk haproxy`);
  // With a connection for each request one client would have used all of its ports to an address in three seconds, and each is kept for a minute: then it is the client that waits, or cannot connect. After a second a port is used again.
  writeFileSync('/proc/sys/net/ipv4/tcp_tw_reuse', '1');
  const llmos = await bootInstance();
  try {
    importTestImage(llmos);
    const pods = Array.from({ length: PODS }, (_, index) => `web-${index}`);
    const items = [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'responder' }, data: { 'haproxy.cfg': RESPONDER } }, ...pods.map(responder), ...NAMES.map(client), service('kernel', {}, {}), service('proxy', { 'llmos.dev/load-balancing': 'least-connection' }, { appProtocol: 'http' }), service('gateway', {}, {}),
      service('kernel-tcp', {}, {}), service('proxy-tcp', { 'llmos.dev/load-balancing': 'least-connection' }, {}), service('gateway-tcp', {}, {}), ...GATEWAY];
    await ok(llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), 'apply', '-f', '-'));
    await ok(llmos.kubectl('wait', ...[...pods, ...NAMES.map(clientOf)].map((name) => `pod/${name}`), '--for=condition=Ready', '--timeout=60s'));
    const ips = (await ok(llmos.kubectl('get', ...['pods', ...pods], '-o', 'jsonpath={.items[*].status.podIP}'))).split(' ');
    for (const name of NAMES) await llmos.client.create(EndpointSlice, sliceOf(nameOf(name), ips));
    const field = (what: string, path: string): Promise<string> => ok(llmos.kubectl('get', what, '-o', `jsonpath={${path}}`));
    const clusterIp = async (name: (typeof NAMES)[number]): Promise<string> => `${await field(`service/${nameOf(name)}`, '.spec.clusterIP')}:80`;
    const gateway = await field('gateway/edge', '.status.addresses[0].value');
    const targets = { kernel: await clusterIp('kernel'), proxy: await clusterIp('proxy'), gateway: `${gateway}:80`, kernelTcp: await clusterIp('kernelTcp'), proxyTcp: await clusterIp('proxyTcp'), gatewayTcp: `${gateway}:9000` };
    await sleep(2_000); // the proxies may still be starting
    const figures: Record<string, Figure> = {};
    for (const name of NAMES) Object.assign(figures, await underChanges(llmos, { name, ips, target: targets[name] }));
    const killed = await Promise.all([wrk(llmos, 'gateway', targets.gateway), sleep(SECONDS * 500).then(() => process.kill(Number(readFileSync(join(llmos.run, 'gateway/haproxy/haproxy.pid'), 'utf8')), 'SIGKILL'))]);
    figures['gatewayKilledFailed'] = figureOf('requests', [killed[0].failed]);
    return resultOf('churn', figures);
  } finally {
    await llmos.destroy();
  }
}

const sliceOf = (name: string, ips: readonly string[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4', endpoints: ips.map((address) => ({ addresses: [address] })), ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
} as EndpointSlice);

async function underChanges(llmos: Instance, { name, ips, target }: { name: (typeof NAMES)[number]; ips: readonly string[]; target: string }): Promise<Record<string, Figure>> {
  const asked = wrk(llmos, name, target, name.endsWith('Tcp') ? ['-H', 'Connection: close'] : []);
  const began = performance.now();
  let changes = 0;
  const without = (left: number): Promise<unknown> => llmos.client.apply(EndpointSlice, sliceOf(nameOf(name), ips.filter((_, index) => index !== left)), { force: true });
  const writing = new Set<Promise<unknown>>();
  while (performance.now() - began < (SECONDS - 3) * 1_000) {
    const change = without(changes++ % PODS).finally(() => writing.delete(change));
    writing.add(change);
    // Who writes faster than is taken waits.
    if (writing.size >= MOST_WRITING) await Promise.race(writing);
    await sleep(Math.max(0, began + (changes * 1_000) / CHANGES_A_SECOND - performance.now()));
  }
  await Promise.all(writing);
  const perSecond = (changes * 1_000) / (performance.now() - began);
  // The last one stays away, while wrk goes on.
  const gone = ips[0] ?? '';
  await without(0);
  await sleep(DRAIN_MS);
  const before = await connectionsTo(gone);
  const { rate, failed, how } = await asked;
  const late = (await connectionsTo(gone)) - before;
  process.stderr.write(`${name}: ${Math.round(rate)} requests a second, ${failed} failed${how}, ${Math.round(perSecond)} changes a second, ${late} connections after the drain\n`);
  return { [`${name}Rate`]: figureOf('requests/s', [rate]), [`${name}Failed`]: figureOf('requests', [failed]), [`${name}Changes`]: figureOf('changes/s', [perSecond]), [`${name}Late`]: figureOf('connections', [late]) };
}

/** Connections that a pod has taken so far. */
async function connectionsTo(ip: string): Promise<number> {
  const [head = '', ...rows] = (await (await fetch(`http://${ip}:8081/;csv`)).text()).split('\n');
  const row = rows.find((each) => each.startsWith('asked,FRONTEND,'))?.split(',') ?? [];
  return Number(row[head.replace(/^# /, '').split(',').indexOf('conn_tot')]);
}

/** Connections stay open, as those of clients do: what was begun at a pod that leaves goes on there. An answer that takes more than 2 s is a timeout to wrk. */
async function wrk(llmos: Instance, name: (typeof NAMES)[number], target: string, more: readonly string[] = []): Promise<{ rate: number; failed: number; how: string }> {
  const stdout = await ok(llmos.kubectl('exec', clientOf(name), '--', '/usr/bin/wrk', '-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, ...more, `http://${target}/`));
  const [, ...errors] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? [];
  const failed = errors.reduce((sum, each) => sum + Number(each), Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0));
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]), failed, how: failed === 0 ? '' : ` (${stdout.match(/Socket errors: .*|Non-2xx.*/g)?.join('; ')})` };
}

async function ok(result: ReturnType<Instance['kubectl']>): Promise<string> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
