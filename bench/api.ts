/**
 * The speed of the API: operations a second and p99 in ms, over TLS from another process, on objects of 2.1 KB. A list is 1,000 objects;
 * a watch is 1,000 watchers of one object: events a second as fast as it goes, and the p99 at 10 updates a second, from the write of
 * the update to the arrival of each event, once more with the client on one core. Beside it, by the same load: a bare Node TLS server that answers the same bytes and does nothing else,
 * which is the ceiling; upstream's own API machinery over etcd with a custom resource; and etcd alone by its JSON gateway.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { Namespace } from '../src/api/core/namespace.ts';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { openConnection, runLoad, targetOf, versionIn, type Connection, type Load, type Target } from './support/load.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { startBareServer, withPort } from './support/bare-server.ts';
import { callOf, ended, etcd, kubernetesApi, withDaemon, type Daemon } from './support/daemons.ts';
import { cpuMs, pidsOf, residentMib } from './support/processes.ts';
import { measureWatches } from './support/watchers.ts';

const DURATION_MS = 8_000;
const PEER_DURATION_MS = 4_000;
/** Memory grows with the objects: who is faster must not have more of them. */
const MOST_CREATED = 10_000;
const BODY_BYTES = 1_500;
const LIST = 1_000;
/** Boot goes on in the background for a while: it makes sandboxes ready for pods. */
const SETTLE_MS = 8_000;
const WATCHERS = 1_000;
const BURST = 200;
const IDLE_WATCHES = 500;
const RESIDENT_EVERY_MS = 250;
const PATH = '/api/v1/namespaces/bench/configmaps';
const NOTE = 'bench.llmos.dev/v1';

/** What the load speaks to: where, what of, and how long. */
interface Served {
  name: string;
  target: Target;
  /** The path of the collection. */
  path: string;
  object(name: string, n: number, resourceVersion?: string): string;
  /** The processes of the server. */
  pids: readonly number[];
  durationMs: number;
}

/** The same operations of upstream's own API machinery 1.36 over etcd 3.5 on a machine of 2 cores and 24 GiB, single runs of November 2026. */
const UPSTREAM = {
  create1: [153, 22], create16: [541, 87], create64: [467, 335], update16: [293, 179], get16: [1_329, 30], list1000: [13, 140], list16: [19, 1_168],
} as const;
const UPSTREAM_WATCH = { perSecond: 27_500, p99Ms: 143 };

export async function run(): Promise<BenchResult> {
  const peers: BenchResult['peers'] = { 'kubernetes-1.36 (anchor)': anchor() };
  const instance = await bootInstance();
  let figures: Record<string, Figure>;
  try {
    await instance.client.create(Namespace, { metadata: { name: 'bench' } } as Namespace);
    await sleep(SETTLE_MS);
    const served: Served = { name: 'llmos', target: targetOf(instance.kubeconfig), path: PATH, object: configMap, pids: pidsOf(instance.pid), durationMs: DURATION_MS };
    figures = await underLoad(instance, () => measure(served));
    peers['bare-node-tls'] = await measureBare(instance, served);
    // Last, in a process of its own: memory that the load left free would hide what they take.
    await instance.kill('SIGTERM');
    await instance.boot();
    await sleep(SETTLE_MS);
    Object.assign(figures, await idleWatches(instance, served));
  } finally {
    await instance.destroy();
  }
  const machinery = await withDaemon(kubernetesApi, measureMachinery);
  if (machinery !== undefined) peers[kubernetesApi.name] = machinery;
  const store = await withDaemon(etcd, measureEtcd);
  if (store !== undefined) peers['etcd alone'] = store;
  return resultOf('api', figures, peers);
}

