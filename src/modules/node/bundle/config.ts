/** Pod and image become an OCI configuration. Everything looked up comes in with the input, but for a seccomp profile of the administrator's own. */
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import type { ImageConfig } from '../images/storage.ts';
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import { ociResources, oomScoreAdj } from '../cgroup/resources.ts';
import { rootPropagation } from '../volumes/container-mounts.ts';
import { containerCapabilities } from './capabilities.ts';
import { expand } from '../../../api/core/expand.ts';
import type { OciConfig, OciHooks, OciMount } from './oci.ts';
import { seccompFile } from './seccomp-file.ts';
import { runtimeDefaultSeccomp } from './seccomp.ts';
import type { UserAnswer } from './user.ts';

export interface BundleInput {
  pod: Pod;
  container: Container;
  image: ImageConfig;
  /** Of the whole container, from {@link containerEnv}. */
  env: ReadonlyMap<string, string>;
  user: UserAnswer;
  hostname: string;
  /** Absolute path of the mounted root file system. */
  rootPath: string;
  /** Namespaces to join by path; those that are undefined are new (network: the machine's own with hostNetwork). */
  namespaces: { network?: string; uts?: string; ipc?: string; pid?: string };
  cgroupsPath: string;
  cgroupVersion: 'v1' | 'v2';
  /** What is written into the container's own group beside its limits, by file. */
  unified?: Readonly<Record<string, string>>;
  /** Limits of huge pages are set apart, not by the runtime. */
  pagesApart?: boolean;
  /** Of the whole pod; undefined: none. */
  podPidsLimit?: number;
  /** Capabilities that the machine can give. */
  available: readonly string[];
  /** Memory of the machine. */
  machineBytes: number;
  /** The lowest oom_score_adj that llmos may give here. */
  lowestOomScore: number;
  /** Hard limit of open files on this machine. */
  openFilesLimit: number;
  /** Volumes, /etc/hosts and the like, after the standard mounts. */
  mounts: readonly OciMount[];
  /** Source of /dev/shm when the pod shares one; a private one otherwise. */
  shmPath?: string;
  /** With `access` a container that is not privileged may use it. */
  devices?: readonly (NonNullable<OciConfig['linux']['devices']>[number] & { access?: string })[];
  annotations?: Readonly<Record<string, string>>;
  hooks?: OciHooks;
  /** A profile of the administrator's own, within the folder of such. */
  seccompFile?: string;
  seccompFolder?: string;
  /** Its users are others than the machine's: a namespace to join, and what they may not mount. */
  users?: { path: string; sys: string; mqueue: string };
  /** Where it may run, as the kernel writes lists; anywhere when undefined. */
  cpus?: string;
}

const MASKED = ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap'];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Throws when there is nothing to run. */
export function ociConfig(input: BundleInput): OciConfig {
  const { pod, container } = input;
  const context = container.securityContext;
  const privileged = context?.privileged === true;
  const root = input.user.user.uid === 0;
  const capabilities = containerCapabilities(context, { available: input.available, root });
  const env = environment(input);
  const seccomp = seccompType(pod, container);
  const appArmorOf = context?.appArmorProfile ?? pod.spec?.securityContext?.appArmorProfile;
  const appArmor = appArmorOf?.type === 'Localhost' ? appArmorOf.localhostProfile : undefined; // pods with one came past a node that has AppArmor
  const rootfsPropagation = rootPropagation(container);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: container.tty === true,
      user: input.user.user,
      args: command(container, input.image, (name) => env.get(name)),
      env: [...env].map(([key, value]) => `${key}=${value}`),
      cwd: container.workingDir || input.image.WorkingDir || '/',
      capabilities,
      ...(appArmor === undefined || privileged ? {} : { apparmorProfile: appArmor }),
      oomScoreAdj: Math.max(input.lowestOomScore, oomScoreAdj(pod, qosClassOf(pod), container, input.machineBytes)),
      noNewPrivileges: context?.allowPrivilegeEscalation === false,
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: Math.min(1_048_576, input.openFilesLimit), hard: Math.min(1_048_576, input.openFilesLimit) }],
    },
    root: { path: input.rootPath, readonly: context?.readOnlyRootFilesystem === true },
    ...(pod.spec?.hostNetwork === true && input.namespaces.uts === undefined ? {} : { hostname: input.hostname }),
    mounts: [...standardMounts(input, privileged), ...input.mounts],
    annotations: { ...input.annotations, 'io.kubernetes.pod.name': pod.metadata.name ?? '', 'io.kubernetes.pod.namespace': pod.metadata.namespace ?? '', 'io.kubernetes.pod.uid': pod.metadata.uid ?? '', 'io.kubernetes.container.name': container.name },
    ...(input.hooks === undefined || Object.keys(input.hooks).length === 0 ? {} : { hooks: input.hooks }),
    linux: {
      namespaces: namespaces(input),
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
      cgroupsPath: input.cgroupsPath,
      resources: ociResources(container, { privileged, pagesApart: input.pagesApart, pidsLimit: input.podPidsLimit, cpus: input.cpus, devices: input.devices, unified: input.unified }),
      ...(privileged || seccomp === 'Unconfined' ? {} : { seccomp: input.seccompFile === undefined ? runtimeDefaultSeccomp(capabilities.bounding) : seccompFile(input.seccompFolder ?? '', input.seccompFile, capabilities.bounding) }),
      ...(privileged || context?.procMount === 'Unmasked' ? {} : { maskedPaths: MASKED, readonlyPaths: READ_ONLY }),
      ...(input.users === undefined ? sysctls(pod) : {}),
      ...(input.devices === undefined || input.devices.length === 0 ? {} : { devices: input.devices.map(({ type, path, major, minor, fileMode, uid, gid }) => ({ type, path, major, minor, fileMode, uid, gid })) }),
    },
  };
}

