/** The steps before the first container of a pod: sandbox, folders, files in /etc, cgroup, volumes. Each is safe to do again. */
import { chownSync, mkdirSync, chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resourceAmounts } from '../../../api/pod-requests.ts';
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import type { PersistentVolume, Pod } from '../../../api/generated/core-v1.ts';
import type { PodFacts } from '../bundle/downward.ts';
import { makePodCgroup, podCgroup } from '../cgroup/layout.ts';
import type { CgroupLimits } from '../cgroup/resources.ts';
import { shareBetweenClasses } from '../cgroup/shares.ts';
import type { NodeParts } from '../parts.ts';
import { textOf } from '../read-files.ts';
import { hostPortsOf } from '../sandbox/host-ports.ts';
import { DEFAULT_HANDLER } from '../runtime/handlers.ts';
import { handlerOf } from '../runtime/runtime-class.ts';
import { namespacePath, type Sandbox } from '../sandbox/sandbox.ts';
import { wantsOwnUsers, type UserNamespace } from '../userns/user-namespaces.ts';
import { hostsText, resolvConfText } from '../volumes/etc-files.ts';
import { setUpVolumes } from '../volumes/set-up.ts';
import { runtimeOperation } from '../usage/counts.ts';
import { sourcesFor } from './sources.ts';
import type { PodPlace } from './start-container.ts';

export interface PreparedPod {
  ips: readonly string[];
  cgroup: string;
  /** When volumes must be renewed. */
  renewAtMs?: number;
  volumes: ReadonlyMap<string, string>;
  blockDevices: ReadonlyMap<string, string>;
  /** What claims are bound to, by volume. */
  claimed: ReadonlyMap<string, PersistentVolume>;
  facts: PodFacts;
  sources: ReturnType<typeof sourcesFor>;
  place(pod: Pod): PodPlace;
}

const MOST_HOSTNAME = 63;

/** `running`: containers of an earlier llmos are there, so that what they see may stay a while. `limits` are those of the whole pod. */
export async function preparePod(parts: NodeParts, pod: Pod, options: { running: boolean; limits: CgroupLimits }): Promise<PreparedPod> {
  const { context } = parts;
  const { uid = '' } = pod.metadata;
  const handler = await handlerOf(pod, context);
  parts.runtime.check(handler);
  if (wantsOwnUsers(pod) && handler !== undefined && handler !== DEFAULT_HANDLER) throw new Error(`RuntimeClass handler "${handler}" does not support user namespaces: only ${DEFAULT_HANDLER} does here`);
  await parts.claims.prepare(pod);
  const host = pod.spec?.hostNetwork === true;
  const sandbox = host ? undefined : await countedSandbox(parts, pod, handler);
  const ips = sandbox?.ips ?? parts.hostIps;
  if (sandbox !== undefined) await parts.hostPorts.open(uid, ips, hostPortsOf(pod));
  const facts: PodFacts = { podIp: ips[0], podIps: ips, hostIp: parts.hostIp, hostIps: parts.hostIps, nodeName: context.machine.nodeName, ...allocatableOf(parts) };
  const stateFolder = join(parts.paths.pods, uid);
  const runFolder = join(parts.paths.podsRun, uid);
  mkdirSync(stateFolder, { recursive: true });
  mkdirSync(runFolder, { recursive: true });
  const short = hostnameOf(pod, context.machine.nodeName);
  const hostname = fullHostname(pod, short, context.machine.network.clusterDomain);
  const etc = writeEtc(parts, pod, stateFolder, { short, hostname }, ips);
  const cgroup = podCgroup(context.machine.instance, qosClassOf(pod), uid);
  const cgroupMs = performance.now();
  makePodCgroup({ version: context.machine.cgroupVersion, path: cgroup, limits: { ...options.limits, pids: parts.podPidsLimit } });
  parts.counts.took('kubelet_cgroup_manager_duration_seconds', (performance.now() - cgroupMs) / 1_000, { operation_type: 'create' });
  shareBetweenClasses({ version: context.machine.cgroupVersion, instance: context.machine.instance }, parts.admissions.pods());
  const users = wantsOwnUsers(pod) && sandbox !== undefined ? await openUsers(parts, pod, sandbox, etc) : undefined;
  const shmPath = shared(pod) ? makeShm(runFolder) : undefined;
  const sources = sourcesOf(parts, pod, users);
  const prepared: PreparedPod = {
    ips, cgroup, facts, sources, volumes: new Map(), blockDevices: new Map(), claimed: new Map(),
    place: (now) => ({
      pod: now, hostname, facts, volumes: prepared.volumes, blockDevices: prepared.blockDevices, etc, stateFolder, shmPath, cgroup, handler, sources, users,
      namespaces: sandbox === undefined ? {} : { network: namespacePath(sandbox, 'net'), uts: namespacePath(sandbox, 'uts'), ipc: namespacePath(sandbox, 'ipc') },
    }),
  };
  await refreshVolumes(parts, pod, prepared, { keep: options.running, begins: !options.running });
  return prepared;
}

/** Those that were ready take no time. */
async function countedSandbox({ counts, pool }: NodeParts, { metadata: { uid = '', namespace, name } }: Pod, handler: string | undefined): Promise<Sandbox> {
  const labels = { runtime_handler: handler ?? '' };
  const fromMs = performance.now();
  try {
    return await runtimeOperation(counts, 'run_podsandbox', () => pool.take(uid, `${namespace}/${name}`));
  } catch (error) {
    counts.add('kubelet_run_podsandbox_errors_total', labels);
    throw error;
  } finally {
    counts.took('kubelet_run_podsandbox_duration_seconds', (performance.now() - fromMs) / 1_000, labels);
  }
}

