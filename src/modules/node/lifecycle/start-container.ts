/** The ordered steps from a container of a pod to its process: folders, environment, user, mounts, configuration, create, start. */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { graceSecondsOf } from '../../../api/core/pod-grace.ts';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import { startTicks } from '../../../base/sys/is-running.ts';
import { ociConfig } from '../bundle/config.ts';
import type { PodFacts } from '../bundle/downward.ts';
import { containerEnv, type EnvSources } from '../bundle/env.ts';
import type { OciMount } from '../bundle/oci.ts';
import { containerUser } from '../bundle/user.ts';
import { hugePagesApart, limitHugePages } from '../cgroup/huge-pages.ts';
import { unifiedSettings } from '../cgroup/layout.ts';
import type { RunnableImage, StoredImage } from '../images/storage.ts';
import { imageNameText, parseImageName } from '../images/name.ts';
import { lowestOomScore } from '../machine.ts';
import type { NodeParts } from '../parts.ts';
import { RuntimeError, START_FAILURE_CODE } from '../runtime/runtime.ts';
import type { ContainerRole } from '../status/view.ts';
import { byDepth, containerMounts, ImagePathError } from '../volumes/container-mounts.ts';
import { volumeOptions } from '../volumes/set-up.ts';
import { volumeFile } from '../bundle/env-file.ts';
import { givenDevices, hostDevices } from '../bundle/devices.ts';
import type { DeviceGift } from '../devices/api.ts';
import { cdiNames } from '../devices/cdi-names.ts';
import type { UserNamespace } from '../userns/user-namespaces.ts';
import { linkLog, makeLogFolder } from '../logs/folders.ts';
import { setAside } from '../logs/rotate.ts';
import { runtimeOperation } from '../usage/counts.ts';
import { isAlive, keepRecord, type ContainerRecord } from './record.ts';
import { endStrays } from './strays.ts';

/** What a pod gives to each of its containers. */
export interface PodPlace {
  pod: Pod;
  hostname: string;
  facts: PodFacts;
  namespaces: { network?: string; uts?: string; ipc?: string; pid?: string };
  volumes: ReadonlyMap<string, string>;
  /** Of block volumes. */
  blockDevices: ReadonlyMap<string, string>;
  /** hosts, hostname, resolv.conf. */
  etc: { hosts: string; hostname: string; resolvConf: string };
  /** `<state>/pods/<uid>`. */
  stateFolder: string;
  /** Shared /dev/shm when there are several containers. */
  shmPath?: string;
  cgroup: string;
  /** Of the RuntimeClass. */
  handler?: string;
  sources: EnvSources;
  /** With hostUsers: false. */
  users?: UserNamespace;
}

/** In hexadecimal it has 64 digits, as every runtime's have: collectors of logs and of metrics know containers by them. */
const CONTAINER_ID_BYTES = 32;
/** More than a runtime writes of a container. */
const LEAST_ROOM_BYTES = 64 * 1024;

/** What is wrong with the pod as written: CreateContainerConfigError. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Gives the running record, or one that has ended already with reason StartError when the runtime refused.
 * `signal` gives up, and the record says so.
 * Throws {@link ConfigError} when the pod must change or what it refers to must appear.
 */
export async function startContainer(parts: NodeParts, place: PodPlace, container: Container, options: { role: ContainerRole; attempt: number; image: StoredImage; signal: AbortSignal }): Promise<ContainerRecord> {
  const image = parts.storage.open(options.image);
  const record = newRecord(parts, place, container, options, image);
  try {
    await writeBundle(parts, place, container, record, image);
  } catch (error) {
    forgetFiles(record);
    if (error instanceof ImagePathError) throw error;
    throw new ConfigError((error as Error).message, { cause: error });
  }
  try {
    await createAndStart(parts, place, container, record, { image, signal: options.signal });
    keepRecord(record);
  } catch (error) {
    endStrays(record.id); // of a runtime that hangs, or whose monitor was killed; and what was made and not started
    if (!(error instanceof RuntimeError) || (record.pid === undefined && foundNoRoom(parts, error))) {
      if (record.pid !== undefined && isAlive(record)) parts.runtime.kill(record, record.pid, 'SIGKILL'); // one that nobody will know of
      await removeContainer(parts, record);
      throw error;
    }
    const step = record.pid === undefined ? 'create' : 'start';
    record.exit = { exitCode: START_FAILURE_CODE, finishedMs: parts.context.clock.nowMs(), reason: 'StartError', message: `OCI runtime ${step} failed: ${error.message}`, ...(options.signal.aborted ? { givenUp: true } : {}) };
    keepRecord(record);
  }
  return record;
}

