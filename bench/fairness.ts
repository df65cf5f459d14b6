/**
 * What a calm user feels of another's flood: the p99 of small gets and creates, in ms, one each 10 ms on one connection, while another
 * user asks on 64 connections as fast as answers come, for each sort of flood. The ratios are against the same without any flood; target: under 3.
 */
import { fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootInstance } from '../test/fixtures/instance.ts';
import { openConnection, targetOf, type Connection, type Target } from './support/load.ts';
import type { Flood } from './support/flood.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const DURATION_MS = 2_500;
const ROUNDS = 4;
const EVERY_MS = 10;
const CONNECTIONS = 64;
const SETTLE_MS = 8_000;
const LEAD_MS = 1_000;
const LIST = 1_000;
const PATH = '/api/v1/namespaces/bench/configmaps';

const FLOODS: Readonly<Record<string, Flood['request']>> = {
  Gets: { method: 'GET', path: `${PATH}/fill-1` },
  Lists: { method: 'GET', path: PATH },
  Selects: { method: 'GET', path: `${PATH}?labelSelector=none!%3Dnone&limit=500` },
  Creates: { method: 'POST', path: PATH, body: configMap('flood-#', 1_500) },
  BigCreates: { method: 'POST', path: `${PATH}?dryRun=All`, body: configMap('big-#', 500_000) },
};

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    const admin = targetOf(instance.kubeconfig);
    const [calm, flooder] = await makeUsers(admin);
    await sleep(SETTLE_MS);
    const figures: Record<string, Figure> = {};
    const peer: Record<string, Figure> = {};
    for (const [name, request] of Object.entries(FLOODS)) {
      const [alone, under] = [noLatencies(), noLatencies()];
      const perSecond: number[] = [];
      // In turn, so that what else the machine does weighs on both.
      for (let round = 0; round < ROUNDS; round += 1) {
        await measure(calm, alone);
        const flood = startFlood(flooder, admin, request);
        // Waited for together: a flood that ends early fails the bench, and the instance is taken down all the same.
        const [rate] = await Promise.all([flood, sleep(LEAD_MS).then(() => measure(calm, under))]);
        perSecond.push(rate);
      }
      figures[`flood${name}`] = figureOf('ops/s', perSecond);
      for (const what of ['get', 'create'] as const) {
        const [ours, base] = [figureOf('ms', under[what]), figureOf('ms', alone[what])];
        figures[`${what}Under${name}P99`] = { ...ours, median: ours.p99 };
        peer[`${what}Under${name}P99`] = { ...base, median: base.p99 };
        console.error(`${what} under ${Math.round(figureOf('', perSecond).median)} ${name} a second: p50 ${ours.median} ms, p99 ${ours.p99} ms (alone ${base.median} and ${base.p99})`);
      }
    }
    return resultOf('fairness', figures, { 'without a flood': peer });
  } finally {
    await instance.destroy();
  }
}

/** Two users with the same rights, and things to ask for. */
async function makeUsers(admin: Target): Promise<[Target, Target]> {
  const connection = await openConnection(admin);
  const post = async (path: string, body: object): Promise<string> => {
    const { status, text } = await connection.send('POST', path, JSON.stringify(body));
    if (status >= 300) throw new Error(`${path}: ${text}`);
    return text;
  };
  await post('/api/v1/namespaces', { metadata: { name: 'bench' } });
  await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { metadata: { name: 'bench' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' }, subjects: [{ kind: 'Group', name: 'system:serviceaccounts:bench', apiGroup: 'rbac.authorization.k8s.io' }] });
  const user = async (name: string): Promise<Target> => {
    await post('/api/v1/namespaces/bench/serviceaccounts', { metadata: { name } });
    const text = await post(`/api/v1/namespaces/bench/serviceaccounts/${name}/token`, { spec: { expirationSeconds: 3_600 } });
    const { ca, ALPNProtocols } = admin.tls;
    return { ...admin, tls: { ca, ALPNProtocols }, token: /"token": *"([^"]+)"/.exec(text)?.[1] ?? '' };
  };
  for (let n = 0; n < LIST; n += 1) await post(PATH, JSON.parse(configMap(`fill-${n}`, 1_500)) as object);
  const users: [Target, Target] = [await user('calm'), await user('flood')];
  connection.close();
  return users;
}

/** Gives the requests a second that the flood got answered. */
function startFlood({ token, host, port }: Target, admin: Target, request: Flood['request']): Promise<number> {
  const child = fork(join(import.meta.dirname, 'support/flood.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  // The flood has to leave the server its core: a client machine of its own would.
  setPriority(child.pid ?? 0, 10);
  const flood: Flood = { target: { host, port, ...(token === undefined ? {} : { token }), caPem: String(admin.tls.ca) }, connections: CONNECTIONS, durationMs: DURATION_MS + LEAD_MS, request };
  child.send(flood);
  return new Promise((resolve, reject) => {
    child.once('message', (perSecond: number) => resolve(perSecond));
    child.once('exit', (code) => reject(new Error(`the flood ended with code ${code}`)));
  });
}

interface Latencies { get: number[]; create: number[] }

let made = 0;

function noLatencies(): Latencies {
  return { get: [], create: [] };
}

async function measure(target: Target, latencies: Latencies): Promise<void> {
  const connection = await openConnection(target);
  const endMs = performance.now() + DURATION_MS;
  for (let dueMs = performance.now(); dueMs < endMs; dueMs = Math.max(dueMs + EVERY_MS, performance.now())) {
    await sleep(Math.max(0, dueMs - performance.now()));
    const create = latencies.get.length > latencies.create.length;
    latencies[create ? 'create' : 'get'].push(await timed(connection, create));
  }
  connection.close();
}

async function timed(connection: Connection, create: boolean): Promise<number> {
  const fromMs = performance.now();
  const { status, text } = create ? await connection.send('POST', PATH, configMap(`calm-${(made += 1)}`, 1_500)) : await connection.send('GET', `${PATH}/fill-2`);
  if (status >= 300) throw new Error(`the calm user was answered ${status}: ${text}`);
  return performance.now() - fromMs;
}

function configMap(name: string, bytes: number): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { app: 'bench' } }, data: { filler: 'abcdefghijklmnopqrstuvwxyz0123456789'.repeat(Math.ceil(bytes / 36)).slice(0, bytes) } });
}
