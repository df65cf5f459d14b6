/**
 * conmon and an OCI runtime with crun's command line. conmon holds the log and the exit code, outlives llmos, and costs about 1 MiB.
 * A start takes no process of ours: a shell that starts programs for llmos mounts the root and becomes conmon.
 */
import { closeSync, constants, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../../base/sys/is-running.ts';
import { programLauncher, quoted } from '../../../base/sys/launcher.ts';
import { runAny } from '../../../base/sys/run.ts';
import { takeTurns } from '../../../base/turns.ts';
import { unmountLazily } from '../../../base/sys/unmount.ts';
import { withinHugePages } from '../cgroup/huge-pages.ts';
import { removeCgroup } from '../cgroup/layout.ts';
import { hasProcesses, killAll } from '../cgroup/processes.ts';
import { RuntimeError, type ContainerPlace, type ContainerRuntime, type RootMount } from './runtime.ts';
import { signalNumber } from './signal.ts';

/** In what runtimes of the same command line differ. */
export interface RuntimeFlavour {
  globalArgs: readonly string[];
  /** Whether a byte into exec.fifo starts a container; otherwise the runtime must be asked. */
  gate: boolean;
  /** Whether nothing is left of an ended container but its folder under the runtime's root and its control group, so that no process is needed to delete it. */
  forgets: boolean;
  /** Whether it can be told to leave the session keyring alone. */
  keyring: boolean;
  /** Whether what a command left in its terminal is told as an error of `exec`. */
  tellsLeft: boolean;
  /** What lies under the runtime's root as long as it knows the container. */
  kept(id: string): string;
}

/** Containers that are made at the same time: enough for a machine's cores, and few enough that the door is heard while hundreds begin. */
const MOST_AT_ONCE = Math.max(16, 4 * availableParallelism());
const DELETE_TRIES = 4;
const DELETE_PAUSE_MS = 50;
/** One that does not answer by then is not asked again. */
const DELETE_TIMEOUT_MS = 10_000;
const GIVEN_UP = 'the pod is ending: the container was given up';

export const CRUN_FLAVOUR: RuntimeFlavour = { globalArgs: ['--cgroup-manager=cgroupfs'], gate: true, forgets: true, keyring: true, tellsLeft: true, kept: (id) => id };

export interface ConmonOptions {
  conmon: string;
  runtime: string;
  flavour: RuntimeFlavour;
  /** State folder of the runtime. */
  runtimeRoot: string;
  /** conmon writes the exit code of container `id` into the file `id` here. */
  exitFolder: string;
  cgroupVersion: 'v1' | 'v2';
  /** When a log reaches this before it is set aside, it begins anew. */
  mostLogBytes: number;
  /** How long a runtime may take to create a container, and to start it; default two minutes. */
  createTimeoutMs?: number;
}

/** Of all runtimes. fd 3 carries conmon's answer. */
const launcher = programLauncher(() => ({ PATH: process.env['PATH'], LC_ALL: 'C', _OCI_SYNCPIPE: '3' }));

export function conmonRuntime(options: ConmonOptions): ContainerRuntime {
  const turns = takeTurns(MOST_AT_ONCE);
  const timeoutMs = options.createTimeoutMs ?? 120_000;
  const common = [`--root=${options.runtimeRoot}`, ...options.flavour.globalArgs];

  function monitorArgs(place: ContainerPlace, io: { terminal: boolean; stdin: boolean; stdinOnce: boolean }): string[] {
    const args = [options.conmon, '--api-version', '1', '-b', place.bundle, '-c', place.id, '-u', place.id, '-n', place.id, '-r', options.runtime,
      ...common.flatMap((each) => ['--runtime-arg', each]), '-l', `k8s-file:${place.logPath}`, '--exit-dir', options.exitFolder,
      '-p', join(place.bundle, 'pid'), '-P', join(place.bundle, 'conmon.pid'), '--full-attach', ...(options.flavour.keyring ? ['--no-new-keyring'] : []), '--log-size-max', String(options.mostLogBytes)];
    if (io.terminal) args.push('-t');
    if (io.stdin) args.push('-i');
    if (io.stdin && !io.stdinOnce) args.push('--leave-stdin-open');
    return args;
  }

  /** The runtime may fail, at times or for good; what it leaves then is what the kernel still has of the container. */
  async function insistOnDelete(place: ContainerPlace, kept: string): Promise<void> {
    for (let tries = 0; tries < DELETE_TRIES; tries += 1) {
      const begunMs = performance.now();
      const { code } = await runAny(options.runtime, [...common, 'delete', '--force', place.id], { timeoutMs: DELETE_TIMEOUT_MS });
      if (code === 0 || !existsSync(kept)) return;
      if (performance.now() - begunMs >= DELETE_TIMEOUT_MS) break;
      await delay(DELETE_PAUSE_MS * 2 ** tries);
    }
    if (place.cgroup === undefined) return;
    for (let tries = 0; tries < DELETE_TRIES && !forgetEnded(options.cgroupVersion, place.cgroup, kept); tries += 1) {
      killAll({ version: options.cgroupVersion, path: place.cgroup });
      await delay(DELETE_PAUSE_MS);
    }
  }

  return {
    create(place, io) {
      const { signal } = io;
      return givenUp(turns(() => {
        if (signal?.aborted === true) throw new RuntimeError(GIVEN_UP);
        return launch(monitorArgs(place, io), io.root, { timeoutMs, signal });
      }), signal);
    },

    async start(place, pid, { signal } = {}) {
      if (options.flavour.gate && (await openGate(join(options.runtimeRoot, place.id, 'exec.fifo'), pid))) return;
      const { code, stderr } = await givenUp(runAny(options.runtime, [...common, 'start', place.id], { timeoutMs }), signal);
      if (code !== 0) throw new RuntimeError(stderr.trim().split('\n').at(-1) || `the runtime ended with code ${code} and gave no reason`);
    },

    kill(_place, pid, name) {
      try {
        process.kill(pid, signalNumber(name) ?? 'SIGTERM');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },

    async delete(place, { root }) {
      const kept = join(options.runtimeRoot, options.flavour.kept(place.id));
      if (existsSync(kept) && !(options.flavour.forgets && place.cgroup !== undefined && forgetEnded(options.cgroupVersion, place.cgroup, kept))) await insistOnDelete(place, kept);
      if (root !== undefined && isOverlay(root)) await unmountLazily([root]);
      rmSync(join(options.exitFolder, place.id), { force: true });
    },

    execCommand(place, { processFile, consoleSocket, pidFile }) {
      const extra = [...(consoleSocket === undefined ? [] : ['--tty', `--console-socket=${consoleSocket}`]), ...(pidFile === undefined ? [] : [`--pid-file=${pidFile}`])];
      return { ...withinHugePages(place.cgroup, { file: options.runtime, args: [...common, 'exec', ...extra, `--process=${processFile}`, place.id] }), tellsLeft: options.flavour.tellsLeft };
    },
  };
}

/** Rejects as soon as the signal aborts, whatever the work does then. */
async function givenUp<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const given = Promise.withResolvers<never>();
  const stop = (): void => given.reject(new RuntimeError(GIVEN_UP));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  work.catch(() => {}); // nobody may hear of it any more
  try {
    return await Promise.race([work, given.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Whether something is mounted there: an overlay is a device of its own. */
function isOverlay(root: string): boolean {
  const [own, parent] = [root, dirname(root)].map((path) => statSync(path, { throwIfNoEntry: false })?.dev);
  return own !== undefined && own !== parent;
}

/** What `crun delete` does of a container without processes. False when there are some, or the kernel does not let go of the group yet. */
function forgetEnded(version: 'v1' | 'v2', cgroup: string, kept: string): boolean {
  if (hasProcesses({ version, path: cgroup }) || !removeCgroup({ version, path: cgroup })) return false;
  rmSync(kept, { recursive: true, force: true });
  return true;
}

/** conmon's answer on the pipe of _OCI_SYNCPIPE: `{"pid": 12}`, or -1 with the runtime's message. */
function launch(args: string[], root: RootMount, { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): Promise<number> {
  const mountOptions = `lowerdir=${root.lower.join(':')},upperdir=${root.upper},workdir=${root.work}`;
  const mount = ['mount', '-t', 'overlay', 'overlay', '-o', mountOptions, root.path].map(quoted).join(' ');
  const text = `cd ${quoted(root.folder)} && ${mount} 3>&- || { echo 'mounting the root file system of the image failed' >&2; exit; }; exec ${args.map(quoted).join(' ')}`;
  return new Promise((resolve, reject) => {
    let errors = '';
    const timer = setTimeout(() => finish(new RuntimeError(`the container was not made within ${timeoutMs / 1_000} s`)), timeoutMs);
    const stop = (): void => finish(new RuntimeError(GIVEN_UP));
    signal?.addEventListener('abort', stop, { once: true });
    function finish(result: number | Error): void {
      stopListening();
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      if (typeof result === 'number') resolve(result);
      else reject(result);
    }
    const stopListening = launcher.launch(text, (line) => {
      if (line === undefined) finish(new Error(errors.trim() || 'the container monitor ended without an answer'));
      else if (line.startsWith('{')) finish(readAnswer(line));
      else errors = `${errors}${line}\n`.slice(-4_000);
    });
  });
}

function readAnswer(line: string): number | Error {
  try {
    const answer = JSON.parse(line) as { pid?: number; data?: number; message?: string };
    const pid = answer.pid ?? answer.data ?? -1;
    if (pid > 0) return pid;
    const message = (answer.message ?? '').trim();
    return message.startsWith('[conmon:') ? new Error(message) : new RuntimeError(message || 'the runtime gave no reason');
  } catch {
    return new RuntimeError(`the container monitor answered '${line.slice(0, 200)}'`);
  }
}

/**
 * A created container waits for a byte on crun's exec.fifo; to write it here saves the process that `crun start` is.
 * Gives false when this is no such container, so that the runtime must be asked.
 */
async function openGate(fifo: string, pid: number): Promise<boolean> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      try { writeSync(fd, '0'); } finally { closeSync(fd); }
      rmSync(fifo, { force: true });
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT') return false;
      if (code !== 'ENXIO' && code !== 'EAGAIN') throw error; // ENXIO: nobody reads yet
      if (!isRunning(pid)) throw new RuntimeError('the container ended before it was started');
      await delay(tries < 20 ? 1 : 10);
    }
  }
  return false;
}
