/**
 * The RuntimeDefault seccomp profile: refuses the calls that reach beyond a container or into rarely audited parts of the kernel.
 * Those that a capability opens are refused only when the container lacks it. A list of refusals keeps the filter short and the start quick.
 */
import type { OciSeccomp } from './oci.ts';

const EPERM = 1;
const ENOSYS = 38;

/** Never in a container, whatever it may do. */
const ALWAYS = ['add_key', 'keyctl', 'request_key', 'userfaultfd', 'vm86', 'vm86old', 'uselib', 'ustat', 'sysfs', '_sysctl', 'nfsservctl', 'get_kernel_syms', 'query_module', 'create_module', 'kexec_load', 'kexec_file_load', 'move_pages', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'swapon', 'swapoff', 'lookup_dcookie'];

/** Refused without the capability. */
const GATED: Readonly<Record<string, readonly string[]>> = {
  CAP_SYS_ADMIN: ['mount', 'umount', 'umount2', 'mount_setattr', 'move_mount', 'open_tree', 'fsopen', 'fsconfig', 'fsmount', 'fspick', 'pivot_root', 'setns', 'unshare', 'quotactl', 'quotactl_fd', 'setdomainname', 'sethostname', 'fanotify_init', 'name_to_handle_at'],
  CAP_SYS_MODULE: ['init_module', 'finit_module', 'delete_module'],
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_TIME: ['settimeofday', 'stime', 'clock_settime', 'clock_settime64', 'clock_adjtime', 'clock_adjtime64', 'adjtimex'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_RAWIO: ['iopl', 'ioperm'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
  CAP_SYSLOG: ['syslog'],
  CAP_BPF: ['bpf'],
  CAP_PERFMON: ['perf_event_open'],
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_SYS_NICE: ['mbind', 'migrate_pages', 'set_mempolicy', 'set_mempolicy_home_node'],
  CAP_SYS_PTRACE: ['process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'kcmp'],
};

/** CAP_SYS_ADMIN of old also opened these (capabilities(7)). */
const ADMIN_OPENS = ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYSLOG'];
const CLONE_NEW_NAMESPACES = 0x7e02_0000;

const made = new Map<string, OciSeccomp>();

/** The profile for a container with these capabilities in its bounding set; equal sets give the same value. */
export function runtimeDefaultSeccomp(capabilities: readonly string[], arch: string = process.arch): OciSeccomp {
  const key = `${arch}:${capabilities.join()}`;
  const before = made.get(key);
  if (before !== undefined) return before;
  const admin = capabilities.includes('CAP_SYS_ADMIN');
  const refused = Object.entries(GATED).flatMap(([capability, names]) => (capabilities.includes(capability) || (admin && ADMIN_OPENS.includes(capability)) ? [] : names));
  const syscalls: OciSeccomp['syscalls'] = [{ names: [...ALWAYS, ...refused], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM }];
  if (!admin) {
    // New namespaces need arguments to be looked at; those of clone3 lie in memory, where a filter cannot see them, so that libc must fall back to clone.
    syscalls.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS });
    for (let bit = 0; bit < 32; bit++) {
      const flag = 2 ** bit;
      if ((CLONE_NEW_NAMESPACES & flag) !== 0) syscalls.push({ names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }] });
    }
  }
  const profile: OciSeccomp = { defaultAction: 'SCMP_ACT_ALLOW', architectures: arch === 'arm64' ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'], syscalls };
  made.set(key, profile);
  return profile;
}
