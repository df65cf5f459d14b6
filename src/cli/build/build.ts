/** `llmos build`: an image from a Dockerfile, by buildah, into the instance's own storage. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureBaseImage, type BaseOrigin } from './base-image.ts';
import { baseImagesOf } from './dockerfile.ts';
import { buildah, type ImageStorage } from './storage.ts';

export type BuildProgress =
  /** A step of the Dockerfile begins. */
  | { type: 'step'; number: number; total: number; text: string }
  /** A line that a program wrote. */
  | { type: 'line'; text: string }
  /** Something that the user should know, in a sentence. */
  | { type: 'note'; text: string };

export interface BuildOptions extends ImageStorage {
  contextFolder: string;
  /** Path of the Dockerfile; default `Dockerfile`, else `Containerfile`, in the context. */
  dockerfile?: string;
  /** `web`, `web:1.0`; default none. */
  tag?: string;
  buildArgs?: Readonly<Record<string, string>>;
  cacheFolder: string;
  /** Builds every step anew. */
  noCache?: boolean;
  onProgress?: (progress: BuildProgress) => void;
  signal?: AbortSignal;
}

export interface BuildResult {
  imageId: string;
  /** As the storage names it, for instance `localhost/web:latest`. */
  name: string | undefined;
  /** Where each base image came from. */
  bases: Record<string, BaseOrigin>;
  durationMs: number;
}

/** Rejects with a sentence that names the step, the file or the base image that failed. */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const startedMs = performance.now();
  const { signal, onProgress } = options;
  const file = await findDockerfile(options);
  const onLine = lineReader(onProgress);
  await mkdir(options.cacheFolder, { recursive: true });
  const bases: Record<string, BaseOrigin> = {};
  for (const image of baseImagesOf(file.text, options.buildArgs).images) {
    bases[image] = await ensureBaseImage(image, { ...options, onNote: (text) => onProgress?.({ type: 'note', text }), onLine: (text) => onProgress?.({ type: 'line', text }) });
  }
  const args = ['build', '--isolation', 'chroot', '--pull=never', '--layers', '--force-rm', ...(options.noCache ? ['--no-cache'] : []), '-f', file.path];
  for (const [name, value] of Object.entries(options.buildArgs ?? {})) args.push('--build-arg', `${name}=${value}`);
  if (options.tag !== undefined) args.push('-t', options.tag);
  const output = await buildah(options, [...args, options.contextFolder], { signal, onLine, env: { ...process.env, TMPDIR: options.cacheFolder } }).catch((error: Error) => {
    throw signal?.aborted ? error : new Error(`building ${file.path} failed: ${reasonOf(error)}`, { cause: error });
  });
  return { imageId: output.trim().split('\n').at(-1) ?? '', name: options.tag === undefined ? undefined : localName(options.tag), bases, durationMs: performance.now() - startedMs };
}

/** What a tag without a registry becomes in the storage. */
export function localName(tag: string): string {
  const [first = '', ...rest] = tag.split('/');
  const registry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const name = registry ? tag : `localhost/${tag}`;
  return /:[^/]+$/.test(name) || name.includes('@') ? name : `${name}:latest`;
}

async function findDockerfile({ contextFolder, dockerfile }: BuildOptions): Promise<{ path: string; text: string }> {
  const candidates = dockerfile === undefined ? [join(contextFolder, 'Dockerfile'), join(contextFolder, 'Containerfile')] : [dockerfile];
  for (const path of candidates) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (text !== undefined) return { path, text };
  }
  throw new Error(`there is no ${candidates.join(' and no ')}; name the file with -f, or the folder that has it`);
}

/** `STEP 2/5: RUN ...` begins a step; all else is a line. */
function lineReader(onProgress: BuildOptions['onProgress']): (line: string) => void {
  return (line) => {
    const step = /^STEP (\d+)\/(\d+): (.*)$/.exec(line);
    if (step === null) onProgress?.({ type: 'line', text: line });
    else onProgress?.({ type: 'step', number: Number(step[1]), total: Number(step[2]), text: step[3] ?? '' });
  };
}

/** buildah's own last words, without its prefixes. */
function reasonOf(error: Error): string {
  const lines = (error as { result?: { stderr: string } }).result?.stderr.trim().split('\n') ?? [error.message];
  const last = lines.filter((line) => line.trim() !== '').at(-1) ?? error.message;
  return last.replace(/^(Error|error): /, '').replace(/^time=\S+ level=\w+ msg=/, '');
}
