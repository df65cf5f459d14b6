/**
 * Many pods on one machine: a hundred at once and their deletion, each over HTTPS and seen on a watch; then three hundred idle ones: memory and cpu
 * of llmos itself over a minute, and what each pod costs beside its workload, its monitor (conmon) included.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '../src/api/core/pod.ts';
import { ServiceAccount } from '../src/api/core/service-account.ts';
import { importTestImage } from '../test/fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../test/fixtures/instance.ts';
import { podOf, watchRunning } from './pod-start.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { aloneMib, childrenCpuMs, cpuMs, pidsOf, pssMib } from './support/processes.ts';

const BURST = 100;
const BURSTS = 3;
const IDLE_PODS = 300;
const SETTLE_MS = 30_000;
const PAUSE_MS = 10_000;
const MINUTE_MS = 60_000;

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  try {
    importTestImage(instance);
    await eventually(async () => (await instance.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
    return resultOf('pods-at-scale', { ...(await bursts(instance)), ...(await idle(instance)) });
  } finally {
    await instance.destroy();
  }
}

export async function bursts(instance: Instance): Promise<Record<string, Figure>> {
  const [starts, startCpu, startPrograms, ends, endCpu, endPrograms] = Array.from({ length: 6 }, (): number[] => []) as [number[], number[], number[], number[], number[], number[]];
  for (let burst = 0; burst < BURSTS; burst += 1) {
    await sleep(PAUSE_MS);
    const started = await timed(instance, () => startMany(instance, `burst-${burst}`, BURST, { endsItself: true }));
    await sleep(PAUSE_MS);
    const ended = await timed(instance, () => deleteAll(instance, BURST));
    console.error(`${BURST} at once: ${started.ms.toFixed(0)} ms, ${started.cpuMs.toFixed(0)} of llmos' cpu and ${started.childrenMs.toFixed(0)} of its programs'; deleted in ${ended.ms.toFixed(0)} ms, ${ended.cpuMs.toFixed(0)} and ${ended.childrenMs.toFixed(0)}`);
    starts.push(started.ms);
    startCpu.push(started.cpuMs / BURST);
    startPrograms.push(started.childrenMs / BURST);
    ends.push(ended.ms);
    endPrograms.push(ended.childrenMs / BURST);
    endCpu.push(ended.cpuMs / BURST);
  }
  return { hundredAtOnce: figureOf('ms', starts), startCpu: figureOf('ms cpu', startCpu), startPrograms: figureOf('ms cpu', startPrograms), deleteHundred: figureOf('ms', ends), deleteCpu: figureOf('ms cpu', endCpu), deletePrograms: figureOf('ms cpu', endPrograms) };
}

async function idle(instance: Instance): Promise<Record<string, Figure>> {
  await sleep(SETTLE_MS);
  const before = everything(instance);
  await startMany(instance, 'idle', IDLE_PODS);
  await sleep(SETTLE_MS);
  const after = everything(instance);
  const fromMs = performance.now();
  const fromCpuMs = cpuMs([instance.pid]);
  await sleep(MINUTE_MS);
  const cpuPercent = ((cpuMs([instance.pid]) - fromCpuMs) / (performance.now() - fromMs)) * 100;
  const { alone, pss } = everything(instance);
  const own = pssMib([instance.pid]);
  console.error(`${IDLE_PODS} idle pods: llmos ${own.toFixed(1)} MiB, ${cpuPercent.toFixed(2)} % of a core; with all that it started ${pss.toFixed(1)} MiB`);
  await deleteAll(instance, IDLE_PODS, 1);
  return {
    idleOwn: figureOf('MiB', [own]), idleOwnAlone: figureOf('MiB', [aloneMib([instance.pid])]), idleCpu: figureOf('percent', [cpuPercent]),
    perIdlePod: figureOf('MiB', [(Math.max(alone, after.alone) - before.alone) / IDLE_PODS]), perIdlePodPss: figureOf('MiB', [(Math.max(pss, after.pss) - before.pss) / IDLE_PODS]),
  };
}

function everything(instance: Instance): { alone: number; pss: number } {
  const pids = pidsOf(instance.pid);
  return { alone: aloneMib(pids), pss: pssMib(pids) };
}

/** The way to the watch is within, some ms. */
async function timed(instance: Instance, work: () => Promise<void>): Promise<{ ms: number; cpuMs: number; childrenMs: number }> {
  const [fromMs, fromCpuMs, fromChildrenMs] = [performance.now(), cpuMs([instance.pid]), childrenCpuMs([instance.pid])];
  await work();
  return { ms: performance.now() - fromMs, cpuMs: cpuMs([instance.pid]) - fromCpuMs, childrenMs: childrenCpuMs([instance.pid]) - fromChildrenMs };
}

async function startMany(instance: Instance, prefix: string, count: number, { endsItself = false } = {}): Promise<void> {
  const running = watchRunning(instance);
  await Promise.all(Array.from({ length: count }, async (_, n) => {
    const pod = podOf(`${prefix}-${n}`);
    Object.assign(pod.spec!, { terminationGracePeriodSeconds: 30 }); // with none the object would go at once, and tell nothing of the node
    if (endsItself) pod.spec!.containers[0]!.command = ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'];
    await instance.client.create(Pod, pod);
    await running.wait(`${prefix}-${n}`);
  }));
  running.stop();
}

/** Settles when the last of them is gone from the cluster, and so from the machine. */
async function deleteAll(instance: Instance, count: number, graceSeconds?: number): Promise<void> {
  const abort = new AbortController();
  const here = Promise.withResolvers<void>();
  const gone = (async () => {
    const names = new Set<string>();
    for await (const { type, object } of instance.client.watch(Pod, { namespace: 'default', signal: abort.signal })) {
      if (type === 'ADDED') names.add(object.metadata.name ?? '');
      if (type === 'DELETED') names.delete(object.metadata.name ?? '');
      if (names.size === count) here.resolve(); // the watch sees them all
      if (type === 'DELETED' && names.size === 0) return;
    }
  })();
  await here.promise;
  await instance.client.deleteCollection(Pod, { namespace: 'default', ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }) });
  await gone;
  abort.abort();
}
