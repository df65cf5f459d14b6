/**
 * What an llmos with nothing deployed costs a minute after boot: memory of all its processes as if they were alone on the machine, and cpu
 * over the next minute. Beside it, in the same minutes, the daemons that a Kubernetes machine needs at least.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { bootInstance } from '../test/fixtures/instance.ts';
import { containerd, etcd, kubernetesApi, withDaemon, type Daemon, type DaemonKind } from './support/daemons.ts';
import { aloneMib, cpuMs, pidsOf, pssMib } from './support/processes.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const SETTLE_MS = 60_000;
const SAMPLE_MS = 6_000;
const SAMPLES = 10;

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    console.error('waiting a minute, then measuring for a minute');
    const [figures, ...peers] = await Promise.all([
      sample(() => pidsOf(instance.pid), 'llmos'),
      samplePeer(containerd),
      samplePeer(etcd),
    ]);
    // It brings an etcd of its own, and two minutes more.
    const api = await samplePeer(kubernetesApi);
    return resultOf('memory', figures, Object.fromEntries([...peers, api].filter((peer) => peer !== undefined)));
  } finally {
    await instance.destroy();
  }
}

async function samplePeer(kind: DaemonKind): Promise<[string, Record<string, Figure>] | undefined> {
  const figures = await withDaemon(kind, ({ processes }: Daemon) => sample(() => processes.map(({ pid }) => pid ?? 0), kind.name));
  return figures === undefined ? undefined : [kind.name, figures];
}

async function sample(pidsNow: () => number[], name: string): Promise<Record<string, Figure>> {
  await sleep(SETTLE_MS);
  const memory: number[] = [];
  const proportional: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < SAMPLES; round += 1) {
    const pids = pidsNow();
    const before = cpuMs(pids);
    await sleep(SAMPLE_MS);
    cpu.push(((cpuMs(pids) - before) / SAMPLE_MS) * 100);
    memory.push(aloneMib(pids));
    proportional.push(pssMib(pids));
  }
  console.error(`${name}: ${memory.at(-1)?.toFixed(1)} MiB`);
  return { idle: figureOf('MiB', memory), idlePss: figureOf('MiB', proportional), idleCpu: figureOf('percent', cpu) };
}
