/**
 * How long boot takes: from the start of the process to /readyz answering ok, on an empty state folder and on one with data. Beside it, in the
 * same rounds, the daemons that a Kubernetes machine needs at least, from the start of the process to their first answer.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerd, etcd, inFolder, kubernetesApi, type DaemonKind } from './support/daemons.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const ROUNDS = 10;
const PEER_ROUNDS = 5;
const LAUNCHER = resolve(import.meta.dirname, '../llmos');
const READY_TIMEOUT_MS = 30_000;

export async function run(): Promise<BenchResult> {
  await measure(newFolder()); // fills the compile cache, as the first command of any installation does
  const first: number[] = [];
  const later: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = newFolder();
    first.push(await measure(folder, { keep: true }));
    later.push(await measure(folder));
    console.error(`round ${round + 1}: first ${Math.round(first.at(-1) ?? 0)} ms, later ${Math.round(later.at(-1) ?? 0)} ms`);
  }
  const peers: BenchResult['peers'] = {};
  for (const kind of [containerd, etcd, kubernetesApi]) {
    const figures = await measurePeer(kind);
    if (figures !== undefined) peers[kind.name] = figures;
  }
  return resultOf('boot', { firstBoot: figureOf('ms', first), laterBoot: figureOf('ms', later) }, peers);
}

async function measurePeer(kind: DaemonKind): Promise<Record<string, Figure> | undefined> {
  const first: number[] = [];
  const later: number[] = [];
  const start = async (folder: string): Promise<number> => {
    const fromMs = performance.now();
    const daemon = await kind.start(folder);
    const tookMs = performance.now() - fromMs;
    await daemon.end();
    return tookMs;
  };
  for (let round = 0; round < PEER_ROUNDS; round += 1) {
    const done = await inFolder(kind, async (folder) => {
      first.push(await start(folder));
      later.push(await start(folder));
      return true;
    });
    if (done === undefined) return undefined;
    console.error(`${kind.name}: first ${Math.round(first.at(-1) ?? 0)} ms, later ${Math.round(later.at(-1) ?? 0)} ms`);
  }
  return { firstBoot: figureOf('ms', first), laterBoot: figureOf('ms', later) };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-bench-'));
  writeFileSync(join(folder, 'config.yaml'), `instance: b${(process.pid % 100_000).toString(36)}\nnodeName: node1\n`);
  return folder;
}

/** Boots once and stops again; removes the folder unless it is kept for the next boot. */
async function measure(folder: string, options: { keep?: boolean } = {}): Promise<number> {
  const env = { ...process.env, LLMOS_STATE: join(folder, 'state'), LLMOS_RUN: join(folder, 'run'), LLMOS_CONFIG: join(folder, 'config.yaml') };
  const fromMs = performance.now();
  const child = spawn(LAUNCHER, ['run'], { env, stdio: ['ignore', 'ignore', 'ignore'] });
  await untilReady(child);
  const tookMs = performance.now() - fromMs;
  if (options.keep === true) {
    await sleep(3_000); // lets the first boot finish what it does in the background
    await ended(child, 'SIGTERM');
  } else {
    await ended(spawn(LAUNCHER, ['down', '--purge'], { env, stdio: 'ignore' }));
    rmSync(folder, { recursive: true, force: true });
  }
  return tookMs;
}

async function untilReady(child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + READY_TIMEOUT_MS;
  while (!(await isReady())) {
    if (child.exitCode !== null || Date.now() > deadlineMs) throw new Error('llmos did not become ready');
    await sleep(2);
  }
}

function isReady(): Promise<boolean> {
  return new Promise((resolveReady) => {
    const call = request({ host: '127.0.0.1', port: 6443, path: '/readyz', rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolveReady(response.statusCode === 200);
    });
    call.once('error', () => resolveReady(false));
    call.end();
  });
}

async function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  const exit = new Promise((settled) => child.once('exit', settled));
  if (signal !== undefined) child.kill(signal);
  if (child.exitCode === null) await exit;
}