/** command replaces the entry point and with it the image's own arguments; args replace only those. */
function command(container: Container, image: ImageConfig, lookup: (name: string) => string | undefined): string[] {
  const given = (container.command ?? []).map((each) => expand(each, lookup));
  const args = (container.args ?? []).map((each) => expand(each, lookup));
  const entry = given.length > 0 ? given : (image.Entrypoint ?? []);
  const rest = args.length > 0 ? args : given.length > 0 ? [] : (image.Cmd ?? []);
  const all = [...entry, ...rest];
  if (all.length === 0) throw new Error(`container ${container.name} has nothing to run: give it a command, the image has none`);
  return all;
}

function environment(input: BundleInput): Map<string, string> {
  const env = new Map<string, string>();
  for (const entry of input.image.Env ?? []) env.set(entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1));
  if (!env.has('PATH')) env.set('PATH', DEFAULT_PATH);
  env.set('HOSTNAME', input.hostname);
  if (input.container.tty === true && !env.has('TERM')) env.set('TERM', 'xterm');
  for (const [key, value] of input.env) env.set(key, value);
  if (!env.has('HOME')) env.set('HOME', input.user.home);
  return env;
}

function standardMounts(input: BundleInput, privileged: boolean): OciMount[] {
  const taken = new Set(input.mounts.map((mount) => mount.destination));
  const shm: OciMount = input.shmPath !== undefined
    ? { destination: '/dev/shm', type: 'bind', source: input.shmPath, options: ['rbind', 'nosuid', 'nodev', 'noexec', 'rw'] }
    : { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'] };
  const access = privileged ? 'rw' : 'ro';
  const standard: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    shm,
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'relatime', access] },
  ];
  if (input.users !== undefined) replaceMounts(standard, { '/sys': input.users.sys, '/dev/mqueue': input.users.mqueue });
  return standard.filter((mount) => !taken.has(mount.destination));
}

/** Binds of what was mounted before. */
function replaceMounts(mounts: OciMount[], sources: Readonly<Record<string, string>>): void {
  for (const [index, mount] of mounts.entries()) {
    const source = sources[mount.destination];
    if (source !== undefined) mounts[index] = { destination: mount.destination, type: 'bind', source, options: ['bind', 'rprivate', ...(mount.options ?? [])] };
  }
}

function namespaces(input: BundleInput): OciConfig['linux']['namespaces'] {
  const spec = input.pod.spec;
  const list: OciConfig['linux']['namespaces'] = [{ type: 'mount' }];
  if (spec?.hostPID !== true) list.push({ type: 'pid', path: input.namespaces.pid });
  if (spec?.hostIPC !== true) list.push({ type: 'ipc', path: input.namespaces.ipc });
  if (spec?.hostNetwork !== true) list.push({ type: 'network', path: input.namespaces.network });
  if (spec?.hostNetwork !== true || input.namespaces.uts !== undefined) list.push(input.users === undefined ? { type: 'uts', path: input.namespaces.uts } : { type: 'uts' }); // only its owner may set the name
  if (input.users !== undefined) list.push({ type: 'user', path: input.users.path });
  if (input.cgroupVersion === 'v2') list.push({ type: 'cgroup' });
  return list;
}

function seccompType(pod: Pod, container: Container): string {
  return container.securityContext?.seccompProfile?.type ?? pod.spec?.securityContext?.seccompProfile?.type ?? 'RuntimeDefault';
}

function sysctls(pod: Pod): { sysctl?: Record<string, string> } {
  const list = pod.spec?.securityContext?.sysctls ?? [];
  return list.length === 0 ? {} : { sysctl: Object.fromEntries(list.map((each) => [each.name, each.value])) };
}