/** The runtime's own files found no room, which it tells in many words: not the container's fault, so it has not ended and is tried again. */
function foundNoRoom({ paths }: NodeParts, { message }: Error): boolean {
  const { bavail, bsize } = statfsSync(paths.bundles);
  return /no space left on device/i.test(message) || bavail * bsize < LEAST_ROOM_BYTES;
}

async function createAndStart(parts: NodeParts, place: PodPlace, container: Container, record: ContainerRecord, { image, signal }: { image: RunnableImage; signal: AbortSignal }): Promise<void> {
  const [upper, work] = ['upper', 'work'].map((name) => join(parts.paths.containers, record.id, name)) as [string, string];
  for (const folder of [upper, work, record.root]) mkdirSync(folder, { recursive: true });
  if (place.users !== undefined) chownSync(upper, place.users.base, place.users.base); // the root folder of the container
  keepRecord(record);
  linkLog(parts.paths, record);
  const root = { path: record.root, folder: place.users?.imageFolder ?? image.overlayFolder, lower: image.lower, upper, work };
  record.pid = await runtimeOperation(parts.counts, 'create_container', () => parts.runtime.create(record, { root, terminal: record.tty, stdin: record.stdin, stdinOnce: container.stdinOnce === true, signal }));
  record.pidTicks = startTicks(record.pid);
  keepRecord(record);
  if (hugePagesApart()) limitHugePages(record.cgroup, record.pid, container);
  const { pid } = record;
  await runtimeOperation(parts.counts, 'start_container', () => parts.runtime.start(record, pid, { signal }));
  record.startedMs = parts.context.clock.nowMs();
}

function newRecord(parts: NodeParts, place: PodPlace, container: Container, options: { role: ContainerRole; attempt: number }, image: RunnableImage): ContainerRecord {
  const id = randomBytes(CONTAINER_ID_BYTES).toString('hex');
  const { uid = '', namespace = '', name = '' } = place.pod.metadata;
  const logFolder = makeLogFolder(parts.paths, { namespace, name, uid }, container.name);
  // `logs --previous` shows the one before
  if (options.attempt > 1) for (const old of [join(logFolder, `${options.attempt - 2}.log`)].flatMap((file) => [file, ...setAside(file)])) rmSync(old, { force: true });
  const terminations = join(place.stateFolder, 'terminations');
  mkdirSync(terminations, { recursive: true });
  const bundle = join(parts.paths.bundles, id); // last: all else goes with the pod when there is no room
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  const wantedImage = container.image ?? '';
  const parsed = parseImageName(wantedImage);
  const shown = parsed === undefined ? wantedImage : image.names.find((each) => each === imageNameText(parsed)) ?? image.names[0] ?? wantedImage;
  return {
    id, bundle, name: container.name, role: options.role, attempt: options.attempt, wantedImage, image: shown, imageId: `${shown.replace(/(@.*|:[^:/]*)$/, '')}@${image.digest}`,
    pod: { uid, namespace, name, graceSeconds: graceSecondsOf(place.pod) },
    root: place.users?.rootOf(id) ?? join(bundle, 'rootfs'), logPath: join(logFolder, `${options.attempt}.log`), cgroup: `${place.cgroup}/${id}`,
    terminationLog: join(terminations, id), stopSignal: container.lifecycle?.stopSignal ?? image.config.StopSignal ?? 'SIGTERM', createdMs: parts.context.clock.nowMs(),
    ...(place.handler === undefined ? {} : { handler: place.handler }), resources: container.resources ?? {}, tty: container.tty === true, stdin: container.stdin === true,
  };
}

