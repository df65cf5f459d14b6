/** What of a pod's spec this node cannot keep: refused with words, rather than run as if it were not there (upstream: the kubelet's admission handlers). */
import { readFileSync } from 'node:fs';
import type { Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import type { Refusal } from './admit.ts';
import { refusedSysctl } from './sysctls.ts';

/** `allowedSysctls` are unsafe settings that pods may have. */
export function refusedSpec(pod: Pod, options: { allowedSysctls: readonly string[]; appArmor: boolean }): Refusal | undefined {
  const spec = pod.spec!;
  if (spec.os?.name !== undefined && spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  if (!options.appArmor && wantsAppArmor(spec)) return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  if ((spec.resourceClaims ?? []).length > 0) return { reason: 'UnexpectedAdmissionError', message: 'resourceClaims are not served: this node has no drivers of dynamic resources; use extended resources of device plugins' };
  return refusedSysctl(pod, options.allowedSysctls);
}

function wantsAppArmor({ securityContext, containers, initContainers = [] }: PodSpec): boolean {
  return [securityContext, ...[...containers, ...initContainers].map((each) => each.securityContext)].some((each) => each?.appArmorProfile !== undefined && each.appArmorProfile.type !== 'Unconfined');
}

/** Whether the kernel has it on. */
export function hasAppArmor(): boolean {
  try { return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y'); } catch { return false; }
}
