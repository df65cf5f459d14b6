/** volumeMounts of a container become OCI mounts; a subPath is followed within its volume only. */
import { chmodSync, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Container, VolumeMount } from '../../../api/generated/core-v1.ts';
import { expand } from '../../../api/core/expand.ts';
import type { OciMount } from '../bundle/oci.ts';

/** By volume name. */
export type VolumeOptions = ReadonlyMap<string, readonly ('ro' | 'noexec')[]>;

/** Throws with what to change when a mount names no volume or leaves its volume. `always` is what holds for every mount of a volume. */
export function containerMounts(container: Container, volumes: ReadonlyMap<string, string>, env: ReadonlyMap<string, string>, always: VolumeOptions = NONE): OciMount[] {
  const isImage = ({ name }: VolumeMount): boolean => always.get(name)?.includes('noexec') === true;
  return (container.volumeMounts ?? []).map((mount): OciMount => {
    const base = volumes.get(mount.name);
    if (base === undefined) throw new Error(`volumeMount ${mount.name} of container ${container.name} names no volume of the pod that can be mounted: it is missing, or a block volume, which wants volumeDevices`);
    const subPath = mount.subPathExpr ? expanded(mount.subPathExpr, env) : (mount.subPath ?? '');
    const propagation = mount.mountPropagation === 'Bidirectional' ? 'rshared' : mount.mountPropagation === 'HostToContainer' ? 'rslave' : 'rprivate';
    return { destination: resolve('/', mount.mountPath), type: 'bind', source: isImage(mount) ? inImage(base, subPath, mount.name) : within(base, subPath, mount.name), options: ['rbind', propagation, accessOf(mount, always.get(mount.name)?.includes('ro') === true), ...(always.get(mount.name) ?? []).filter((each) => each !== 'ro')] };
  });
}

/** What lies deeper comes later, or it would be hidden: /etc/hosts in a volume at /etc, a termination message in a volume (containerd: orderedMounts). */
export function byDepth(mounts: readonly OciMount[]): OciMount[] {
  return mounts.toSorted((a, b) => a.destination.split('/').length - b.destination.split('/').length);
}

/** Unlike a command a path is never taken as it stands: each of its variables must have a value (upstream: ExpandContainerVolumeMounts). */
function expanded(subPathExpr: string, env: ReadonlyMap<string, string>): string {
  const missing = new Set<string>();
  const path = expand(subPathExpr, (name) => {
    const value = env.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(', ')}`);
  return path;
}

const NONE: VolumeOptions = new Map();

/** `rro`: what is mounted beneath is read-only too (runtime-spec, mount options). */
function accessOf({ readOnly, recursiveReadOnly = 'Disabled' }: VolumeMount, isReadOnly: boolean): 'ro' | 'rro' | 'rw' {
  if (readOnly !== true && !isReadOnly) return 'rw';
  return recursiveReadOnly === 'Disabled' ? 'ro' : 'rro';
}

/** What the root of a container must let through, so that its mounts spread as they ask (runtime-spec, rootfsPropagation). */
export function rootPropagation({ volumeMounts = [] }: Container): 'rshared' | 'rslave' | undefined {
  if (volumeMounts.some((each) => each.mountPropagation === 'Bidirectional')) return 'rshared';
  return volumeMounts.some((each) => each.mountPropagation === 'HostToContainer') ? 'rslave' : undefined;
}

/** Folders that are missing get the mode of the volume, so that who may write in it may write in them (upstream: SafeMakeDir). */
function makeLike(root: string, path: string): void {
  const first = mkdirSync(path, { recursive: true });
  const mode = statSync(root).mode & 0o7777;
  for (let each = path; first !== undefined && each.length >= first.length; each = dirname(each)) if (realpathSync(each).startsWith(`${root}/`)) chmodSync(each, mode);
}

/** A path that the image of a volume lacks: nothing of the pod's spec is wrong (upstream: the runtime looks for it, and the container cannot be created). */
export class ImagePathError extends Error {
  override name = 'ImagePathError';
}

function inImage(base: string, subPath: string, volume: string): string {
  if (subPath !== '' && !existsSync(join(base, subPath))) throw new ImagePathError(`failed to mount subPath of volumeMount "${volume}": there is no "${subPath}" in the image`);
  return within(base, subPath, volume);
}

function within(base: string, subPath: string, volume: string): string {
  if (subPath === '') return base;
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) throw new Error(`subPath "${subPath}" must stay within its volume`);
  const root = realpathSync(base);
  const path = join(root, subPath);
  try {
    if (!existsSync(path)) makeLike(root, path);
  } catch (error) {
    throw new Error(`failed to prepare subPath for volumeMount "${volume}": there is no "${subPath}" in the volume, and it cannot be made: ${(error as Error).message.split(':')[0]}`, { cause: error });
  }
  const real = realpathSync(path);
  if (real !== root && !real.startsWith(`${root}/`)) throw new Error(`subPath "${subPath}" leaves its volume through a link`);
  return real;
}