async function writeBundle(parts: NodeParts, place: PodPlace, container: Container, record: ContainerRecord, image: RunnableImage): Promise<void> {
  const { context } = parts;
  const env = await containerEnv(place.pod, container, withFiles(place), place.facts);
  const user = containerUser({ pod: place.pod.spec?.securityContext, container: container.securityContext, imageUser: image.config.User, read: imageFile(image), label: `pod: "${record.pod.name}_${record.pod.namespace}(${record.pod.uid})", container: ${container.name}` });
  const privileged = container.securityContext?.privileged === true;
  writeFileSync(record.terminationLog, '');
  if (place.users !== undefined) chownSync(record.terminationLog, place.users.base, place.users.base);
  chmodSync(record.terminationLog, 0o666); // whatever the umask: the container may run as anybody
  const cpus = parts.cpus.cpusOf(place.pod, container);
  if (cpus?.exclusive === true) record.exclusiveCpus = cpus.list;
  const gifts = await parts.devices.giftsFor(place.pod, container.name);
  const named = [...new Set([...cdiNames(gifts), ...parts.claims.cdiDevices(place.pod, container)])];
  const cdi = named.length === 0 ? undefined : (await import('../devices/cdi.ts')).cdiGift(named, parts.cdiFolders);
  for (const [name, value] of [...gifts.flatMap(({ envs }) => Object.entries(envs)), ...(cdi?.env ?? [])]) env.set(name, value);
  if (cdi !== undefined && cdi.additionalGids.length > 0) user.user.additionalGids = [...new Set([...user.user.additionalGids, ...cdi.additionalGids])];
  const own = [...containerMounts(container, place.volumes, env, volumeOptions(place.pod)), ...gifts.flatMap(({ mounts }) => mounts.map(giftMount)), ...(cdi?.mounts ?? [])];
  const given = [...gifts.flatMap(({ devices }) => givenDevices(devices)), ...(cdi?.devices ?? []), ...blockDevices(container, place)];
  if (place.users !== undefined) await shiftOwners(own, place, place.users);
  record.user = { uid: user.user.uid, gid: user.user.gid, supplementalGroups: user.user.additionalGids };
  const config = ociConfig({
    pod: place.pod, container, image: image.config, env, user, hostname: place.hostname, rootPath: record.root, namespaces: place.namespaces, cgroupsPath: record.cgroup,
    cgroupVersion: context.machine.cgroupVersion, unified: unifiedSettings({ version: context.machine.cgroupVersion, pod: place.cgroup }), podPidsLimit: parts.podPidsLimit, available: parts.capabilities, openFilesLimit: parts.openFilesLimit, machineBytes: context.machine.memoryBytes, lowestOomScore: lowestOomScore(), shmPath: place.shmPath,
    mounts: byDepth([...own, ...etcMounts(place, container, record).filter((mount) => !own.some((each) => each.destination === mount.destination))]),
    users: place.users, devices: privileged ? [...hostDevices().filter(({ path }) => given.every((each) => each.path !== path)), ...given] : given, hooks: cdi?.hooks, pagesApart: hugePagesApart(), seccompFile: localSeccomp(place, container), seccompFolder: parts.seccompFolder, annotations: Object.assign({}, ...gifts.map((each) => each.annotations)), cpus: cpus?.list,
  });
  writeFileSync(join(record.bundle, 'config.json'), JSON.stringify(config));
}

function withFiles({ sources, volumes }: PodPlace): EnvSources {
  return {
    configMap: (name) => sources.configMap(name), secret: (name) => sources.secret(name), services: sources.services, api: sources.api,
    volumeFile(name, path) {
      const folder = volumes.get(name);
      return folder === undefined ? undefined : volumeFile(folder, path);
    },
  };
}

