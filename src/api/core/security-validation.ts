/** What a pod and its containers may be allowed, in upstream's words (core/v1 validation). */
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from '../generated/core-v1.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { Int64 } from '../int64.ts';
import { localPathErrors } from './local-path.ts';

const PROFILES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const PROC_MOUNTS = ['Default', 'Unmasked'];
const CHANGE_POLICIES = ['Always', 'OnRootMismatch'];
const GROUP_POLICIES = ['Merge', 'Strict'];
const LABEL_POLICIES = ['MountOption', 'Recursive'];
const SYSCTL_NAME = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
/** Those of the kernel's that are each namespace's own. */
const OF_THE_NETWORK = /^net[./]/;
const OF_MESSAGES = /^(kernel[./](sem|shm|msg)|fs[./]mqueue[./])/;

/** `hostUsers` as the pod has it. */
export function containerSecurityErrors(context: SecurityContext | undefined, path: string, { hostUsers }: { hostUsers: boolean }): FieldError[] {
  if (context === undefined) return [];
  const errors = [...idErrors(context.runAsUser, `${path}.runAsUser`), ...idErrors(context.runAsGroup, `${path}.runAsGroup`)];
  const { procMount } = context;
  if (procMount !== undefined && !PROC_MOUNTS.includes(procMount)) errors.push(notSupported(`${path}.procMount`, procMount, PROC_MOUNTS));
  if (procMount === 'Unmasked' && hostUsers) errors.push(invalid(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  errors.push(...seccompErrors(context.seccompProfile, `${path}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) errors.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    if (context.capabilities?.add?.some((each) => each === 'CAP_SYS_ADMIN')) errors.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'));
  }
  return [...errors, ...appArmorErrors(context.appArmorProfile, `${path}.appArmorProfile`)];
}

export function podSecurityErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const context = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  for (const field of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) errors.push(...idErrors(context[field], `${at}.${field}`));
  for (const [index, id] of (context.supplementalGroups ?? []).entries()) errors.push(...idErrors(id, `${at}.supplementalGroups[${index}]`));
  const oneOf = (field: 'fsGroupChangePolicy' | 'seLinuxChangePolicy' | 'supplementalGroupsPolicy', values: readonly string[]): void => {
    const value = context[field];
    if (value !== undefined && !values.includes(value)) errors.push(notSupported(`${at}.${field}`, value, values));
  };
  oneOf('fsGroupChangePolicy', CHANGE_POLICIES);
  oneOf('supplementalGroupsPolicy', GROUP_POLICIES);
  oneOf('seLinuxChangePolicy', LABEL_POLICIES);
  errors.push(...seccompErrors(context.seccompProfile, `${at}.seccompProfile`), ...appArmorErrors(context.appArmorProfile, `${at}.appArmorProfile`));
  if (spec.hostUsers === false) for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (spec[field] === true) errors.push(forbidden(`${path}.${field}`, 'when `hostUsers` is false'));
  if (spec.shareProcessNamespace === true && spec.hostPID === true) errors.push(invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  return [...errors, ...sysctlErrors(context.sysctls, spec, `${at}.sysctls`)];
}

function idErrors(id: Int64 | undefined, path: string): FieldError[] {
  return id !== undefined && (id < 0 || id > 2_147_483_647) ? [invalid(path, id, 'must be between 0 and 2147483647, inclusive')] : [];
}

function seccompErrors(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!PROFILES.includes(type)) errors.push(notSupported(`${path}.type`, type, PROFILES));
  if (type !== 'Localhost') return localhostProfile === undefined ? errors : [...errors, invalid(`${path}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost')];
  return [...errors, ...(localhostProfile ? localPathErrors(localhostProfile, `${path}.localhostProfile`) : [required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost')])];
}

function appArmorErrors(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  if (!type) return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (!PROFILES.includes(type)) return [notSupported(`${path}.type`, type, PROFILES)];
  if (type !== 'Localhost') return localhostProfile === undefined ? [] : [invalid(`${path}.localhostProfile`, localhostProfile, 'can only be set when AppArmor type is Localhost')];
  return localhostProfile?.trim() ? [] : [required(`${path}.localhostProfile`, 'must be set when AppArmor type is Localhost')];
}

function sysctlErrors(sysctls: PodSecurityContext['sysctls'], { hostNetwork, hostIPC }: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return (sysctls ?? []).flatMap(({ name }, index) => {
    const at = `${path}[${index}].name`;
    const repeated = names.has(name);
    names.add(name);
    if (!name) return [required(at)];
    if (!new RegExp(`^${SYSCTL_NAME}$`).test(name)) return [invalid(at, name, `must have at most 253 characters and match regex ^${SYSCTL_NAME}$`)];
    if (repeated) return [duplicate(at, name)];
    if (hostNetwork === true && OF_THE_NETWORK.test(name)) return [invalid(at, name, "may not be specified when 'hostNetwork' is true")];
    return hostIPC === true && OF_MESSAGES.test(name) ? [invalid(at, name, "may not be specified when 'hostIPC' is true")] : [];
  });
}
