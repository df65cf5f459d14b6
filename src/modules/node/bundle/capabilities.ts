/** Capabilities of a container: the runtime's default set, changed by securityContext.capabilities (core/v1 Capabilities). */
import type { OciCapabilities } from './oci.ts';
import type { SecurityContext } from '../../../api/generated/core-v1.ts';

/** What containers get unless they say otherwise: containerd's and Docker's set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETFCAP',
  'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL', 'CAP_AUDIT_WRITE',
];

/** In the order of their numbers (linux/capability.h). */
const KERNEL: readonly string[] = ('CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN '
  + 'NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE '
  + 'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE').split(' ').map((name) => `CAP_${name}`);

/** Names of the bits of `mask` (CapBnd of /proc/self/status): what this machine can give at all. */
export function capabilitiesOfMask(mask: bigint): readonly string[] {
  return KERNEL.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/** The set of a container. Those that the machine does not have are left out. `root` is whether it runs as uid 0: others get none effective. */
export function containerCapabilities(context: SecurityContext | undefined, options: { available: readonly string[]; root: boolean }): OciCapabilities {
  const names = wanted(context, options.available).filter((name) => options.available.includes(name));
  const effective = options.root ? names : [];
  return { bounding: names, effective, permitted: effective };
}

function wanted(context: SecurityContext | undefined, available: readonly string[]): readonly string[] {
  if (context?.privileged === true) return available;
  const add = (context?.capabilities?.add ?? []).map(full);
  const drop = (context?.capabilities?.drop ?? []).map(full);
  const base = add.includes('CAP_ALL') ? available : drop.includes('CAP_ALL') ? [] : DEFAULT_CAPABILITIES;
  const kept = base.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add.filter((name) => name !== 'CAP_ALL')])];
}

function full(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