/** The files in /etc are those of the pod's own root. */
async function openUsers(parts: NodeParts, pod: Pod, sandbox: Sandbox, etc: PodPlace['etc']): Promise<UserNamespace> {
  const users = await parts.users.open(pod, { images: join(parts.storage.root, 'overlay'), network: namespacePath(sandbox, 'net'), ipc: namespacePath(sandbox, 'ipc'), uts: namespacePath(sandbox, 'uts') });
  for (const file of Object.values(etc)) chownSync(file, users.base, users.base);
  return users;
}

/** Images as volumes, too, have the owners that the users of the pod see. */
function sourcesOf(parts: NodeParts, pod: Pod, users: UserNamespace | undefined): PreparedPod['sources'] {
  const sources = sourcesFor(parts, pod);
  if (users === undefined) return sources;
  return { ...sources, image: async (name, source) => ({ ...(await sources.image(name, source)), overlayFolder: users.imageFolder }) };
}

/** Brings volumes up to date with what they show. */
export async function refreshVolumes(parts: NodeParts, pod: Pod, prepared: PreparedPod, options: { keep?: boolean; begins?: boolean } = {}): Promise<void> {
  const uid = pod.metadata.uid ?? '';
  const placed = await setUpVolumes(pod, { state: join(parts.paths.pods, uid), run: join(parts.paths.podsRun, uid) }, prepared.sources, prepared.facts, parts.context.clock.nowMs(), { ...options, took: (plugin, seconds, failed) => countMount(parts, plugin, seconds, failed) });
  prepared.volumes = placed.paths;
  prepared.blockDevices = placed.devices;
  prepared.claimed = placed.claimed;
  prepared.renewAtMs = placed.renewAtMs;
}

function countMount({ counts }: NodeParts, plugin: string, seconds: number, failed: boolean): void {
  counts.took('storage_operation_duration_seconds', seconds, { migrated: 'false', operation_name: 'volume_mount', status: failed ? 'fail-unknown' : 'success', volume_plugin: plugin });
  if (failed) counts.add('storage_operation_errors_total', { operation_name: 'volume_mount', volume_plugin: plugin });
}

/** What limits default to that a container asks for by the downward API. */
function allocatableOf({ capacity }: NodeParts): { cpuMillis: number; memoryBytes: number } {
  const { cpuMillis, memoryBytes } = resourceAmounts(capacity.read().allocatable);
  return { cpuMillis, memoryBytes };
}

function hostnameOf(pod: Pod, nodeName: string): string {
  if (pod.spec?.hostNetwork === true) return nodeName;
  return (pod.spec?.hostnameOverride || pod.spec?.hostname || pod.metadata.name || '').slice(0, MOST_HOSTNAME).replace(/[-.]+$/, '');
}

/** What the kernel tells, with setHostnameAsFQDN (DNS for Services and Pods, "Pod's setHostnameAsFQDN field"). Throws when it is longer than a kernel takes. */
function fullHostname({ spec, metadata }: Pod, hostname: string, clusterDomain: string): string {
  if (spec?.setHostnameAsFQDN !== true || !spec.subdomain || spec.hostNetwork === true || spec.hostnameOverride) return hostname;
  const full = `${hostname}.${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}`;
  if (full.length > MOST_FQDN) throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${MOST_FQDN} characters is the max, ${full.length} characters requested)`);
  return full;
}

const MOST_FQDN = 64;

function writeEtc(parts: NodeParts, pod: Pod, stateFolder: string, { short, hostname }: { short: string; hostname: string }, ips: readonly string[]): PodPlace['etc'] {
  const { network } = parts.context.machine;
  const folder = join(stateFolder, 'etc');
  mkdirSync(folder, { recursive: true });
  const namespace = pod.metadata.namespace ?? '';
  const own = pod.spec?.hostNetwork === true ? [] : ips;
  const files = {
    hosts: pod.spec?.hostNetwork === true && pod.spec.hostAliases === undefined ? textOf('/etc/hosts') : hostsText({ hostname: short, subdomain: pod.spec?.hostnameOverride ? undefined : pod.spec?.subdomain, namespace, clusterDomain: network.clusterDomain, ips: own, aliases: pod.spec?.hostAliases }),
    hostname: `${hostname}\n`,
    resolvConf: resolvConfText(pod.spec!, namespace, { clusterDomain: network.clusterDomain, dnsServiceIp: network.dnsServiceIp, hostResolvConf: textOf('/etc/resolv.conf') }),
  };
  const etc = { hosts: join(folder, 'hosts'), hostname: join(folder, 'hostname'), resolvConf: join(folder, 'resolv.conf') };
  for (const key of ['hosts', 'hostname', 'resolvConf'] as const) if (textOf(etc[key]) !== files[key]) writeFileSync(etc[key], files[key]);
  return etc;
}

function shared(pod: Pod): boolean {
  return pod.spec!.containers.length + (pod.spec!.initContainers?.filter((each) => each.restartPolicy === 'Always').length ?? 0) > 1;
}

/** A folder of the run-time file system, which lies in memory, so that no mount is needed. */
function makeShm(runFolder: string): string {
  const folder = join(runFolder, 'shm');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777);
  return folder;
}
