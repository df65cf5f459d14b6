/** What an idle pod costs beside its workload: memory of llmos and all that it started, with 50 idle pods and without, for each pod. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '../src/api/core/pod.ts';
import { importTestImage } from '../test/fixtures/image.ts';
import { bootInstance, eventually } from '../test/fixtures/instance.ts';
import { podOf, removeAll } from './pod-start.ts';
import { pidsOf, pssMib } from './support/processes.ts';
import { figureOf, resultOf, type BenchResult } from './result.ts';

const PODS = 50;
const ROUNDS = 3;
const SETTLE_MS = 20_000;

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    importTestImage(instance);
    const perPod: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(SETTLE_MS);
      const before = pssMib(pidsOf(instance.pid));
      await Promise.all(Array.from({ length: PODS }, (_, n) => instance.client.create(Pod, podOf(`idle-${round}-${n}`))));
      await eventually(async () => (await instance.client.list(Pod, { namespace: 'default', fieldSelector: 'status.phase=Running' })).items.length === PODS, { timeoutMs: 60_000 });
      await sleep(SETTLE_MS);
      perPod.push((pssMib(pidsOf(instance.pid)) - before) / PODS);
      console.error(`per idle pod: ${perPod.at(-1)?.toFixed(2)} MiB`);
      await removeAll(instance);
    }
    return resultOf('pod-memory', { perIdlePod: figureOf('MiB', perPod) });
  } finally {
    await instance.destroy();
  }
}
