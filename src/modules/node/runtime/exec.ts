/** Runs a command in a running container to its end: probes and hooks. Streams for people are in streams/. */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { OciConfig, OciProcess } from '../bundle/oci.ts';
import { namesIn, textOf } from '../read-files.ts';
import type { ContainerPlace, ContainerRuntime } from './runtime.ts';

export interface ExecAnswer { code: number; output: string; timedOut: boolean }

const MOST_OUTPUT_BYTES = 10 * 1024;
/** A hook may leave a server behind, which holds the output of the hook. */
const DRAIN_MS = 250;
/** The runtime has this long to see that a command was killed: where it is killed itself, the command is nobody's child, and its container may not end before somebody has reaped it. */
const RUNTIME_MS = 1_000;

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
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killLeft(pidFile);
    }, options.timeoutMs);
    const result = await runAny(file, line, { timeoutMs: options.timeoutMs + RUNTIME_MS, drainMs: DRAIN_MS, maxOutputBytes: MOST_OUTPUT_BYTES, started: (pid) => takeOomScore(pid, wanted) }).finally(() => clearTimeout(timer));
    if (result.killed) killLeft(pidFile);
    const timedOut = late && result.code !== 0;
    if (result.code !== 0 && !timedOut && textOf(pidFile) === '') throw new Error(whyNot(result).replaceAll(pidFile, 'its own')); // no such command, or no room for it or for its file
    return { code: timedOut ? 124 : result.code, output: `${result.stdout}${result.stderr}`.trim(), timedOut };
  } finally {
    for (const each of [processFile, pidFile]) rmSync(each, { force: true });
  }
}

/** Without the time, which would make each an event of its own. */
function whyNot({ code, stderr }: { code: number; stderr: string }): string {
  const said = /msg="((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1]?.replaceAll('\\"', '"') ?? stderr.trim();
  return said === '' ? `the command could not be started (code ${code})` : said;
}

/** Removes the files of commands that an earlier llmos ran there and did not live to see end. */
export function forgetCommands(bundle: string): void {
  for (const name of namesIn(bundle)) if (name.startsWith('exec-')) rmSync(join(bundle, name), { force: true });
}

/** The command and what it has started: the runtime gives each command a session of its own. */
function killLeft(pidFile: string): void {
  try {
    const pid = readFileSync(pidFile, 'utf8').trim();
    const [group, session] = idsOf(pid);
    process.kill(Number(pid), 'SIGKILL');
    if (group !== undefined && group > 1 && session !== idsOf('self')[1]) process.kill(-group, 'SIGKILL');
  } catch { /* gone already */ }
}

/** Of a process: its group and its session (proc_pid_stat(5)). */
function idsOf(pid: string): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(2, 4).map(Number);
}
