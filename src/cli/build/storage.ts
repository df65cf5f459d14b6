/** containers/storage of one instance, by buildah and skopeo. */
import { start, runAny, CommandError, type RunResult } from '../../base/sys/run.ts';

export interface ImageStorage {
  /** `--root` of buildah. */
  imagesRoot: string;
  /** `--runroot` of buildah. */
  imagesRunRoot: string;
}

const DRIVER = 'overlay';

function storageArgs({ imagesRoot, imagesRunRoot }: ImageStorage): string[] {
  return ['--root', imagesRoot, '--runroot', imagesRunRoot, '--storage-driver', DRIVER];
}

/** The reference of an image in this storage, for skopeo. */
export function storageReference({ imagesRoot, imagesRunRoot }: ImageStorage, image: string): string {
  return `containers-storage:[${DRIVER}@${imagesRoot}+${imagesRunRoot}]${image}`;
}

export interface CommandOptions {
  signal?: AbortSignal;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Each line of both streams, as it comes. */
  onLine?: (line: string) => void;
}

/** buildah on this storage; gives standard output, rejects with a CommandError. */
export async function buildah(storage: ImageStorage, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return command('buildah', [...storageArgs(storage), ...args], options);
}

/** Whether the storage has an image of that name. */
export async function hasImage(storage: ImageStorage, image: string): Promise<boolean> {
  return (await imageId(storage, image)) !== undefined;
}

/** The id of the image of that name, or whose id begins so; undefined when there is none. */
export async function imageId(storage: ImageStorage, image: string): Promise<string | undefined> {
  const { code, stdout } = await runAny('buildah', [...storageArgs(storage), 'inspect', '--type', 'image', '--format', '{{.FromImageID}}', image]);
  return code === 0 ? stdout.trim() : undefined;
}

const GRACE_MS = 5_000;

/** Runs a command in a process group of its own, so that an abort ends all that it started: asked first, then made to. */
export async function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  options.signal?.throwIfAborted();
  const result = await new Promise<RunResult>((resolve, reject) => {
    const child = start(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: options.cwd, env: options.env ?? process.env });
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // it has ended by itself
      }
    };
    let killer: NodeJS.Timeout | undefined;
    const abort = (): void => {
      kill('SIGTERM');
      killer = setTimeout(() => kill('SIGKILL'), GRACE_MS);
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    const stdout = collect(child.stdout, options.onLine);
    const stderr = collect(child.stderr, options.onLine);
    const end = (): void => {
      clearTimeout(killer);
      options.signal?.removeEventListener('abort', abort);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      end();
      reject(error.code === 'ENOENT' ? new Error(`the program '${file}' is not installed; run 'npm start' (it installs what is missing) or 'apt-get install ${file}'`, { cause: error }) : error);
    });
    child.once('close', (code) => {
      end();
      resolve({ code: code ?? 137, stdout: stdout(), killed: false, stderr: stderr() });
    });
  });
  options.signal?.throwIfAborted();
  if (result.code !== 0) throw new CommandError(`${file} ${args.join(' ')}`, result);
  return result.stdout;
}

const MAX_KEPT = 1024 * 1024;

function collect(stream: NodeJS.ReadableStream | null, onLine: ((line: string) => void) | undefined): () => string {
  let kept = '';
  let open = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    kept = (kept + chunk).slice(-MAX_KEPT);
    const lines = (open + chunk).split(/\r?\n|\r/);
    open = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  stream?.on('end', () => { if (open !== '') onLine?.(open); });
  return () => kept;
}
