/** The Pod Security Standards: what each level forbids, in upstream's words (pod-security-admission policy). */
import type { Container, LifecycleHandler, PodSpec, Probe, SecurityContext } from '../../api/generated/core-v1.ts';
import type { LevelVersion } from './levels.ts';

export interface Violation {
  reason: string;
  detail: string;
}

interface Subject {
  spec: PodSpec;
  annotations: Readonly<Record<string, string>>;
  containers: readonly Container[];
  minor: number;
}

interface Check {
  level: 'baseline' | 'restricted';
  /** The first minor version that has it. */
  since?: number;
  /** The first minor version in which a restricted check says the same and more. */
  overriddenSince?: number;
  find(subject: Subject): Violation | undefined;
}

/** What a pod does that the level forbids; the baseline first, each in alphabetical order of the checks. */
export function violationsOf({ level, minor }: LevelVersion, spec: PodSpec, annotations: Readonly<Record<string, string>> = {}): Violation[] {
  if (level === 'privileged') return [];
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...((spec.ephemeralContainers ?? []) as unknown as Container[])];
  const subject: Subject = { spec, annotations, containers, minor };
  const checks = CHECKS.filter((check) => (check.since ?? 0) <= minor && (level === 'restricted' ? check.overriddenSince === undefined || minor < check.overriddenSince : check.level === 'baseline'));
  return checks.map((check) => check.find(subject)).filter((found) => found !== undefined);
}

/** `host ports (8080), privileged (...)` */
export function showViolations(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ');
}

const quoted = (values: Iterable<string>): string => [...values].map((value) => `"${value}"`).join(', ');
const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();
const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
const containersText = (names: readonly string[]): string => `${plural('container', 'containers', names.length)} ${quoted(names)}`;
const named = (containers: readonly Container[], bad: (container: Container) => boolean): string[] => containers.filter(bad).map(({ name }) => name);
const contextOf = (container: Container): SecurityContext => container.securityContext ?? {};
const isWindows = ({ spec, minor }: Subject): boolean => spec.os?.name === 'windows' && minor >= 25;
/** Root in a user namespace of its own is nobody outside. */
const hasOwnUsers = ({ spec, minor }: Subject): boolean => spec.hostUsers === false && minor >= 35;

/** Who set something: the pod, containers, or both. */
function setters(pod: boolean, containers: readonly string[]): string[] {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [containersText(containers)] : [])];
}

const CAPABILITIES = new Set(['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT']);
const SYSCTLS: readonly [number, readonly string[]][] = [
  [0, ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start']],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [29, ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes']],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
];
const VOLUMES = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret', 'image']);
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';

const CHECKS: readonly Check[] = [
  { level: 'baseline', find: appArmor },
  { level: 'baseline', overriddenSince: 22, find: capabilitiesBaseline },
  { level: 'baseline', find: hostNamespaces },
  { level: 'baseline', overriddenSince: 0, find: hostPaths },
  { level: 'baseline', find: hostPorts },
  { level: 'baseline', since: 34, find: probeHosts },
  { level: 'baseline', find: privileged },
  { level: 'baseline', find: procMount },
  { level: 'baseline', find: seLinux },
  { level: 'baseline', overriddenSince: 19, find: (subject) => (subject.minor < 19 ? seccompAnnotations(subject) : seccomp(subject, 'baseline')) },
  { level: 'baseline', find: sysctls },
  { level: 'baseline', find: hostProcess },
  { level: 'restricted', since: 8, find: privilegeEscalation },
  { level: 'restricted', since: 22, find: capabilitiesRestricted },
  { level: 'restricted', find: volumes },
  { level: 'restricted', find: runAsNonRoot },
  { level: 'restricted', since: 23, find: runAsUser },
  { level: 'restricted', since: 19, find: (subject) => seccomp(subject, 'restricted') },
];

