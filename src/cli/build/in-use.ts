/**
 * The images that containers of an instance stand on. containers/storage does not know of those containers, so it would take the layers away
 * from under them; what tells of them are their root mounts, in the mount namespace of the instance.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Folders } from '../../boot/config.ts';
import { runAny } from '../../base/sys/run.ts';
import type { ImageStorage } from './storage.ts';

/** Gives whether a container stands on the image with this id; none does when the instance has no mount namespace. */
export async function imagesInUse(folders: Folders, { imagesRoot }: ImageStorage): Promise<(id: string) => boolean> {
  const namespace = join(folders.run, 'mount-namespace');
  const { code, stdout } = existsSync(namespace) ? await runAny('nsenter', [`--mount=${namespace}`, 'cat', '/proc/self/mounts']) : { code: 1, stdout: '' };
  const links = code === 0 ? topLayers(stdout) : new Set<string>();
  if (links.size === 0) return () => false;
  const file = join(imagesRoot, 'overlay-images', 'images.json');
  const images = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { id: string; layer?: string }[]) : [];
  const used = new Set(images.filter(({ layer }) => layer !== undefined && links.has(linkOf(imagesRoot, layer))).map(({ id }) => id));
  return (id) => used.has(id);
}

/** The short names of the topmost layers of overlay mounts whose layers are given as `l/NAME`. Pure; takes the text of proc(5) mounts. */
export function topLayers(mounts: string): Set<string> {
  return new Set([...mounts.matchAll(/^\S+ \S+ overlay \S*?\blowerdir\+?=l\/([^,: ]+)/gm)].map((match) => match[1]!));
}

function linkOf(imagesRoot: string, layer: string): string {
  const file = join(imagesRoot, 'overlay', layer, 'link');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}
