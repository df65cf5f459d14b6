/** What of a pod's spec this node cannot keep: refused with words, rather than run as if it were not there (upstream: the kubelet's admission handlers). */
import { existsSync, readFileSync } from 'node:fs';
import type { Pod, PodSpec, SecurityContext } from '../../../api/generated/core-v1.ts';
import type { Refusal } from './admit.ts';
import { refusedSysctl } from './sysctls.ts';

/** `allowedSysctls` are unsafe settings that pods may have. */
export function refusedSpec(pod: Pod, options: { allowedSysctls: readonly string[]; appArmor: boolean }): Refusal | undefined {
  const spec = pod.spec!;
  if (spec.os?.name !== undefined && spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  if (!options.appArmor && wantsAppArmor(spec)) return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  return refusedSysctl(pod, options.allowedSysctls);
}

/** What is taken and has no effect, to be told; undefined when there is nothing. Labels of SELinux guard a host that has it: elsewhere upstream runs such pods too, and does not say so. */
export function ignoredSpec({ spec }: Pod): string | undefined {
  return contextsOf(spec!).some((each) => each?.seLinuxOptions !== undefined) ? `seLinuxOptions have no effect: ${existsSync('/sys/fs/selinux/enforce') ? 'this node sets no labels' : 'SELinux is not enabled on the host'}` : undefined;
}

function wantsAppArmor(spec: PodSpec): boolean {
  return contextsOf(spec).some((each) => each?.appArmorProfile !== undefined && each.appArmorProfile.type !== 'Unconfined');
}

function contextsOf({ securityContext, containers, initContainers = [] }: PodSpec): (Pick<SecurityContext, 'appArmorProfile' | 'seLinuxOptions'> | undefined)[] {
  return [securityContext, ...[...containers, ...initContainers].map((each) => each.securityContext)];
}

/** Whether the kernel has it on. */
export function hasAppArmor(): boolean {
  try { return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y'); } catch { return false; }
}