function appArmor({ spec, annotations, containers }: Subject): Violation | undefined {
  const byAnnotation = Object.entries(annotations).filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'));
  const unconfined = (context: { appArmorProfile?: { type?: string } } | undefined): boolean => context?.appArmorProfile !== undefined && !['RuntimeDefault', 'Localhost'].includes(context.appArmorProfile.type ?? '');
  const bad = named(containers, (container) => unconfined(container.securityContext));
  const pod = unconfined(spec.securityContext);
  const types = sorted([...(pod ? [spec.securityContext?.appArmorProfile?.type ?? ''] : []), ...containers.filter((container) => bad.includes(container.name)).map((container) => contextOf(container).appArmorProfile?.type ?? '')]);
  const values = [...types, ...byAnnotation.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort()];
  const who = [...setters(pod, bad), ...(byAnnotation.length > 0 ? [plural('annotation', 'annotations', byAnnotation.length)] : [])];
  return who.length === 0 ? undefined : { reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length), detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(values)}` };
}

function capabilitiesBaseline({ containers }: Subject): Violation | undefined {
  const added = (container: Container): string[] => (contextOf(container).capabilities?.add ?? []).filter((each) => !CAPABILITIES.has(each));
  const bad = named(containers, (container) => added(container).length > 0);
  return bad.length === 0 ? undefined : { reason: 'non-default capabilities', detail: `${containersText(bad)} must not include ${quoted(sorted(containers.flatMap(added)))} in securityContext.capabilities.add` };
}

function hostNamespaces({ spec }: Subject): Violation | undefined {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec[key] === true);
  return used.length === 0 ? undefined : { reason: 'host namespaces', detail: used.map((key) => `${key}=true`).sort().join(', ') };
}

function hostPaths({ spec }: Subject): Violation | undefined {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}` };
}

function hostPorts({ containers }: Subject): Violation | undefined {
  const portsOf = (container: Container): string[] => (container.ports ?? []).filter(({ hostPort }) => hostPort !== undefined && hostPort !== 0).map(({ hostPort }) => String(hostPort));
  const bad = named(containers, (container) => portsOf(container).length > 0);
  const ports = sorted(containers.flatMap(portsOf));
  return bad.length === 0 ? undefined : { reason: 'hostPort', detail: `${containersText(bad)} ${plural('uses', 'use', bad.length)} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}` };
}

function probeHosts({ containers }: Subject): Violation | undefined {
  const hostsOf = (handler: Probe | LifecycleHandler | undefined): string[] => [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host !== undefined && host !== '') as string[];
  const all = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): string[] => [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hostsOf);
  const bad = sorted(named(containers, (container) => all(container).length > 0));
  const hosts = sorted(containers.flatMap(all));
  return bad.length === 0 ? undefined : { reason: 'probe or lifecycle host', detail: `${containersText(bad)} ${plural('uses', 'use', bad.length)} ${plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length)} ${quoted(hosts)}` };
}

function privileged({ containers }: Subject): Violation | undefined {
  const bad = named(containers, (container) => contextOf(container).privileged === true);
  return bad.length === 0 ? undefined : { reason: 'privileged', detail: `${containersText(bad)} must not set securityContext.privileged=true` };
}

function procMount(subject: Subject): Violation | undefined {
  if (hasOwnUsers(subject)) return undefined;
  const { containers } = subject;
  const mountOf = (container: Container): string => contextOf(container).procMount ?? 'Default';
  const bad = named(containers, (container) => mountOf(container) !== 'Default');
  return bad.length === 0 ? undefined : { reason: 'procMount', detail: `${containersText(bad)} must not set securityContext.procMount to ${quoted(sorted(containers.map(mountOf).filter((mount) => mount !== 'Default')))}` };
}

function seLinux({ spec, containers, minor }: Subject): Violation | undefined {
  type Options = { type?: string; user?: string; role?: string } | undefined;
  const allowed = ['', 'container_t', 'container_init_t', 'container_kvm_t', ...(minor >= 31 ? ['container_engine_t'] : [])];
  const isBad = (options: Options): boolean => options !== undefined && (!allowed.includes(options.type ?? '') || Boolean(options.user) || Boolean(options.role));
  const pod = isBad(spec.securityContext?.seLinuxOptions);
  const bad = named(containers, (container) => isBad(contextOf(container).seLinuxOptions));
  if (!pod && bad.length === 0) return undefined;
  const all: Options[] = [spec.securityContext?.seLinuxOptions, ...containers.map((container) => contextOf(container).seLinuxOptions)];
  const types = sorted(all.map((options) => options?.type ?? '').filter((type) => !allowed.includes(type)));
  const data = [
    ...(types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoted(types)}`] : []),
    ...(all.some((options) => options?.user) ? ['user may not be set'] : []), ...(all.some((options) => options?.role) ? ['role may not be set'] : []),
  ];
  return { reason: 'seLinuxOptions', detail: `${setters(pod, bad).join(' and ')} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}` };
}

function seccomp(subject: Subject, level: 'baseline' | 'restricted'): Violation | undefined {
  if (level === 'restricted' && isWindows(subject)) return undefined;
  const { spec, containers } = subject;
  const isValid = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost';
  const podType = spec.securityContext?.seccompProfile?.type;
  const typeOf = (container: Container): string | undefined => contextOf(container).seccompProfile?.type;
  const bad = named(containers, (container) => typeOf(container) !== undefined && !isValid(typeOf(container)!));
  const pod = podType !== undefined && !isValid(podType);
  if (pod || bad.length > 0) {
    const types = sorted([podType, ...containers.map(typeOf)].filter((type) => type !== undefined && !isValid(type)) as string[]);
    return { reason: 'seccompProfile', detail: `${setters(pod, bad).join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(types)}` };
  }
  const unset = named(containers, (container) => typeOf(container) === undefined);
  if (level === 'baseline' || podType !== undefined || unset.length === 0) return undefined;
  return { reason: 'seccompProfile', detail: `pod or ${containersText(unset)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` };
}

/** Until 1.18 annotations said what the fields say since. */
function seccompAnnotations({ annotations, containers }: Subject): Violation | undefined {
  const keys = [SECCOMP_POD, ...containers.map(({ name }) => SECCOMP_CONTAINER + name)];
  const isValid = (value: string): boolean => value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
  const bad = sorted(keys.filter((key) => annotations[key] !== undefined && !isValid(annotations[key])).map((key) => `${key}=${JSON.stringify(annotations[key])}`));
  return bad.length === 0 ? undefined : { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', 'annotations', bad.length)} ${bad.join(', ')}` };
}

