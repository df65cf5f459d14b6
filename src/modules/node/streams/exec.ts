/** `pods/NAME/exec`: a command in a running container, with a real terminal when asked for. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from '../../../api/errors.ts';
import { queryFlag } from '../../../api/query-flag.ts';
import { runAny, start } from '../../../base/sys/run.ts';
import type { Route } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import { execProcess, takeOomScore } from '../runtime/exec.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import { bridge } from './bridge.ts';
import { runningContainer } from './target.ts';
import { acceptWebSocket, channelsOf, COMMAND_PROTOCOLS, exitStatus, failureStatus } from './web-socket.ts';

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
      const files = { processFile: `${base}.json`, pidFile: `${base}.pid` };
      const channels = channelsOf(await acceptWebSocket(request, COMMAND_PROTOCOLS));
      try {
        const wanted = execProcess(record.bundle, command, { terminal: tty });
        writeFileSync(files.processFile, JSON.stringify(wanted));
        const line = runtime.execCommand(record, files);
        const child = tty ? inTerminal(line.file, line.args) : start(line.file, line.args, { stdio: ['pipe', 'pipe', 'pipe'] });
        takeOomScore(child.pid, wanted);
        await bridge(child, channels, {
          stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') && !tty, resize: (size) => void resizeTerminal(child, size),
          status: (code) => exitStatus(code), abandoned: () => abandon(child, files.pidFile),
        });
      } catch (error) {
        channels.end(failureStatus((error as Error).message));
      } finally {
        for (const file of Object.values(files)) rmSync(file, { force: true });
      }
    },
  };
}

/** script(1) gives the runtime a terminal, which the runtime joins with that of the container. Arguments go by the environment, so that no shell reads them. */
function inTerminal(file: string, args: readonly string[]): ChildProcess {
  const words = [file, ...args];
  const env = Object.fromEntries(words.map((word, index) => [`WORD_${index}`, word]));
  const line = `exec ${words.map((_, index) => `"$WORD_${index}"`).join(' ')}`;
  return start('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'xterm', ...env } });
}

/** Sets the size of the terminal that the child of script(1) has; the kernel tells the runtime, and that the container. */
async function resizeTerminal(child: ChildProcess, size: { Width: number; Height: number }): Promise<void> {
  for (let tries = 0; tries < 50 && child.exitCode === null; tries++) {
    const terminal = terminalOf(child.pid);
    if (terminal !== undefined) {
      await runAny('stty', ['-F', terminal, 'rows', String(size.Height), 'cols', String(size.Width)]);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function terminalOf(pid: number | undefined): string | undefined {
  try {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0];
    const path = readlinkSync(`/proc/${first}/fd/0`);
    return path.startsWith('/dev/pts/') ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The client is gone: the command reads the end of its input and a hang-up, and has a moment to end. */
function abandon(child: ChildProcess, pidFile: string): void {
  child.stdin?.end();
  const signal = (name: NodeJS.Signals): void => {
    try { process.kill(Number(readFileSync(pidFile, 'utf8')), name); } catch { /* gone already */ }
  };
  signal('SIGHUP');
  setTimeout(() => {
    if (child.exitCode !== null) return;
    signal('SIGKILL');
    child.kill('SIGKILL');
  }, LINGER_MS).unref();
}
