/** How long boot takes: from the start of the process to /readyz answering ok, on an empty state folder and on one with data. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { figureOf, resultOf, type BenchResult } from './result.ts';

const ROUNDS = 10;
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
  return resultOf('boot', { firstBoot: figureOf('ms', first), laterBoot: figureOf('ms', later) });
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
