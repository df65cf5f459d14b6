/** hostPath volumes: what must be there, or is made (core/v1 HostPathType). */
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import type { HostPathVolumeSource } from '../../../api/generated/core-v1.ts';

/** Throws with kubelet's words when the path is of another sort. */
export function checkHostPath(source: HostPathVolumeSource): string {
  const { path, type = '' } = source;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (type === 'DirectoryOrCreate' && stat === undefined) mkdirSync(path, { recursive: true, mode: 0o755 });
  else if (type === 'FileOrCreate' && stat === undefined) closeSync(openSync(path, 'a', 0o644));
  else if (type === '') { if (stat === undefined) mkdirSync(path, { recursive: true, mode: 0o755 }); }
  else {
    const fits: Record<string, boolean | undefined> = {
      Directory: stat?.isDirectory(), DirectoryOrCreate: stat?.isDirectory(), File: stat?.isFile(), FileOrCreate: stat?.isFile(),
      Socket: stat?.isSocket(), CharDevice: stat?.isCharacterDevice(), BlockDevice: stat?.isBlockDevice(),
    };
    if (fits[type] !== true) throw new Error(`hostPath type check failed: ${path} is not a ${WORDS[type] ?? type}`);
  }
  return path;
}

const WORDS: Record<string, string> = { Directory: 'directory', DirectoryOrCreate: 'directory', File: 'file', FileOrCreate: 'file', Socket: 'socket file', CharDevice: 'character device', BlockDevice: 'block device' };
