/** The probe phase: what this machine is. Reads /proc and the PATH only; starts no process. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Probe {
  cpuMillis: number;
  memoryBytes: number;
  cgroupVersion: 'v1' | 'v2';
  kernelVersion: string;
  /** Absolute paths by program name; a missing one is absent. */
  programs: Readonly<Record<string, string>>;
}

/** The host programs that modules start, and what goes without them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  crun: 'containers cannot run',
  conmon: 'containers cannot run',
  nft: 'services have no addresses',
  ip: 'pods have no network',
  skopeo: 'images cannot be pulled',
  buildah: 'images cannot be built',
  mount: 'volumes cannot be mounted',
  umount: 'volumes cannot be unmounted',
};
const OPTIONAL = ['runc', 'runsc', 'haproxy', 'mmdebstrap', 'conntrack', 'nsenter'];
const CNI_FOLDERS = ['/usr/lib/cni', '/opt/cni/bin'];

export function probeMachine(): Probe {
  return {
    cpuMillis: availableParallelism() * 1_000,
    memoryBytes: totalmem(),
    cgroupVersion: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1',
    kernelVersion: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    programs: findPrograms([...Object.keys(PROGRAMS), ...OPTIONAL]),
  };
}

/** What is missing, each with its consequence, for the log. */
export function missingPrograms(probe: Probe): string[] {
  return Object.entries(PROGRAMS).filter(([name]) => probe.programs[name] === undefined).map(([name, consequence]) => `${name} is not installed: ${consequence}; 'npm start' installs it`);
}

export function cniBinFolders(): string[] {
  return CNI_FOLDERS.filter((folder) => existsSync(join(folder, 'bridge')));
}

function findPrograms(names: readonly string[]): Record<string, string> {
  const folders = new Set([...(process.env['PATH'] ?? '').split(':').filter(Boolean), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']);
  const found: Record<string, string> = {};
  for (const name of names) {
    for (const folder of folders) {
      if (!executable(join(folder, name))) continue;
      found[name] = join(folder, name);
      break;
    }
  }
  return found;
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
