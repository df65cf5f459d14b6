/** Devices of the machine, for privileged containers, and those that device plugins give. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OciConfig } from './oci.ts';

/** What a container has of its own, or must not share. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', 'ptmx', 'core', 'stdin', 'stdout', 'stderr', 'null', 'zero', 'full', 'random', 'urandom', 'tty']);
type Device = NonNullable<OciConfig['linux']['devices']>[number];
export type GivenDevice = Device & { access: string };

export function hostDevices(folder = '/dev', own: ReadonlySet<string> = OWN): Device[] {
  const found: Device[] = [];
  for (const name of readdirSync(folder)) {
    if (own.has(name)) continue;
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    found.push(...(stat?.isDirectory() ? hostDevices(path, own) : nodesAt(path)));
  }
  return found;
}

/** Those that a device plugin names, each a device node or a folder of such. Throws when one is not there. */
export function givenDevices(specs: readonly { containerPath: string; hostPath: string; permissions: string }[]): GivenDevice[] {
  return specs.flatMap(({ containerPath, hostPath, permissions }) => {
    const found = statSync(hostPath).isDirectory() ? hostDevices(hostPath, new Set()) : nodesAt(hostPath);
    if (found.length === 0) throw new Error(`${hostPath} is no device`);
    return found.map((device) => ({ ...device, path: containerPath + device.path.slice(hostPath.length), access: permissions || 'rwm' }));
  });
}

/** Empty when no device lies there. */
export function nodesAt(path: string): Device[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !(stat.isCharacterDevice() || stat.isBlockDevice())) return [];
  return [{ type: stat.isBlockDevice() ? 'b' : 'c', path, major: major(stat.rdev), minor: minor(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid }];
}

/** glibc's makedev, backwards; the upper 32 bits hold more of both only beyond what Linux gives. */
function major(device: number): number {
  return (device >> 8) & 0xfff;
}

function minor(device: number): number {
  return (device & 0xff) | ((device >> 12) & 0xfff00);
}
