/**
 * The one seam that starts processes. Arguments are always a list, never a shell line.
 */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

export interface RunOptions {
  input?: string | Buffer;
  /** Descriptors that it inherits, as 3 and on. */
  fds?: readonly number[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Kills the process (SIGKILL) after this long; default none. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** After its end, how long what it has left behind may hold its output open; default for ever, and not at all when it was killed. */
  drainMs?: number;
  /** Most bytes kept of each output stream; default 16 MiB. More is cut. */
  maxOutputBytes?: number;
  /** Called when the process is there. */
  started?: (pid: number) => void;
  /** Called with each chunk of both streams, for progress. */
  onOutput?: (chunk: Buffer, stream: 'stdout' | 'stderr') => void;
}

export interface RunResult {
  /** Exit code, or 128 + signal. */
  code: number;
  stdout: string;
  stderr: string;
  /** Its time was over, or its signal aborted. */
  killed: boolean;
}

/** A command that ended with another code than 0; the message carries the command and the end of its standard error. */
export class CommandError extends Error {
  readonly command: string;
  readonly result: RunResult;
  constructor(command: string, result: RunResult) {
    const why = result.stderr.trim().split('\n').slice(-5).join('\n') || result.stdout.trim().split('\n').slice(-5).join('\n');
    super(`${command} ended with code ${result.code}${why === '' ? '' : `: ${why}`}`);
    this.name = 'CommandError';
    this.command = command;
    this.result = result;
  }
}

/** Runs a command to its end and gives its output, whatever its code. Rejects when it cannot be started. */
export function runAny(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(options.fds ?? [])],
      env: options.env ?? process.env,
      cwd: options.cwd,
      signal: options.signal,
      killSignal: 'SIGKILL',
      timeout: options.timeoutMs,
    });
    const most = options.maxOutputBytes ?? 16 * 1024 * 1024;
    const stdout = collect(child, 'stdout', most, options.onOutput);
    const stderr = collect(child, 'stderr', most, options.onOutput);
    child.once('error', (error) => reject(explain(error, file)));
    if (child.pid !== undefined) options.started?.(child.pid);
    child.once('exit', () => {
      const drainMs = child.killed ? 0 : options.drainMs;
      if (drainMs === undefined) return;
      const timer = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream?.destroy()), drainMs);
      child.once('close', () => clearTimeout(timer));
    });
    child.once('close', (code, signal) => {
      resolve({ code: code ?? 128 + signalNumber(signal), stdout: stdout(), stderr: stderr(), killed: child.killed });
    });
    if (options.input !== undefined) {
      child.stdin?.on('error', () => {}); // the command may end without reading: its code tells
      child.stdin?.end(options.input);
    }
  });
}

/** As {@link runAny}, and rejects with a {@link CommandError} unless the code is 0. Gives standard output. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await runAny(file, args, options);
  if (result.code !== 0) throw new CommandError(`${file} ${args.join(' ')}`, result);
  return result.stdout;
}

/** Starts a long-lived child; the caller owns it. */
export function start(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(file, args, options);
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr', most: number, onOutput: RunOptions['onOutput']): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  child[stream]?.on('data', (chunk: Buffer) => {
    onOutput?.(chunk, stream);
    if (size < most) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function explain(error: Error, file: string): Error {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  return new Error(`the program '${file}' is not installed; run 'npm start' (it installs what is missing) or install it by hand`, { cause: error });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : signal === 'SIGINT' ? 2 : 1;
}
