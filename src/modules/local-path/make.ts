/** Makes what a new volume is: a file of its size, filled from a snapshot or another volume where the claim says so. */
import { existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { quantityValue } from '../../api/quantity.ts';
import { growVolumeFile, leastFilesystemBytes, makeVolumeFile, placeVolumeFile, removeVolumeFile, volumeFileOf } from '../../base/sys/volume-file.ts';
import { copyFile, copyInto } from './copy.ts';

/** On a StorageClass: `none` gives folders whose size nobody keeps. Default: sizes are kept where the machine can. */
const LIMIT = 'sizeLimit';

export interface Made {
  /** Why nobody keeps the size. */
  unlimited?: string;
}

/** What a volume for the claim has at least, in bytes. */
export function leastBytesOf({ spec }: PersistentVolumeClaim, { parameters }: { parameters?: Record<string, string> }): number {
  return spec?.volumeMode === 'Block' || parameters?.[LIMIT] === 'none' ? 0 : LEAST_TOLD_BYTES < leastFilesystemBytes() ? leastFilesystemBytes() : 0;
}

/** Up to here nobody is told that it was rounded up. */
const LEAST_TOLD_BYTES = 2 ** 20;

/** Safe to do again. `source` is a folder, or a file for a block volume. */
export async function makeVolume(volume: PersistentVolume, { parameters }: { parameters?: Record<string, string> }, source: string | undefined): Promise<Made> {
  const path = volume.spec?.hostPath?.path ?? '';
  const sizeBytes = quantityValue(volume.spec?.capacity?.['storage'] ?? '0');
  if (volume.spec?.volumeMode === 'Block') {
    await makeBlock(path, sizeBytes, source);
    return {};
  }
  if (source !== undefined && statSync(source).isFile()) throw new Error('what the claim is to be filled from is a block volume: set volumeMode to Block');
  const unlimited = parameters?.[LIMIT] === 'none' ? 'its class says so' : await makeFilesystem(path, sizeBytes, volume.spec?.mountOptions ?? []);
  if (unlimited !== undefined) mkdirSync(path, { recursive: true, mode: 0o777 });
  if (source !== undefined) await copyInto(source, path);
  return unlimited === undefined || parameters?.[LIMIT] === 'none' ? {} : { unlimited };
}

/** Gives why there is none, so that a folder must do. */
async function makeFilesystem(path: string, sizeBytes: number, mountOptions: readonly string[]): Promise<string | undefined> {
  const file = volumeFileOf(path);
  if (!existsSync(file) && existsSync(path)) return 'its folder was there before';
  try {
    await makeVolumeFile(file, sizeBytes, { filesystem: true });
    await placeVolumeFile(file, path, { mayUnmount: false, mountOptions });
    return undefined;
  } catch (error) {
    await removeVolumeFile(file, path).catch(() => {});
    if (mountOptions.length === 0) return (error as Error).message;
    if (existsSync(path)) rmdirSync(path);
    throw error; // a folder would have none of them
  }
}

async function makeBlock(path: string, sizeBytes: number, source: string | undefined): Promise<void> {
  const file = volumeFileOf(path);
  if (source === undefined) return makeVolumeFile(file, sizeBytes, { filesystem: false });
  if (!statSync(source).isFile()) throw new Error('what the claim is to be filled from is no block volume: set volumeMode to Filesystem');
  await copyFile(source, file);
  await growVolumeFile(file, sizeBytes);
}

/** Where the files of a volume are read; its file when it is a block volume. Mounts it when it is not. */
export async function contentOf(volume: PersistentVolume): Promise<string> {
  const path = volume.spec?.hostPath?.path ?? '';
  const file = volumeFileOf(path);
  if (!existsSync(file)) return path;
  if (volume.spec?.volumeMode === 'Block') return file;
  await placeVolumeFile(file, path, { mayUnmount: false, mountOptions: volume.spec?.mountOptions });
  return path;
}
