/**
 * The name server of the cluster: answers a second and their p99, of cluster IPs and of a headless Service of 20 pods, asked by sixteen clients, each with one
 * question under way; beside it dnsmasq with the same names in a file. The asking program has one of the cores.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const exec = promisify(execFile);
const LOAD = join(import.meta.dirname, 'support/dns-load.ts');
const DNSMASQ = '/usr/sbin/dnsmasq';
const SERVICES = 200;
const MEMBERS = 20;
const ROUNDS = 5;
const SECONDS = 2;
const CLIENTS = 16;

interface Measured { perSecond: number; p99Ms: number; empty: number; lost: number }

export async function run(): Promise<BenchResult> {
  const llmos = await bootInstance();
  const folder = mkdtempSync(join(tmpdir(), 'llmos-bench-'));
  let peer: ChildProcess | undefined;
  try {
    const names = await fill(llmos);
    const headless = ['many.default.svc.cluster.local'];
    const server = (await llmos.kubectl('get', 'endpoints', '-n', 'kube-system', 'kube-dns', '-o', 'jsonpath={.subsets[0].addresses[0].ip} {.subsets[0].ports[0].port}')).stdout.split(' ') as [string, string];
    peer = startPeer(folder, names);
    const values = new Map<string, { rate: number[]; p99: number[] }>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [what, [address, port], asked] of [['clusterIps', server, names], ['headless', server, headless], ...(peer === undefined ? [] : [['peer', ['127.0.0.1', '5353'], names] as const])] as const) {
        const measured = await load(address, port, asked);
        const own = values.get(what) ?? { rate: [], p99: [] };
        values.set(what, own);
        own.rate.push(measured.perSecond);
        own.p99.push(measured.p99Ms);
        process.stderr.write(`round ${round + 1} ${what}: ${Math.round(measured.perSecond)} a second, p99 ${measured.p99Ms.toFixed(2)} ms\n`);
      }
    }
    const figures = (what: string, as = what): Record<string, Figure> => ({ [as]: figureOf('answers/s', values.get(what)!.rate), [`${as}P99`]: figureOf('ms', values.get(what)!.p99) });
    return resultOf('dns', { ...figures('clusterIps'), ...figures('headless') }, peer === undefined ? {} : { dnsmasq: figures('peer', 'clusterIps') });
  } finally {
    peer?.kill('SIGKILL');
    await llmos.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes Services, and a headless one with endpoints by hand; gives the names of the former. */
async function fill(llmos: Instance): Promise<string[]> {
  const names = Array.from({ length: SERVICES }, (_, index) => `web-${index}`);
  const items: object[] = names.map((name) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } }));
  items.push({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'many' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
  items.push({
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'many-1', labels: { 'kubernetes.io/service-name': 'many' } }, addressType: 'IPv4',
    endpoints: Array.from({ length: MEMBERS }, (_, index) => ({ addresses: [`192.0.2.${index + 1}`], conditions: { ready: true } })), ports: [{ name: '', port: 80, protocol: 'TCP' }],
  });
  const { code, stderr } = await llmos.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), 'apply', '-f', '-');
  if (code !== 0) throw new Error(stderr);
  await sleep(1_000);
  return names.map((name) => `${name}.default.svc.cluster.local`);
}

function startPeer(folder: string, names: readonly string[]): ChildProcess | undefined {
  if (!existsSync(DNSMASQ)) {
    process.stderr.write('dnsmasq is not here and is left out; install it with: apt-get install dnsmasq-base\n');
    return undefined;
  }
  writeFileSync(join(folder, 'hosts'), names.map((name, index) => `10.9.0.${index + 1} ${name}\n`).join(''));
  return spawn(DNSMASQ, ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--listen-address=127.0.0.1', '--bind-interfaces', '--port=5353', `--addn-hosts=${join(folder, 'hosts')}`], { stdio: 'ignore' });
}

async function load(address: string, port: string, names: readonly string[]): Promise<Measured> {
  const { stdout } = await exec(process.execPath, [LOAD, address, port, String(SECONDS), String(CLIENTS), ...names]);
  const measured = JSON.parse(stdout) as Measured;
  if (measured.empty > 0 || measured.lost > 2) throw new Error(`${address}:${port} did not answer well: ${stdout}`);
  return measured;
}