async function measure({ name: who, target, path, object, pids, durationMs }: Served): Promise<Record<string, Figure>> {
  const figures: Record<string, Figure> = {};
  const load = async (name: string, concurrency: number, request: Load['request'], most?: number): Promise<void> => {
    Object.assign(figures, await loaded(who, name, { target, pids }, { concurrency, durationMs, request, most }));
  };
  for (const concurrency of [1, 16, 64]) {
    await load(`create${concurrency}`, concurrency, (n) => ({ method: 'POST', path, body: object(`c${concurrency}-${n}`, n) }), MOST_CREATED);
    await clear(target, path);
  }
  const versions = await fill(target, path, object);
  const nameOf = (n: number): string => `fill-${n % LIST}`;
  Object.assign(figures, await loaded(who, 'update16', { target, pids }, {
    concurrency: 16, durationMs,
    request: (n) => ({ method: 'PUT', path: `${path}/${nameOf(n)}`, body: object(nameOf(n), n, versions.get(nameOf(n))) }),
    answered: (n, text) => versions.set(nameOf(n), versionIn(text)),
  }));
  await load('get16', 16, (n) => ({ method: 'GET', path: `${path}/fill-${n % LIST}` }));
  await load('list1000', 1, () => ({ method: 'GET', path }));
  await load('list16', 16, () => ({ method: 'GET', path }));
  const { latencies, apartLatencies, perSecond } = await measureWatches(target, {
    path, name: 'fill-0', body: (n, version) => object('fill-0', n, version), watchers: WATCHERS, updatesPerSecond: 10, durationMs, burst: BURST,
  });
  const latency = figureOf('ms', latencies);
  const apart = figureOf('ms', apartLatencies);
  figures['watch1000'] = figureOf('ops/s', perSecond);
  figures['watch1000P99'] = { ...latency, median: latency.p99 };
  figures['watch1000ApartP99'] = { ...apart, median: apart.p99 };
  console.error(`${who} watch1000: ${Math.round(figures['watch1000'].median)} events a second; at 10 updates a second p50 ${latency.median} ms, p99 ${latency.p99} ms; with the client on one core p50 ${apart.median} ms, p99 ${apart.p99} ms`);
  return figures;
}

async function loaded(who: string, name: string, { target, pids }: Pick<Served, 'target' | 'pids'>, load: Load): Promise<Record<string, Figure>> {
  const before = cpuMs(pids);
  const { perSecond, latency } = await runLoad(target, load);
  const cpu = figureOf('ms/op', [(cpuMs(pids) - before) / latency.n]);
  console.error(`${who} ${name}: ${Math.round(perSecond.median)} a second, p50 ${latency.median} ms, p99 ${latency.p99} ms; ${cpu.median} ms of cpu each`);
  return { [name]: perSecond, [`${name}P99`]: { ...latency, median: latency.p99 }, [`${name}Cpu`]: cpu };
}

/** The work's figures, and the most memory that was resident meanwhile. */
async function underLoad(instance: Instance, work: () => Promise<Record<string, Figure>>): Promise<Record<string, Figure>> {
  const pids = pidsOf(instance.pid);
  const resident: number[] = [];
  const timer = setInterval(() => resident.push(residentMib(pids)), RESIDENT_EVERY_MS);
  try {
    const figures = await work();
    console.error(`llmos memory under load: ${Math.max(...resident).toFixed(0)} MiB at most`);
    return { ...figures, memoryUnderLoad: figureOf('MiB', resident) };
  } finally {
    clearInterval(timer);
  }
}

/**
 * What a watch costs on which nothing happens, in KiB: each a stream of one HTTP/2 connection, as client-go has it, and each with a TLS
 * connection of its own.
 */
async function idleWatches(instance: Instance, { target }: Served): Promise<Record<string, Figure>> {
  const pids = pidsOf(instance.pid);
  const watch = '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0';
  const perRound = async (name: string, open: () => Promise<() => void>): Promise<Figure> => {
    const kib: number[] = [];
    const close: (() => void)[] = [];
    for (let round = 0; round < 3; round += 1) {
      const before = residentMib(pids);
      close.push(await open());
      await sleep(2_000);
      kib.push(((residentMib(pids) - before) * 1_024) / IDLE_WATCHES);
    }
    for (const each of close) each();
    await sleep(2_000);
    console.error(`${name}: ${kib.map((each) => each.toFixed(1)).join(', ')} KiB`);
    return figureOf('KiB', kib);
  };
  const streams = await perRound('idle watch, a stream', async () => {
    const session = connectHttp2(`https://${target.host}:${target.port}`, { ...target.tls, ALPNProtocols: ['h2'] });
    for (let n = 0; n < IDLE_WATCHES; n += 1) {
      const stream = session.request({ ':path': watch });
      stream.on('error', () => {});
      await new Promise((heard) => stream.once('response', heard));
    }
    return () => session.destroy();
  });
  const connections = await perRound('idle watch, a connection', async () => {
    const opened: Connection[] = [];
    for (let n = 0; n < IDLE_WATCHES; n += 1) {
      const connection = await openConnection(target);
      connection.start('GET', watch);
      opened.push(connection);
    }
    return () => opened.forEach((connection) => connection.close());
  });
  return { idleWatch: streams, idleWatchConnection: connections };
}

/** The ceiling: the same load on a server that only answers bytes, those that llmos gave. */
async function measureBare(instance: Instance, served: Served): Promise<Record<string, Figure>> {
  const { target, path } = served;
  const pki = (name: string): string => readFileSync(join(instance.state, 'pki', name), 'utf8');
  const [object, list] = [await callOf(target, 'GET', `${path}/fill-0`), await callOf(target, 'GET', path)];
  const { port, child } = await startBareServer({ ca: pki('ca.crt'), cert: pki('apiserver.crt'), key: pki('apiserver.key') }, { object: object.text, list: list.text });
  try {
    return await measure({ ...served, name: 'bare-node-tls', target: withPort(target, port), pids: [child.pid ?? 0], durationMs: PEER_DURATION_MS });
  } finally {
    await ended(child);
  }
}

