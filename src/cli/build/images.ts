/** `llmos image ls|pull|push|rm|import|export|prune`, over the instance's own storage. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { imageBytes, progressText, watchPull } from '../../base/sys/pull-progress.ts';
import type { RegistryFiles } from '../../base/sys/registries.ts';
import { ensureArchiveKind } from './archive-kind.ts';
import { buildah, command, hasImage, imageId, storageReference, type CommandOptions, type ImageStorage } from './storage.ts';

export interface ImageEntry {
  id: string;
  /** Empty for an image that lost its name. */
  names: string[];
  sizeBytes: number;
  createdMs: number;
}

export async function listImages(storage: ImageStorage): Promise<ImageEntry[]> {
  const text = (await buildah(storage, ['images', '--json'])).trim();
  const entries = (text === '' ? [] : JSON.parse(text)) as { id: string; names?: string[] | null; size?: string; createdatraw?: string; createdat?: string }[];
  return entries.map(({ id, names, size = '', createdatraw, createdat }) => ({ id, names: (names ?? []).filter((name) => !name.includes('<none>')), sizeBytes: parseSize(size), createdMs: Date.parse(createdatraw ?? createdat ?? '') || 0 }));
}

export interface RemoveOptions {
  /** Also where a build under way uses it. */
  force?: boolean;
  /** Whether a container stands on the image with this id; such an image is kept. Default: none does. */
  inUse?: (id: string) => boolean;
}

/** Removes an image by name or id. Rejects when there is none, and when it would be taken away from under a container. */
export async function removeImage(storage: ImageStorage, image: string, options: RemoveOptions = {}): Promise<void> {
  const id = await imageId(storage, image);
  if (id === undefined) throw new Error(noImage(image));
  const entry = (await listImages(storage)).find((each) => id.startsWith(each.id)); // of ids the beginning is listed
  // Of several names one may go: the image stays.
  if (options.inUse?.(id) && (entry?.names.length ?? 0) < 2) throw new Error(`containers run from the image ${image}; delete their pods first ('llmos kubectl get pods -A -o wide' shows them)`);
  await buildah(storage, ['rmi', ...(options.force ? ['--force'] : []), image]);
}

function noImage(image: string): string {
  return `there is no image ${image}; 'llmos image ls' shows those that there are`;
}

/** Loads a docker or OCI archive, or an OCI folder; gives the name that it has now. */
export async function importImage(storage: ImageStorage, file: string, options: { name?: string; signal?: AbortSignal; onLine?: (line: string) => void } = {}): Promise<string> {
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  const { source, names } = await ensureArchiveKind(file);
  const name = options.name ?? names[0];
  if (name === undefined) throw new Error(`${file} does not say what its image is called; give it a name: llmos image import ${file} NAME`);
  await skopeo(storage, ['copy', '--retry-times', '0', source, storageReference(storage, name)], options);
  return name;
}

export interface TransferOptions extends CommandOptions {
  /** A docker config.json with credentials; default those of `skopeo login`. */
  authFile?: string;
  registries: RegistryFiles;
}

/** Fetches an image from its registry: of several platforms that of this machine. */
export async function pullImage(storage: ImageStorage, image: string, options: TransferOptions): Promise<string> {
  const name = fullName(image);
  mkdirSync(storage.imagesRoot, { recursive: true, mode: 0o700 });
  const parts = mkdtempSync(join(storage.imagesRoot, 'pulled-'));
  const { authFile, registries: { conf, certFolder } } = options;
  const ask = (): Promise<number | undefined> => imageBytes(['skopeo', ...(conf === undefined ? [] : ['--registries-conf', conf])], [...(authFile === undefined ? [] : ['--authfile', authFile]), ...(certFolder === undefined ? [] : ['--cert-dir', certFolder])], name);
  const watched = watchPull(parts, ask, (progress) => options.onLine?.(progressText(progress)));
  try {
    await transferred(`${name} could not be pulled`, options, (quiet) => skopeo(storage, ['--tmpdir', parts, ...transferArgs('src', options), `docker://${name}`, storageReference(storage, name)], quiet));
  } finally {
    watched.stop();
    rmSync(parts, { recursive: true, force: true });
  }
  return name;
}

