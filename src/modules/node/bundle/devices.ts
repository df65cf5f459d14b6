/** Devices of the machine, for privileged containers. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OciConfig } from './oci.ts';

/** What a container has of its own, or must not share. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', 'ptmx', 'core', 'stdin', 'stdout', 'stderr', 'null', 'zero', 'full', 'random', 'urandom', 'tty']);
type Device = NonNullable<OciConfig['linux']['devices']>[number];

export function hostDevices(folder = '/dev'): Device[] {
  const found: Device[] = [];
  for (const name of readdirSync(folder)) {
    if (OWN.has(name)) continue;
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) found.push(...hostDevices(path));
    else if (stat?.isCharacterDevice() || stat?.isBlockDevice()) found.push({ type: stat.isBlockDevice() ? 'b' : 'c', path, major: major(stat.rdev), minor: minor(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid });
  }
  return found;
}

/** glibc's makedev, backwards; the upper 32 bits hold more of both only beyond what Linux gives. */
function major(device: number): number {
  return (device >> 8) & 0xfff;
}

function minor(device: number): number {
  return (device & 0xff) | ((device >> 12) & 0xfff00);
}