async function measureMachinery({ target, processes }: Daemon): Promise<Record<string, Figure>> {
  const at = target as Target;
  const schema = { type: 'object', properties: { data: { type: 'object', additionalProperties: { type: 'string' } } } };
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'notes.bench.llmos.dev' },
    spec: { group: 'bench.llmos.dev', scope: 'Namespaced', names: { plural: 'notes', singular: 'note', kind: 'Note', listKind: 'NoteList' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }] },
  };
  const made = await callOf(at, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', JSON.stringify(crd));
  if (made.status !== 201) throw new Error(`the definition was not taken: ${made.text.slice(0, 300)}`);
  const path = '/apis/bench.llmos.dev/v1/namespaces/bench/notes';
  for (let tries = 0; (await callOf(at, 'GET', path)).status !== 200; tries += 1) {
    if (tries > 100) throw new Error('the custom resource was not served');
    await sleep(100);
  }
  await sleep(3_000);
  const pids = processes.map(({ pid }) => pid ?? 0);
  return measure({ name: 'kubernetes', target: at, path, pids, object: (name, n, version) => configMap(name, n, version, { apiVersion: NOTE, kind: 'Note' }), durationMs: PEER_DURATION_MS });
}

/** The same objects as plain values, by POST of JSON with base64 in it: etcd knows no kinds, and answers a put with no object. */
async function measureEtcd({ target: at, processes }: Daemon): Promise<Record<string, Figure>> {
  const target = at as Target;
  const pids = processes.map(({ pid }) => pid ?? 0);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const put = (name: string, n: number): ReturnType<Load['request']> => ({ method: 'POST', path: '/v3/kv/put', body: JSON.stringify({ key: base64(`/bench/${name}`), value: base64(configMap(name, n)) }) });
  const range = (from: string, to?: string): ReturnType<Load['request']> => ({ method: 'POST', path: '/v3/kv/range', body: JSON.stringify({ key: base64(from), ...(to === undefined ? {} : { range_end: base64(to) }) }) });
  const figures: Record<string, Figure> = {};
  const load = async (name: string, concurrency: number, request: Load['request']): Promise<void> => {
    Object.assign(figures, await loaded('etcd', name, { target, pids }, { concurrency, durationMs: PEER_DURATION_MS, request }));
  };
  for (const concurrency of [1, 16, 64]) await load(`create${concurrency}`, concurrency, (n) => put(`c${concurrency}-${n}`, n));
  const connection = await openConnection(target);
  for (let n = 0; n < LIST; n += 1) {
    const { method, path, body } = put(`fill-${n}`, n);
    await connection.send(method, path, body);
  }
  connection.close();
  await load('update16', 16, (n) => put(`fill-${n % LIST}`, n));
  await load('get16', 16, (n) => range(`/bench/fill-${n % LIST}`));
  await load('list1000', 1, () => range('/bench/fill-', '/bench/fill.'));
  await load('list16', 16, () => range('/bench/fill-', '/bench/fill.'));
  return figures;
}

async function fill(target: Target, path: string, object: Served['object']): Promise<Map<string, string | undefined>> {
  const versions = new Map<string, string | undefined>();
  const connection = await openConnection(target);
  for (let n = 0; n < LIST; n += 1) versions.set(`fill-${n}`, versionIn((await connection.send('POST', path, object(`fill-${n}`, n))).text));
  connection.close();
  return versions;
}

async function clear(target: Target, path: string): Promise<void> {
  const connection = await openConnection(target);
  await connection.send('DELETE', path);
  connection.close();
}

const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' };

function configMap(name: string, n: number, resourceVersion?: string, type = CONFIG_MAP): string {
  const filler = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(Math.ceil(BODY_BYTES / 36)).slice(0, BODY_BYTES);
  return JSON.stringify({ ...type, metadata: { name, namespace: 'bench', resourceVersion, labels: { app: 'bench' } }, data: { sequence: String(n), filler } });
}

function anchor(): Record<string, Figure> {
  const only = (unit: string, value: number): Figure => ({ unit, median: value, p99: value, min: value, max: value, n: 1 });
  const figures: Record<string, Figure> = { watch1000: only('ops/s', UPSTREAM_WATCH.perSecond), watch1000P99: only('ms', UPSTREAM_WATCH.p99Ms) };
  for (const [name, [perSecond, p99]] of Object.entries(UPSTREAM)) {
    figures[name] = only('ops/s', perSecond);
    figures[`${name}P99`] = only('ms', p99);
  }
  return figures;
}
