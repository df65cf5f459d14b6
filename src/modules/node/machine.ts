/** What the node must know of the machine beyond MachineFacts. */
import { networkInterfaces } from 'node:os';
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
export function hybridComplaint(mounts: string = textOf('/proc/self/mounts')): string | undefined {
  const hybrid = mounts.split('\n').some((line) => line.split(' ')[1] === '/sys/fs/cgroup/unified');
  if (!hybrid) return undefined;
  return 'this machine mounts cgroup v1 and v2 at once, which crun refuses: start llmos with ./llmos, which gives it a mount namespace of its own without /sys/fs/cgroup/unified '
    + '(by hand: unshare --mount sh -c "umount /sys/fs/cgroup/unified; exec ...")';
}

let oomScore: number | undefined;

/** The oom_score_adj of this process. */
export function ownOomScore(): number {
  oomScore ??= Number(textOf('/proc/self/oom_score_adj')) || 0;
  return oomScore;
}
