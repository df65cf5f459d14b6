/**
 * The speed of the API: operations a second and p99 in ms, over TLS from another process, on objects of 2.1 KB. A list is 1,000 objects;
 * a watch is 1,000 watchers of one object: events a second as fast as it goes, and the p99 at 10 updates a second, from the write of
 * the update to the arrival of each event.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { openConnection, runLoad, targetOf, type Load, type Target } from './support/load.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { measureWatches } from './support/watchers.ts';

const DURATION_MS = 8_000;
const BODY_BYTES = 1_500;
const LIST = 1_000;
/** Boot goes on in the background for a while: it makes sandboxes ready for pods. */
const SETTLE_MS = 8_000;
const WATCHERS = 1_000;
const BURST = 200;
const PATH = '/api/v1/namespaces/bench/configmaps';

/** The same operations of upstream's own API machinery 1.36 over etcd 3.5 on a machine of 2 cores and 24 GiB, single runs of November 2026. */
const UPSTREAM = {
  create1: [153, 22], create16: [541, 87], create64: [467, 335], update16: [293, 179], get16: [1_329, 30], list1000: [13, 140],
} as const;
const UPSTREAM_WATCH = { perSecond: 27_500, p99Ms: 143 };

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    await instance.client.create(await namespaceKind(), { metadata: { name: 'bench' } });
    await sleep(SETTLE_MS);
    const figures = await measure(targetOf(instance.kubeconfig));
    return resultOf('api', figures, { 'kubernetes-1.36 (anchor)': anchor() });
  } finally {
    await instance.destroy();
  }
}

async function namespaceKind(): Promise<Parameters<Instance['client']['create']>[0]> {
  const { Namespace } = await import('../src/api/core/namespace.ts');
  return Namespace as never;
}

async function measure(target: Target): Promise<Record<string, Figure>> {
  const figures: Record<string, Figure> = {};
  const load = async (name: string, concurrency: number, request: Load['request']): Promise<void> => {
    const { perSecond, latency } = await runLoad(target, { concurrency, durationMs: DURATION_MS, request });
    figures[name] = perSecond;
    figures[`${name}P99`] = { ...latency, median: latency.p99 };
    console.error(`${name}: ${Math.round(perSecond.median)} a second, p50 ${latency.median} ms, p99 ${latency.p99} ms`);
  };
  for (const concurrency of [1, 16, 64]) {
    await load(`create${concurrency}`, concurrency, (n) => ({ method: 'POST', path: PATH, body: configMap(`c${concurrency}-${n}`, n) }));
    await clear(target);
  }
  await fill(target, LIST);
  await load('update16', 16, (n) => ({ method: 'PUT', path: `${PATH}/fill-${n % LIST}`, body: configMap(`fill-${n % LIST}`, n) }));
  await load('get16', 16, (n) => ({ method: 'GET', path: `${PATH}/fill-${n % LIST}` }));
  await load('list1000', 1, () => ({ method: 'GET', path: PATH }));
  const { latencies, perSecond } = await measureWatches(target, {
    path: PATH, name: 'fill-0', body: (n) => configMap('fill-0', n), watchers: WATCHERS, updatesPerSecond: 10, durationMs: DURATION_MS, burst: BURST,
  });
  const latency = figureOf('ms', latencies);
  figures['watch1000'] = figureOf('ops/s', perSecond);
  figures['watch1000P99'] = { ...latency, median: latency.p99 };
  console.error(`watch1000: ${Math.round(figures['watch1000'].median)} events a second; at 10 updates a second p50 ${latency.median} ms, p99 ${latency.p99} ms`);
  return figures;
}

async function fill(target: Target, count: number): Promise<void> {
  const connection = await openConnection(target);
  for (let n = 0; n < count; n += 1) await connection.send('POST', PATH, configMap(`fill-${n}`, n));
  connection.close();
}

async function clear(target: Target): Promise<void> {
  const connection = await openConnection(target);
  await connection.send('DELETE', PATH);
  connection.close();
}

function configMap(name: string, n: number): string {
  const filler = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(Math.ceil(BODY_BYTES / 36)).slice(0, BODY_BYTES);
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'bench', labels: { app: 'bench' } }, data: { sequence: String(n), filler } });
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
