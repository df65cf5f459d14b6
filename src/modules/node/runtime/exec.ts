/** Runs a command in a running container to its end: probes and hooks. Streams for people are in streams/. */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { OciConfig, OciProcess } from '../bundle/oci.ts';
import { namesIn } from '../read-files.ts';
import type { ContainerPlace, ContainerRuntime } from './runtime.ts';

export interface ExecAnswer { code: number; output: string; timedOut: boolean }

const MOST_OUTPUT_BYTES = 10 * 1024;

/** The process of the container with another command. */
export function execProcess(bundle: string, args: readonly string[], options: { terminal: boolean }): OciProcess {
  const { process: own } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as OciConfig;
  const env = options.terminal && !own.env.some((each) => each.startsWith('TERM=')) ? [...own.env, 'TERM=xterm'] : own.env;
  return { ...own, env, args: [...args], terminal: options.terminal };
}

/** As likely to be killed for want of memory as the container itself: crun leaves a command as it was started. Lower than llmos is the kernel's to refuse. */
export function takeOomScore(pid: number | undefined, { oomScoreAdj }: OciProcess): void {
  try { writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdj)); } catch { /* ended, or refused */ }
}

/** Code 124 and `timedOut` after `timeoutMs`; the command is killed then. Rejects when there was no way to run it, which says nothing of the command. */
export async function execInContainer(runtime: ContainerRuntime, place: ContainerPlace, args: readonly string[], options: { timeoutMs: number }): Promise<ExecAnswer> {
  const base = join(place.bundle, `exec-${randomBytes(4).toString('hex')}`);
  const processFile = `${base}.json`;
  const pidFile = `${base}.pid`;
  try {
    const wanted = execProcess(place.bundle, args, { terminal: false });
    writeFileSync(processFile, JSON.stringify(wanted));
    const { file, args: line } = runtime.execCommand(place, { processFile, pidFile });
    const begunMs = performance.now();
    const result = await runAny(file, line, { timeoutMs: options.timeoutMs, maxOutputBytes: MOST_OUTPUT_BYTES, started: (pid) => takeOomScore(pid, wanted) });
    if (result.code !== 0 && result.stderr.includes(pidFile)) throw new Error(result.stderr.trim().replaceAll(pidFile, 'its own')); // the runtime found no room for it
    const timedOut = result.code === 137 && performance.now() - begunMs >= options.timeoutMs;
    if (timedOut) killLeft(pidFile);
    return { code: timedOut ? 124 : result.code, output: `${result.stdout}${result.stderr}`.trim(), timedOut };
  } finally {
    for (const each of [processFile, pidFile]) rmSync(each, { force: true });
  }
}

/** Removes the files of commands that an earlier llmos ran there and did not live to see end. */
export function forgetCommands(bundle: string): void {
  for (const name of namesIn(bundle)) if (name.startsWith('exec-')) rmSync(join(bundle, name), { force: true });
}

function killLeft(pidFile: string): void {
  try { process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL'); } catch { /* gone already */ }
}