function sysctls({ spec, minor }: Subject): Violation | undefined {
  const allowed = new Set(SYSCTLS.filter(([since]) => since <= minor).flatMap(([, names]) => names));
  const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.has(name));
  return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
}

function hostProcess({ spec, containers }: Subject): Violation | undefined {
  const pod = spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = named(containers, (container) => contextOf(container).windowsOptions?.hostProcess === true);
  return pod || bad.length > 0 ? { reason: 'hostProcess', detail: `${setters(pod, bad).join(' and ')} must not set securityContext.windowsOptions.hostProcess=true` } : undefined;
}

function privilegeEscalation(subject: Subject): Violation | undefined {
  if (isWindows(subject)) return undefined;
  const bad = named(subject.containers, (container) => contextOf(container).allowPrivilegeEscalation !== false);
  return bad.length === 0 ? undefined : { reason: 'allowPrivilegeEscalation != false', detail: `${containersText(bad)} must set securityContext.allowPrivilegeEscalation=false` };
}

function capabilitiesRestricted(subject: Subject): Violation | undefined {
  if (isWindows(subject)) return undefined;
  const { containers } = subject;
  const added = (container: Container): string[] => (contextOf(container).capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE');
  const keeping = named(containers, (container) => contextOf(container).capabilities?.drop?.includes('ALL') !== true);
  const adding = named(containers, (container) => added(container).length > 0);
  const details = [
    ...(keeping.length > 0 ? [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0 ? [`${containersText(adding)} must not include ${quoted(sorted(containers.flatMap(added)))} in securityContext.capabilities.add`] : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
}

function volumes({ spec }: Subject): Violation | undefined {
  const typeOf = (volume: object): string => Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  const bad = (spec.volumes ?? []).filter((volume) => !VOLUMES.has(typeOf(volume)));
  const types = sorted(bad.map(typeOf));
  return bad.length === 0 ? undefined : { reason: 'restricted volume types', detail: `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(({ name }) => name))} ${plural('uses', 'use', bad.length)} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}` };
}

function runAsNonRoot(subject: Subject): Violation | undefined {
  if (hasOwnUsers(subject)) return undefined;
  const { spec, containers } = subject;
  const pod = spec.securityContext?.runAsNonRoot;
  const bad = named(containers, (container) => contextOf(container).runAsNonRoot === false);
  if (pod === false || bad.length > 0) return { reason: 'runAsNonRoot != true', detail: `${setters(pod === false, bad).join(' and ')} must not set securityContext.runAsNonRoot=false` };
  const unset = pod === true ? [] : named(containers, (container) => contextOf(container).runAsNonRoot === undefined);
  return unset.length === 0 ? undefined : { reason: 'runAsNonRoot != true', detail: `pod or ${containersText(unset)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(subject: Subject): Violation | undefined {
  if (hasOwnUsers(subject)) return undefined;
  const { spec, containers } = subject;
  const pod = spec.securityContext?.runAsUser === 0;
  const bad = named(containers, (container) => contextOf(container).runAsUser === 0);
  return pod || bad.length > 0 ? { reason: 'runAsUser=0', detail: `${setters(pod, bad).join(' and ')} must not set runAsUser=0` } : undefined;
}
