/**
 * How costs grow with the number of objects: an instance is filled with ConfigMaps of 2.1 KB in a hundred namespaces, to 1,000, then to 10,000, ...,
 * 100,000; at each count, the cpu of a create, a get, an update and a list of one namespace that stays the same, a list of everything, the memory, and a
 * restart. Costs are in cpu time of the server, which other programs on the machine disturb less than rates. `tools/plot-scale.ts` draws them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace } from '../src/api/core/namespace.ts';
import { bootInstance, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { openConnection, runLoad, targetOf, type Load, type Target } from './support/load.ts';
import { cpuMs, pidsOf, residentMib } from './support/processes.ts';

const COUNTS = [1_000, 10_000, 25_000, 50_000, 75_000, 100_000];
const NAMESPACES = 100;
const SMALL = 100;
const CONNECTIONS = 16;
const DURATION_MS = 3_000;
const SETTLE_MS = 5_000;
const FILLER = 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(42).slice(0, 1_500);

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    for (let n = 0; n < NAMESPACES; n += 1) await instance.client.create(Namespace, { metadata: { name: `scale-${n}` } } as Namespace);
    await instance.client.create(Namespace, { metadata: { name: 'small' } } as Namespace);
    await sleep(SETTLE_MS);
    const target = targetOf(instance.kubeconfig);
    await create(target, 0, SMALL, () => 'small');
    const figures: Record<string, Figure> = {};
    for (const [index, count] of COUNTS.entries()) {
      const measured = await measure(instance, target, COUNTS[index - 1] ?? 0, count);
      console.error(`${count} objects: ${Object.entries(measured).map(([name, { median, unit }]) => `${name} ${median} ${unit}`).join(', ')}`);
      for (const [name, figure] of Object.entries(measured)) figures[`${name}${count}`] = figure;
    }
    return resultOf('scale', figures);
  } finally {
    await instance.destroy();
  }
}

async function measure(instance: Instance, target: Target, from: number, to: number): Promise<Record<string, Figure>> {
  const each = async (work: () => Promise<number>): Promise<Figure> => {
    const pids = pidsOf(instance.pid);
    const before = cpuMs(pids);
    const operations = await work();
    return figureOf('ms cpu', [(cpuMs(pids) - before) / operations]);
  };
  const load = (request: Load['request']) => async (): Promise<number> => (await runLoad(target, { concurrency: CONNECTIONS, durationMs: DURATION_MS, request })).latency.n;
  const pathOf = (n: number): string => `${collection(namespaceOf((n * 7_919) % to))}/o-${(n * 7_919) % to}`;
  const figures: Record<string, Figure> = {
    create: await each(async () => create(target, from, to, namespaceOf)),
    get: await each(load((n) => ({ method: 'GET', path: pathOf(n) }))),
    update: await each(load((n) => ({ method: 'PUT', path: pathOf(n), body: configMap(namespaceOf((n * 7_919) % to), (n * 7_919) % to, `updated-${n}`) }))),
    listNamespace: await each(load(() => ({ method: 'GET', path: collection('small') }))),
    listAll: await each(async () => {
      const connection = await openConnection(target);
      await connection.send('GET', '/api/v1/configmaps');
      connection.close();
      return 1;
    }),
  };
  await instance.kill('SIGTERM');
  await instance.boot();
  figures['boot'] = figureOf('ms', [instance.bootMs]);
  figures['bootCpu'] = figureOf('ms cpu', [cpuMs(pidsOf(instance.pid))]);
  await sleep(SETTLE_MS);
  figures['memory'] = figureOf('MiB', [residentMib(pidsOf(instance.pid))]);
  return figures;
}

const namespaceOf = (n: number): string => `scale-${n % NAMESPACES}`;
const collection = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

function configMap(namespace: string, n: number, sequence = String(n)): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `o-${n}`, namespace, labels: { app: 'bench' } }, data: { sequence, filler: FILLER } });
}

async function create(target: Target, from: number, to: number, namespace: (n: number) => string): Promise<number> {
  let next = from;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const connection = await openConnection(target);
    for (let n = next++; n < to; n = next++) {
      const { status, text } = await connection.send('POST', collection(namespace(n)), configMap(namespace(n), n));
      if (status !== 201) throw new Error(`object ${n} was not taken (${status}): ${text.slice(-300)}`);
    }
    connection.close();
  }));
  return to - from;
}
