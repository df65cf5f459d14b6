/**
 * Scheduling through the door: 1,000 pods on 50 nodes, which are objects without agents, made and watched over TLS. Once with the scheduler held back
 * until all pods are there, from then to the last binding seen on a watch, as kube-scheduler alone was measured; and once at work while pods
 * are made on 16 connections, from the first create to the last binding.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Namespace } from '../src/api/core/namespace.ts';
import { Node } from '../src/api/core/node.ts';
import { Pod } from '../src/api/core/pod.ts';
import { ServiceAccount } from '../src/api/core/service-account.ts';
import { bootInstance, eventually, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { openConnection, targetOf } from './support/load.ts';
import { cpuMs, pidsOf } from './support/processes.ts';

const NODES = Number(process.env['LLMOS_BENCH_NODES'] ?? 50);
const PODS = Number(process.env['LLMOS_BENCH_PODS'] ?? 1_000);
const CONNECTIONS = 16;
const ROUNDS = Number(process.env['LLMOS_BENCH_ROUNDS'] ?? 5);

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance({ config: 'modules:\n  node:\n    readySandboxes: 0\n' });
  try {
    for (let n = 0; n < NODES; n += 1) await addNode(instance, n);
    const held: Measured[] = [];
    const flowing: Measured[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      held.push(await oneRound(instance, `held-${round}`, { held: true }));
      flowing.push(await oneRound(instance, `flowing-${round}`, { held: false }));
      console.error(`round ${round}: ${held.at(-1)!.perSecond.toFixed(0)} pods/s, while they are made ${flowing.at(-1)!.perSecond.toFixed(0)} pods/s`);
    }
    const anchor = (unit: string, value: number): Figure => figureOf(unit, [value]);
    return resultOf('door-scheduling', {
      scheduled: figureOf('pods/s', held.map((each) => each.perSecond)), scheduledCpu: figureOf('ms cpu', held.map((each) => each.cpuMs)),
      madeAndScheduled: figureOf('pods/s', flowing.map((each) => each.perSecond)), madeAndScheduledCpu: figureOf('ms cpu', flowing.map((each) => each.cpuMs)),
    }, { 'kube-scheduler 1.20, limits lifted (anchor)': { scheduled: anchor('pods/s', 378), madeAndScheduled: anchor('pods/s', 225) }, 'kube-scheduler 1.20 (anchor)': { madeAndScheduled: anchor('pods/s', 55) } });
  } finally {
    await instance.destroy();
  }
}

interface Measured {
  perSecond: number;
  /** Of llmos, for each pod. */
  cpuMs: number;
}

async function oneRound(instance: Instance, namespace: string, { held }: { held: boolean }): Promise<Measured> {
  const { client } = instance;
  await client.create(Namespace, { metadata: { name: namespace } } as Namespace);
  await eventually(async () => (await client.list(ServiceAccount, { namespace })).items.length > 0, { what: 'a service account' });
  const control = await openConnection(targetOf(instance.kubeconfig));
  if (held) await control.send('DELETE', '/llmos/v1/modules/scheduler');
  await sleep(1_000);
  const bound = watchBindings(instance, namespace);
  const pids = pidsOf(instance.pid);
  let [fromMs, fromCpuMs] = [performance.now(), cpuMs(pids)];
  await makePods(instance, namespace);
  if (held) {
    await sleep(2_000);
    [fromMs, fromCpuMs] = [performance.now(), cpuMs(pids)];
    await control.send('POST', '/llmos/v1/modules', '{"name":"scheduler"}');
  }
  const untilMs = await bound.all;
  const spentMs = cpuMs(pids) - fromCpuMs;
  bound.stop();
  control.close();
  await client.delete(Namespace, namespace);
  await client.deleteCollection(Pod, { namespace, gracePeriodSeconds: 0 });
  await eventually(async () => (await client.list(Pod, { namespace })).items.length === 0, { timeoutMs: 60_000, what: 'an empty namespace' });
  return { perSecond: (PODS * 1_000) / (untilMs - fromMs), cpuMs: spentMs / PODS };
}

/** Settles when each of the pods has a node, with the time of the last. */
function watchBindings(instance: Instance, namespace: string): { all: Promise<number>; stop(): void } {
  const abort = new AbortController();
  const bound = new Set<string>();
  const all = (async () => {
    for await (const { type, object } of instance.client.watch(Pod, { namespace, signal: abort.signal })) {
      if (type === 'BOOKMARK' || !object.spec?.nodeName) continue;
      bound.add(object.metadata.name ?? '');
      if (bound.size === PODS) return performance.now();
    }
    throw new Error(`the watch ended when ${bound.size} pods were bound`);
  })();
  all.catch(() => {}); // told where it is awaited
  return { all, stop: () => abort.abort() };
}

async function makePods(instance: Instance, namespace: string): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const connection = await openConnection(targetOf(instance.kubeconfig));
    for (let n = next++; n < PODS; n = next++) {
      const { status, text } = await connection.send('POST', `/api/v1/namespaces/${namespace}/pods`, podText(n));
      if (status !== 201) throw new Error(`pod ${n} was not taken (${status}): ${text.slice(-300)}`);
    }
    connection.close();
  }));
}

function podText(n: number): string {
  return JSON.stringify({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${n}`, labels: { app: `web-${n % 20}` } },
    spec: { terminationGracePeriodSeconds: 0, nodeSelector: { bench: 'door' }, containers: [{ name: 'main', image: 'web:1', resources: { requests: { cpu: '100m', memory: '200Mi' } } }] },
  });
}

async function addNode(instance: Instance, n: number): Promise<void> {
  const name = `bench-${n}`;
  const amounts = { cpu: '32', memory: '64Gi', pods: '110' };
  await instance.client.create(Node, {
    apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { bench: 'door', 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${n % 3}` } },
    status: { capacity: amounts, allocatable: amounts, conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: new Date().toISOString() }] },
  } as Node);
}
