/**
 * What an idle pod costs beside its workload: memory of llmos and all that it started, with 50 idle pods and without, for each pod. Beside it, in
 * the same run and counted in the same way, podman and containerd's ctr with 50 idle containers of the same image.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '../src/api/core/pod.ts';
import { importTestImage } from '../test/fixtures/image.ts';
import { bootInstance, eventually } from '../test/fixtures/instance.ts';
import { podOf, removeAll } from './pod-start.ts';
import { aloneMib, pidsNaming, pidsOf } from './support/processes.ts';
import { withCtr, withPodman, type Runtime } from './support/runtimes.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const PODS = 50;
const ROUNDS = 3;
const PEER_ROUNDS = 2;
const SETTLE_MS = 20_000;
const PEER_SETTLE_MS = 5_000;

export async function run(): Promise<BenchResult> {
  const perIdlePod = await measurePods();
  const peers: BenchResult['peers'] = {};
  for (const [name, withRuntime] of Object.entries({ podman: withPodman, ctr: withCtr })) {
    const figures = await withRuntime(measureRuntime);
    if (figures !== undefined) peers[name] = figures;
  }
  return resultOf('pod-memory', { perIdlePod }, peers);
}

async function measurePods(): Promise<Figure> {
  const instance = await bootInstance();
  try {
    importTestImage(instance);
    const perPod: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(SETTLE_MS);
      const before = aloneMib(pidsOf(instance.pid));
      await Promise.all(Array.from({ length: PODS }, (_, n) => instance.client.create(Pod, podOf(`idle-${round}-${n}`))));
      await eventually(async () => (await instance.client.list(Pod, { namespace: 'default', fieldSelector: 'status.phase=Running' })).items.length === PODS, { timeoutMs: 60_000 });
      await sleep(SETTLE_MS);
      perPod.push((aloneMib(pidsOf(instance.pid)) - before) / PODS);
      console.error(`per idle pod: ${perPod.at(-1)?.toFixed(2)} MiB`);
      await removeAll(instance);
    }
    return figureOf('MiB', perPod);
  } finally {
    await instance.destroy();
  }
}

async function measureRuntime(runtime: Runtime, label: string, folder: string): Promise<Record<string, Figure>> {
  const perPod: number[] = [];
  for (let round = 0; round < PEER_ROUNDS; round += 1) {
    const before = aloneMib(pidsNaming(folder));
    const names = Array.from({ length: PODS }, (_, n) => `idle-${round}-${n}`);
    for (const name of names) await runtime.start(name);
    await sleep(PEER_SETTLE_MS);
    perPod.push((aloneMib(pidsNaming(folder)) - before) / PODS);
    console.error(`${label}, per idle container: ${perPod.at(-1)?.toFixed(2)} MiB`);
    await runtime.remove(names);
  }
  return { perIdlePod: figureOf('MiB', perPod) };
}
