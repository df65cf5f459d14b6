/** `pods/NAME/exec`: a command in a running container, with a real terminal when asked for. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../../api/errors.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import { runAny, start } from '../../../base/sys/run.ts';
import type { Route } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import { execProcess, takeOomScore } from '../runtime/exec.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import { bridge, type TerminalSize } from './bridge.ts';
import { acceptCommand } from './command-channels.ts';
import { leftInTerminal } from './left-in-terminal.ts';
import { runningContainer } from './target.ts';
import { CHANNELS, exitStatus, failureStatus } from './web-socket.ts';

const LINGER_MS = 2_000;

export function execRoute(agent: Agent, runtime: ContainerRuntime): Route {
  return {
    kind: PodKind, subresource: 'exec', methods: ['GET', 'POST'],
    async handle(request) {
      const record = runningContainer(agent, request);
      const query = request.url.searchParams;
      const flag = (name: string): boolean => queryFlag(query, name);
      const command = query.getAll('command');
      if (command.length === 0) throw new ApiError('BadRequest', 'you must specify at least one command for the container');
      const tty = flag('tty');
      const base = join(record.bundle, `exec-${randomBytes(4).toString('hex')}`);
      const files = { processFile: `${base}.json`, pidFile: `${base}.pid`, leftFile: `${base}.left` };
      const channels = await acceptCommand(request, { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr'), tty });
      let child: ChildProcess | undefined;
      try {
        const wanted = execProcess(record.bundle, command, { terminal: tty });
        writeFileSync(files.processFile, JSON.stringify(wanted));
        const line = runtime.execCommand(record, files);
        const own = child = tty ? inTerminal(line.file, line.args, line.tellsLeft ? files.leftFile : undefined) : start(line.file, line.args, { stdio: ['pipe', 'pipe', 'pipe'] });
        takeOomScore(own.pid, wanted);
        await bridge(own, channels, {
          stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') && !tty, resize: (size) => resizeTerminal(own, files.pidFile, size),
          status: (code) => {
            const left = tty ? readLeft(files) : undefined;
            if (left !== undefined && left.length > 0 && flag('stdout')) channels.send(CHANNELS.stdout, left);
            return exitStatus(code);
          }, abandoned: () => abandon(own, files.pidFile),
        });
      } catch (error) {
        channels.end(failureStatus((error as Error).message));
      } finally {
        // Who left may have done so before the runtime wrote the one file, and is followed by the other until the command has ended.
        const remove = (): void => { for (const file of Object.values(files)) rmSync(file, { force: true }); };
        if (child === undefined || child.exitCode !== null || child.signalCode !== null) remove();
        else child.once('exit', remove);
      }
    },
  };
}

/** script(1) gives the runtime a terminal, which the runtime joins with that of the container. Arguments go by the environment, so that no shell reads them. */
function inTerminal(file: string, args: readonly string[], leftFile: string | undefined): ChildProcess {
  const words = [file, ...args];
  const env = Object.fromEntries([...words.map((word, index) => [`WORD_${index}`, word]), ['LEFT', leftFile ?? '']]);
  const line = `exec ${words.map((_, index) => `"$WORD_${index}"`).join(' ')}${leftFile === undefined ? '' : ' 2>"$LEFT"'}`;
  return start('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'xterm', ...env } });
}

/** What a command left in its terminal, or why there was none. */
function readLeft({ leftFile, pidFile }: { leftFile: string; pidFile: string }): Buffer | undefined {
  if (!existsSync(leftFile)) return undefined;
  const left = readFileSync(leftFile);
  return pidIn(pidFile) === undefined ? Buffer.from(left.toString().trim().replaceAll('\n', '\r\n')) : leftInTerminal(left);
}

const RESIZE_WAIT_MS = 10_000;
const RESIZE_LOOK_MS = 10;
/** A command that runs so long and has no terminal of its own has the runtime's, as in gVisor. */
const NO_TERMINAL_MS = 1_000;

/** Sets the size of the terminal that the command has in its container: runtimes hand on that of their own when they begin, and not all of them later. */
async function resizeTerminal(child: ChildProcess, pidFile: string, { Width, Height }: TerminalSize): Promise<void> {
  const set = async (terminal: string): Promise<boolean> => (await runAny('stty', ['-F', terminal, 'rows', String(Height), 'cols', String(Width)], { timeoutMs: RESIZE_WAIT_MS })).code === 0;
  let [handedOn, runsFromMs] = [false, Infinity];
  for (const untilMs = performance.now() + RESIZE_WAIT_MS; performance.now() < untilMs && child.exitCode === null; await delay(RESIZE_LOOK_MS)) {
    const own = terminalOf(firstChild(child.pid), [0]);
    if (!handedOn && own !== undefined) handedOn = await set(own);
    const pid = pidIn(pidFile);
    if (pid !== undefined) runsFromMs = Math.min(runsFromMs, performance.now());
    const within = terminalOf(pid, [0, 1, 2]);
    if (within !== undefined && (own === undefined || !isSame(own, within)) && (await set(within))) return;
    if (handedOn && performance.now() - runsFromMs > NO_TERMINAL_MS) return;
  }
}

/** The first of the open files that is a terminal: a path that leads to it from anywhere. */
function terminalOf(pid: number | undefined, files: readonly number[]): string | undefined {
  return pid === undefined ? undefined : files.map((file) => `/proc/${pid}/fd/${file}`).find((path) => {
    try { return readlinkSync(path).startsWith('/dev/pts/'); } catch { return false; }
  });
}

/** A command that is not yet in its container still has the runtime's terminal. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a === undefined || b === undefined || (a.dev === b.dev && a.ino === b.ino);
}

function firstChild(pid: number | undefined): number | undefined {
  try { return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]) || undefined; } catch { return undefined; }
}

function pidIn(file: string): number | undefined {
  try { return Number(readFileSync(file, 'utf8')) || undefined; } catch { return undefined; }
}

/** The client is gone: the command reads the end of its input and a hang-up, and has a moment to end. */
function abandon(child: ChildProcess, pidFile: string): void {
  child.stdin?.end();
  const signal = (name: NodeJS.Signals): void => {
    try { process.kill(pidIn(pidFile)!, name); } catch { /* gone already */ }
  };
  signal('SIGHUP');
  setTimeout(() => {
    if (child.exitCode !== null) return;
    signal('SIGKILL');
    child.kill('SIGKILL');
  }, LINGER_MS).unref();
}
