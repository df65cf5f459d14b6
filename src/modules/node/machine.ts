/** What the node must know of the machine beyond MachineFacts. */
import { statSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { capabilitiesOfMask } from './bundle/capabilities.ts';
import { textOf } from './read-files.ts';

/** The address of the interface with the default route; `fallback` on a machine without one. */
export function hostAddress(fallback: string, routes: string = textOf('/proc/net/route')): string {
  const name = routes.split('\n').map((line) => line.split('\t')).find((fields) => fields[1] === '00000000' && fields[7] === '00000000')?.[0];
  const address = name === undefined ? undefined : networkInterfaces()[name]?.find((each) => each.family === 'IPv4')?.address;
  return address ?? fallback;
}

export function machineCapabilities(status: string = textOf('/proc/self/status')): readonly string[] {
  return capabilitiesOfMask(BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`));
}

/** The hard limit: a container cannot be given more. */
export function openFilesLimit(limits: string = textOf('/proc/self/limits')): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? 1_048_576 : Number(hard);
}

/**
 * crun refuses a hybrid machine while the v2 hierarchy is mounted beside v1.
 * Gives what to do about it, or undefined when all is well.
 */
export function hybridComplaint(unified = '/sys/fs/cgroup/unified'): string | undefined {
  if (!isMountPoint(unified)) return undefined;
  return 'this machine mounts cgroup v1 and v2 at once, which crun refuses: start llmos with ./llmos, which gives it a mount namespace of its own without /sys/fs/cgroup/unified '
    + '(by hand: unshare --mount sh -c "umount /sys/fs/cgroup/unified; exec ...")';
}

/** By its device: the table of mounts has some lines for each pod, and is asked for at every heartbeat. Bind mounts of the same file system are not seen. */
function isMountPoint(path: string): boolean {
  const [own, parent] = [path, dirname(path)].map((each) => statSync(each, { throwIfNoEntry: false })?.dev);
  return own !== undefined && own !== parent;
}

const SCORE_FILE = '/proc/self/oom_score_adj';
const SAFEST = -1_000;
let lowest: number | undefined;

/**
 * The lowest oom_score_adj that this process may give: -1000 with CAP_SYS_RESOURCE of the machine, else its own (proc_pid_oom_score_adj(5)). It is tried, as in a user namespace
 * of somebody else the capability is shown and has no effect.
 */
export function lowestOomScore(): number {
  lowest ??= tryLowest();
  return lowest;
}

function tryLowest(): number {
  const own = Number(textOf(SCORE_FILE)) || 0;
  try {
    writeFileSync(SCORE_FILE, String(SAFEST));
    writeFileSync(SCORE_FILE, String(own)); // to be less safe is never refused
    return SAFEST;
  } catch {
    return own;
  }
}