/** Sends an image to a registry, by its own name or another. */
export async function pushImage(storage: ImageStorage, image: string, destination: string | undefined, options: TransferOptions): Promise<string> {
  if (!(await hasImage(storage, image))) throw new Error(noImage(image));
  const name = fullName(destination ?? image);
  if (name.startsWith('localhost/')) throw new Error(`${name} names no registry; say where it goes: llmos image push ${image} registry.example.com/${image.replace(/^localhost\//, '')}`);
  const id = await imageId(storage, image);
  await transferred(`${name} could not be pushed`, options, (quiet) => skopeo(storage, [...transferArgs('dest', options), storageReference(storage, `@${id}`), `docker://${name}`], quiet));
  return name;
}

/** Tells a failure once, in the words of the registry, not in those of the program that spoke with it. */
async function transferred(failure: string, options: TransferOptions, work: (options: TransferOptions) => Promise<void>): Promise<void> {
  let reason = '';
  try {
    await work({ ...options, onLine(line) {
      const fatal = FATAL.exec(line)?.[1];
      if (fatal === undefined) options.onLine?.(line);
      else reason = fatal.replaceAll('\\"', '"');
    } });
  } catch (error) {
    throw reason === '' ? error : new Error(`${failure}: ${reason}`, { cause: error });
  }
}

const FATAL = /level=fatal msg="((?:[^"\\]|\\.)*)"/;

function transferArgs(side: 'src' | 'dest', { authFile, registries }: TransferOptions): string[] {
  return [...(registries.conf === undefined ? [] : ['--registries-conf', registries.conf]), 'copy', '--retry-times', '1', ...(authFile === undefined ? [] : [`--${side}-authfile`, authFile]), ...(registries.certFolder === undefined ? [] : [`--${side}-cert-dir`, registries.certFolder])];
}

/** As pods name images: without a registry it is docker.io, without a tag latest; a name that was built here keeps its own. */
function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const named = rest.length > 0 && (first === 'localhost' || /[.:]/.test(first)) ? image : `docker.io/${rest.length > 0 ? image : `library/${image}`}`;
  return /(:[^/]+|@sha256:.+)$/.test(named) ? named : `${named}:latest`;
}

/** Writes the image to a new file that docker, podman and llmos can load. */
export async function exportImage(storage: ImageStorage, image: string, file: string, options: { format?: 'docker' | 'oci'; signal?: AbortSignal; onLine?: (line: string) => void } = {}): Promise<void> {
  if (existsSync(file)) throw new Error(`${file} exists already; remove it or name another file`);
  if (!(await hasImage(storage, image))) throw new Error(noImage(image));
  const plain = image.replace(/^localhost\//, '');
  await skopeo(storage, ['copy', storageReference(storage, image.includes('/') ? image : `localhost/${image}`), `${options.format ?? 'docker'}-archive:${file}:${/:[^/]+$/.test(plain) ? plain : `${plain}:latest`}`], options);
}

/** skopeo leaves the storage mounted on itself when it ends; buildah takes that back. */
async function skopeo(storage: ImageStorage, args: readonly string[], options: CommandOptions): Promise<void> {
  try {
    await command('skopeo', args, options);
  } finally {
    await buildah(storage, ['containers', '--quiet']).catch(() => {});
  }
}

/** Removes images without a name that nothing is built upon and no container stands on; gives their ids. */
export async function pruneImages(storage: ImageStorage, { inUse }: Pick<RemoveOptions, 'inUse'> = {}): Promise<string[]> {
  const removed: string[] = [];
  for (;;) {
    const ids = (await buildah(storage, ['images', '--filter', 'dangling=true', '--quiet', '--no-trunc'])).trim().split('\n').filter(Boolean).map((id) => id.replace(/^sha256:/, ''));
    const before = removed.length;
    for (const id of ids) {
      if (removed.includes(id) || inUse?.(id)) continue;
      // One that a named image is built upon is refused, and stays.
      await buildah(storage, ['rmi', id]).then(() => void removed.push(id), () => {});
    }
    if (removed.length === before) return removed;
  }
}

/** `121 MB` */
function parseSize(text: string): number {
  const match = /^([\d.]+)\s*([KMGT]?)B$/i.exec(text.trim());
  if (match === null) return 0;
  return Math.round(Number(match[1]) * 1000 ** ['', 'K', 'M', 'G', 'T'].indexOf((match[2] ?? '').toUpperCase()));
}
