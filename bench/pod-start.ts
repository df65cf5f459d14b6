/**
 * How fast a container starts: from the moment a create was accepted to Running seen on a watch, one at a time and fifty at once, of an
 * image that is present. Beside it, in the same run, bare crun, podman and containerd's ctr, where they are installed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pod } from '../src/api/core/pod.ts';
import { importTestImage, TEST_IMAGE } from '../test/fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { withCrun, withCtr, withPodman, type Runtime } from './support/runtimes.ts';

const ONE_BY_ONE = 100;
const PEER_ONE_BY_ONE = 20;
const BURST = 50;
const BURSTS = 3;

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  let figures: Record<string, Figure>;
  try {
    importTestImage(instance);
    await eventually(async () => (await instance.client.list((await import('../src/api/core/service-account.ts')).ServiceAccount, { namespace: 'default' })).items.length > 0);
    await sleep(5_000); // boot's own background work
    figures = await measurePods(instance);
  } finally {
    await instance.destroy();
  }
  const peers: BenchResult['peers'] = {};
  for (const [name, withRuntime] of Object.entries({ crun: withCrun, podman: withPodman, ctr: withCtr })) {
    const theirs = await withRuntime(measureStarts);
    if (theirs !== undefined) peers[name] = theirs;
  }
  return resultOf('pod-start', figures, peers);
}

async function measureStarts(peer: Runtime, label: string): Promise<Record<string, Figure>> {
  const single: number[] = [];
  for (let n = -1; n < PEER_ONE_BY_ONE; n += 1) {
    const fromMs = performance.now();
    await peer.start(`one${n + 1}`);
    if (n >= 0) single.push(performance.now() - fromMs); // the first warms up
  }
  await peer.remove(Array.from({ length: PEER_ONE_BY_ONE + 1 }, (_, n) => `one${n}`));
  const names = Array.from({ length: BURST }, (_, n) => `burst${n}`);
  const fromMs = performance.now();
  await Promise.all(names.map((name) => peer.start(name)));
  const burstMs = performance.now() - fromMs;
  await peer.remove(names);
  console.error(`${label}: ${burstMs.toFixed(0)} ms for ${BURST} at once`);
  return { oneAtATime: figureOf('ms', single), fiftyAtOnce: figureOf('ms', [burstMs]) };
}

async function measurePods(instance: Instance): Promise<Record<string, Figure>> {
  const running = watchRunning(instance);
  await startOne(instance, running, 'warm-up');
  const single: number[] = [];
  for (let n = 0; n < ONE_BY_ONE; n += 1) single.push(await startOne(instance, running, `single-${n}`));
  await removeAll(instance);
  const bursts: number[] = [];
  for (let burst = 0; burst < BURSTS; burst += 1) {
    await sleep(5_000);
    const fromMs = performance.now();
    await Promise.all(Array.from({ length: BURST }, async (_, n) => {
      await instance.client.create(Pod, podOf(`burst-${burst}-${n}`));
      await running.wait(`burst-${burst}-${n}`);
    }));
    bursts.push(performance.now() - fromMs);
    console.error(`fifty at once: ${Math.round(bursts.at(-1) ?? 0)} ms`);
    await removeAll(instance);
  }
  running.stop();
  return { oneAtATime: figureOf('ms', single), fiftyAtOnce: figureOf('ms', bursts) };
}

async function startOne(instance: Instance, running: Running, name: string): Promise<number> {
  await instance.client.create(Pod, podOf(name));
  const acceptedMs = performance.now();
  const tookMs = (await running.wait(name)) - acceptedMs;
  console.error(`${name}: ${Math.round(tookMs)} ms`);
  return tookMs;
}

export function podOf(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'bench' } },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000000'] }] },
  } as Pod;
}

export async function removeAll(instance: Instance): Promise<void> {
  await instance.client.deleteCollection(Pod, { namespace: 'default' });
  await eventually(async () => (await instance.client.list(Pod, { namespace: 'default' })).items.length === 0, { timeoutMs: 60_000 });
}

export interface Running {
  /** When the pod was seen Running, on the clock of performance.now(). */
  wait(name: string): Promise<number>;
  stop(): void;
}

export function watchRunning(instance: Instance): Running {
  const abort = new AbortController();
  const seen = new Map<string, number>();
  const waiting = new Map<string, (atMs: number) => void>();
  void (async () => {
    for await (const event of instance.client.watch(Pod, { namespace: 'default', signal: abort.signal })) {
      const { name = '' } = event.object.metadata;
      if (event.type === 'BOOKMARK' || event.object.status?.phase !== 'Running' || seen.has(name)) continue;
      seen.set(name, performance.now());
      waiting.get(name)?.(performance.now());
    }
  })().catch((error: Error) => abort.signal.aborted || console.error(error));
  return {
    wait: (name) => new Promise((resolve) => (seen.has(name) ? resolve(seen.get(name) as number) : waiting.set(name, resolve))),
    stop: () => abort.abort(),
  };
}