/** A profile of the administrator's own; undefined: another sort. */
function localSeccomp({ pod }: PodPlace, container: Container): string | undefined {
  const profile = container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile;
  return profile?.type === 'Localhost' ? profile.localhostProfile : undefined;
}

/** volumeDevices of a container (core/v1 VolumeDevice). */
function blockDevices({ name: container, volumeDevices = [] }: Container, { pod, blockDevices: found }: PodPlace): ReturnType<typeof givenDevices> {
  return volumeDevices.flatMap(({ name, devicePath }) => {
    const hostPath = found.get(name);
    if (hostPath === undefined) throw new Error(`volumeDevice ${name} of container ${container} names no volume of the pod whose claim has volumeMode Block`);
    const isReadOnly = pod.spec?.volumes?.find((each) => each.name === name)?.persistentVolumeClaim?.readOnly === true;
    return givenDevices([{ hostPath, containerPath: devicePath, permissions: isReadOnly ? 'rm' : 'rwm' }]);
  });
}

function giftMount({ containerPath, hostPath, readOnly }: DeviceGift['mounts'][number]): OciMount {
  return { destination: containerPath, type: 'bind', source: hostPath, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** Volumes as the users of the pod see them. Changes `mounts`. Images are mounted as they see them; an overlay could not be shown with other owners. */
async function shiftOwners(mounts: readonly OciMount[], { pod, volumes }: PodPlace, users: UserNamespace): Promise<void> {
  const images = (pod.spec?.volumes ?? []).flatMap(({ name, image }) => (image === undefined ? [] : (volumes.get(name) ?? [])));
  const shown = await users.show(mounts.flatMap(({ source }) => (source === undefined || images.some((image) => source.startsWith(image)) ? [] : [source])));
  for (const mount of mounts) mount.source = shown.get(mount.source ?? '') ?? mount.source;
}

function etcMounts(place: PodPlace, container: Container, record: ContainerRecord): OciMount[] {
  const bind = (destination: string, source: string): OciMount => ({ destination, type: 'bind', source, options: ['rbind', 'rprivate', 'rw'] });
  return [
    bind('/etc/hosts', place.etc.hosts), bind('/etc/hostname', place.etc.hostname), bind('/etc/resolv.conf', place.etc.resolvConf),
    bind(container.terminationMessagePath || '/dev/termination-log', record.terminationLog),
  ];
}

/** Small files of an image are read once. */
const fileCache = new Map<string, string | undefined>();

function imageFile(image: RunnableImage): (path: string) => string | undefined {
  return (path) => {
    const key = `${image.id}${path}`;
    if (!fileCache.has(key)) {
      if (fileCache.size > 200) fileCache.clear();
      fileCache.set(key, readFromLayers(image, path));
    }
    return fileCache.get(key);
  };
}

/** The topmost layer that has the path decides; a character device there means that it was taken away. */
function readFromLayers(image: RunnableImage, path: string): string | undefined {
  for (const layer of image.lower) {
    const stat = lstatSync(join(image.overlayFolder, layer, path), { throwIfNoEntry: false });
    if (stat?.isFile()) return readFileSync(join(image.overlayFolder, layer, path), 'utf8');
    if (stat !== undefined) return undefined;
  }
  return undefined;
}

/** Takes away what is left of an ended container but its log. */
export async function removeContainer(parts: NodeParts, record: ContainerRecord): Promise<void> {
  await runtimeOperation(parts.counts, 'remove_container', () => parts.runtime.delete(record, { root: existsSync(record.root) ? record.root : undefined }));
  rmSync(join(parts.paths.containers, record.id), { recursive: true, force: true });
  forgetFiles(record);
}

function forgetFiles(record: ContainerRecord): void {
  if (!record.root.startsWith(record.bundle) && existsSync(record.root)) rmdirSync(record.root);
  for (const path of [record.bundle, record.terminationLog]) rmSync(path, { recursive: true, force: true });
}
