/**
 * A command in a running container, over WebSocket as kubectl asks for it: from the request to the last word of the answer, on a TLS connection
 * of its own each time. Beside it, in the same run, `crun exec` of the same container by hand, which is within it, and podman and ctr.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import { Pod } from '../src/api/core/pod.ts';
import { ServiceAccount } from '../src/api/core/service-account.ts';
import { importTestImage } from '../test/fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../test/fixtures/instance.ts';
import { podOf } from './pod-start.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';
import { targetOf, type Target } from './support/load.ts';
import { cpuMs, pidsOf } from './support/processes.ts';
import { withCtr, withPodman, type Runtime } from './support/runtimes.ts';

const TIMES = 100;
const PEER_TIMES = 20;
const SETTLE_MS = 5_000;
const run_ = promisify(execFile);

export async function run(): Promise<BenchResult> {
  const instance = await bootInstance();
  const peers: BenchResult['peers'] = {};
  let figures: Record<string, Figure>;
  try {
    importTestImage(instance);
    await eventually(async () => (await instance.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
    await instance.client.create(Pod, podOf('exec'));
    await eventually(async () => (await instance.client.get(Pod, 'exec', { namespace: 'default' })).status?.phase === 'Running');
    await sleep(SETTLE_MS);
    const target = targetOf(instance.kubeconfig);
    const before = cpuMs([instance.pid]);
    const roundTrip = await timesOf(TIMES, () => execOnce(target, 'exec'));
    figures = { roundTrip, serverCpu: figureOf('ms cpu', [(cpuMs([instance.pid]) - before) / (TIMES + 1)]) };
    peers['crun exec by hand'] = { roundTrip: await crunExec(instance) };
  } finally {
    await instance.destroy();
  }
  for (const [name, withRuntime] of Object.entries({ podman: withPodman, ctr: withCtr })) {
    const theirs = await withRuntime(async (peer: Runtime) => {
      await peer.start('exec');
      const figure = await timesOf(PEER_TIMES, () => peer.exec('exec', ['true']));
      await peer.remove(['exec']);
      return { roundTrip: figure };
    });
    if (theirs !== undefined) peers[name] = theirs;
  }
  return resultOf('exec', figures, peers);
}

/** The first of them warms up. */
async function timesOf(count: number, work: () => Promise<unknown>): Promise<Figure> {
  const times: number[] = [];
  for (let n = -1; n < count; n += 1) {
    const fromMs = performance.now();
    await work();
    if (n >= 0) times.push(performance.now() - fromMs);
  }
  return figureOf('ms', times);
}

/** Rejects unless the container said `done` and the command ended well. */
function execOnce({ host, port, tls }: Target, pod: string): Promise<void> {
  const query = 'command=echo&command=done&stdout=1&stderr=1&container=main';
  const socket = new WebSocket(`wss://${host}:${port}/api/v1/namespaces/default/pods/${pod}/exec?${query}`, ['v5.channel.k8s.io'], { ca: tls.ca as Buffer, cert: tls.cert as Buffer, key: tls.key as Buffer });
  return new Promise((resolve, reject) => {
    const said = new Map<number, string>();
    socket.on('message', (data: Buffer) => void said.set(data[0] ?? 0, (said.get(data[0] ?? 0) ?? '') + data.subarray(1).toString()));
    socket.once('error', reject);
    socket.once('close', () => (said.get(1) === 'done\n' && said.get(3)?.includes('"Success"') === true ? resolve() : reject(new Error(`the answer was ${JSON.stringify([...said])}`))));
  });
}

/** In the mount namespace of the instance, as llmos runs it. */
async function crunExec(instance: Instance): Promise<Figure> {
  const root = join(instance.run, 'node/runtime');
  const [id = ''] = readdirSync(root);
  const crun = execFileSync('sh', ['-c', 'command -v crun'], { encoding: 'utf8' }).trim();
  const pid = pidsOf(instance.pid)[0];
  return timesOf(TIMES, () => run_('nsenter', [`--mount=/proc/${pid}/ns/mnt`, crun, `--root=${root}`, '--cgroup-manager=cgroupfs', 'exec', id, 'true']));
}
