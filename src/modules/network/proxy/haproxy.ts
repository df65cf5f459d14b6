/**
 * One HAProxy an instance, started when a Service first asks for it and ended when none does. It outlives llmos, as the rules do: the next
 * one finds it by its pid file, whose process must run our configuration file. Watched; a killed one is started again with back-off.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { exponentialBackoff } from '../../../base/backoff.ts';
import type { Log } from '../../../base/log.ts';
import { run } from '../../../base/sys/run.ts';
import { commandsFor, configurationOf, needsReload, slotsFor, type Frontend, type Slots } from './configuration.ts';

export interface HaproxyInput {
  program: string;
  /** Made with mode 0700; holds configuration, socket and pid. */
  folder: string;
  gatewayIp: string;
  log: Log;
  signal: AbortSignal;
}

export interface Haproxy {
  /** Settles when HAProxy carries exactly these. Rejects with why it cannot. */
  carry(frontends: readonly Frontend[]): Promise<void>;
  /** A port of the gateway's address that is free, or that `name` had in an earlier life. */
  portFor(name: string): Promise<number>;
  pid(): number | undefined;
}

const FIRST_PORT = 26_000;
const LAST_PORT = 28_999;
const LOOK_MS = 500;
const READY_MS = 5_000;

export function createHaproxy({ program, folder, gatewayIp, log, signal }: HaproxyInput): Haproxy {
  const files = filesIn(folder);
  const known = readPorts(files.configuration);
  const backoff = exponentialBackoff({ baseMs: 200, maxMs: 30_000 });
  let loaded: readonly Frontend[] = [];
  let slots: Slots = new Map();
  let working: Promise<void> = Promise.resolve();
  let looking: NodeJS.Timeout | undefined;

  async function load(frontends: readonly Frontend[]): Promise<void> {
    slots = slotsFor(frontends);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${files.configuration}.new`, configurationOf(frontends, { gatewayIp, socket: files.socket }, slots), { mode: 0o600 });
    renameSync(`${files.configuration}.new`, files.configuration);
    loaded = frontends;
    const pid = ownPid(folder);
    // With -sf the old process hands over its listeners and serves its connections to their end.
    const passing = pid !== undefined && existsSync(files.socket) ? ['-x', files.socket, '-sf', String(pid)] : [];
    await run(program, ['-D', '-f', files.configuration, '-p', files.pid, ...passing], { timeoutMs: READY_MS });
  }

  async function carry(frontends: readonly Frontend[]): Promise<void> {
    if (frontends.length === 0) {
      clearTimeout(looking);
      looking = undefined;
      loaded = [];
      return endHaproxy(folder);
    }
    if (ownPid(folder) === undefined || needsReload(loaded, frontends, slots)) await load(frontends);
    else {
      const commands = commandsFor(frontends, slots);
      if (commands.length > 0) await tell(files.socket, commands).catch(() => load(frontends));
      loaded = frontends;
    }
    watch(LOOK_MS);
  }

  function watch(delayMs: number): void {
    clearTimeout(looking);
    if (signal.aborted) return;
    looking = setTimeout(() => void enqueue(look), delayMs);
    looking.unref();
  }

  async function look(): Promise<void> {
    if (loaded.length === 0 || signal.aborted) return;
    if (ownPid(folder) !== undefined) return watch(LOOK_MS);
    const delayMs = backoff.next('');
    log.warn('HAProxy ended and is started again', { services: loaded.length });
    try {
      await load(loaded);
      setTimeout(() => backoff.forget(''), 60_000).unref();
      watch(LOOK_MS);
    } catch (error) {
      log.error('HAProxy could not be started', { error });
      watch(delayMs);
    }
  }

  function enqueue(step: () => Promise<void>): Promise<void> {
    const done = working.then(step);
    working = done.catch(() => {});
    return done;
  }

  signal.addEventListener('abort', () => clearTimeout(looking), { once: true });
  return {
    carry: (frontends) => enqueue(() => carry(frontends)),
    pid: () => ownPid(folder),
    async portFor(name) {
      const before = known.get(name);
      if (before !== undefined) return before;
      const taken = new Set(known.values());
      for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
        if (taken.has(port) || !(await isFree(gatewayIp, port))) continue;
        known.set(name, port);
        return port;
      }
      throw new Error(`no port of ${gatewayIp} between ${FIRST_PORT} and ${LAST_PORT} is free for the proxy`);
    },
  };
}

/** Ends the instance's HAProxy and removes its files; safe when there is none. */
export async function endHaproxy(folder: string): Promise<void> {
  const pid = ownPid(folder);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    for (let i = 0; i < 100 && ownPid(folder) !== undefined; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    if (ownPid(folder) !== undefined) process.kill(pid, 'SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}

/** The process of the pid file, if it is alive and runs the configuration of this folder. */
function ownPid(folder: string): number | undefined {
  const files = filesIn(folder);
  try {
    const pid = Number(readFileSync(files.pid, 'utf8').trim().split('\n').at(-1));
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes(files.configuration) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function filesIn(folder: string): { configuration: string; socket: string; pid: string } {
  return { configuration: join(folder, 'haproxy.cfg'), socket: join(folder, 'haproxy.sock'), pid: join(folder, 'haproxy.pid') };
}

/** The ports by name that a configuration of an earlier life listens on. */
function readPorts(file: string): Map<string, number> {
  if (!existsSync(dirname(file)) || !existsSync(file)) return new Map();
  return new Map([...readFileSync(file, 'utf8').matchAll(/^listen (\S+)\n {2}bind \S+:(\d+)$/gm)].map(([, name = '', port]) => [name, Number(port)]));
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}

/** Sends runtime commands; rejects when one is not taken. */
async function tell(socket: string, commands: readonly string[]): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const call = connect(socket, () => call.end(`${commands.join('; ')}\n`));
    call.setTimeout(READY_MS, () => call.destroy(new Error('HAProxy does not answer')));
    call.on('data', (chunk) => (text += String(chunk)));
    call.once('error', reject);
    call.once('close', () => resolve(text));
  });
  if (/No such|Unknown|Invalid|Require|can't/i.test(answer)) throw new Error(`HAProxy refused a change: ${answer.trim()}`);
}
