/** Volumes of storage drivers: staged once a node, published once a pod, and given back in reverse (CSI: "Volume Lifecycle"; kubelet: pkg/volume/csi). */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { PersistentVolume, Pod, SecretReference } from '../../../api/generated/core-v1.ts';
import type { Int64 } from '../../../api/int64.ts';
import type { CSIDriver } from '../../../api/storage/csi.ts';
import { namesIn, textOf } from '../read-files.ts';
import { isMounted } from '../volumes/mounts.ts';
import { ownByGroup } from '../volumes/own.ts';
import { CAN, ExpandRequest, ExpandResponse, MODE, nodeService, PublishRequest, StageRequest, StatsRequest, StatsResponse, UNIT, UnpublishRequest, UnstageRequest, type Capability } from './api.ts';
import type { Driver, Drivers } from './drivers.ts';

/** What a pod wants of a driver: a volume of the cluster, or one of its own (inline). */
export interface CsiWish {
  driver: string;
  /** Of the cluster's volume; undefined for an inline one. */
  volume?: PersistentVolume;
  /** Name of the volume in the pod. */
  name: string;
  isBlock: boolean;
  readOnly: boolean;
  fsType?: string;
  attributes: Record<string, string>;
  publishSecret?: SecretReference;
  stageSecret?: SecretReference;
  expandSecret?: SecretReference;
  accessModes: readonly string[];
  mountOptions: readonly string[];
  /** More than the claim's status says. */
  growToBytes?: number;
}

export interface CsiSources {
  csiDriver(name: string): Promise<CSIDriver | undefined>;
  secretData(ref: SecretReference): Promise<Record<string, string>>;
  /** What attaching gave; rejects while it is not attached. */
  attachment(name: string): Promise<Record<string, string>>;
  token(request: { audience?: string; expirationSeconds: number }): Promise<{ token: string; expiresMs: number }>;
}

export interface CsiPlace { path: string; isBlock: boolean; renewAtMs?: number; grownToBytes?: number }

export interface CsiVolumes {
  /** Safe to call again. */
  place(pod: Pod, wish: CsiWish, sources: CsiSources, nowMs: number): Promise<CsiPlace>;
  /** What is used of a volume that is in place, as its driver says; undefined where it does not say. */
  usage(pod: Pod, volume: PersistentVolume): Promise<VolumeUsage | undefined>;
  /** All volumes of a pod. Rejects when a driver is not there: nothing of the pod may be deleted then. `state` is the folder of the pod. */
  release(state: string): Promise<void>;
}

export interface VolumeUsage { availableBytes: number; capacityBytes: number; usedBytes: number; inodesFree: number; inodes: number; inodesUsed: number }

/** In the folder of a pod: what is published for it. */
const PUBLISHED = 'csi.json';
const REPUBLISH_MS = 60_000;
const DEFAULT_TOKEN_SECONDS = 3_600;

interface Published { driver: string; handle: string; target: string; staging?: string; isBlock: boolean; isDone?: boolean }

/** `root` is the folder that drivers know as /var/lib/kubelet; `nodeName` goes into the names of attachments. */
export function csiVolumes({ root, drivers, nodeName }: { root: string; drivers: Drivers; nodeName: string }): CsiVolumes {
  const turns = new Map<string, Promise<unknown>>();
  /** Several pods may hear at once that their volume is to grow: the first one does it. By driver and handle. */
  const grown = new Map<string, { wantedBytes: number; bytes: number }>();

  /** One call a volume at a time. */
  function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (turns.get(key) ?? Promise.resolve()).then(work, work);
    const tail = mine.catch(() => {}).finally(() => { if (turns.get(key) === tail) turns.delete(key); });
    turns.set(key, tail);
    return mine;
  }

  function pathsOf(pod: Pod, wish: CsiWish, handle: string): { target: string; staging: string } {
    const name = wish.volume?.metadata.name ?? wish.name;
    const uid = pod.metadata.uid ?? '';
    const csi = join(root, 'plugins/kubernetes.io/csi');
    if (wish.isBlock) return { target: join(csi, 'volumeDevices/publish', name, uid), staging: join(csi, 'volumeDevices/staging', name) };
    return { target: join(root, 'pods', uid, 'volumes/kubernetes.io~csi', name, 'mount'), staging: join(csi, wish.driver, sha256(handle), 'globalmount') };
  }

  async function placeNow(pod: Pod, wish: CsiWish, handle: string, state: string, sources: CsiSources, nowMs: number): Promise<CsiPlace> {
    const driver = drivers.get(wish.driver);
    const spec = (await sources.csiDriver(wish.driver))?.spec;
    checkMode(wish, spec);
    const paths = pathsOf(pod, wish, handle);
    const stages = wish.volume !== undefined && driver.can(CAN.stage);
    const published: Published = { driver: wish.driver, handle, target: paths.target, ...(stages ? { staging: paths.staging } : {}), isBlock: wish.isBlock };
    const before = publishedIn(state).find(({ target }) => target === paths.target);
    const place: CsiPlace = { path: paths.target, isBlock: wish.isBlock, ...(spec?.requiresRepublish === true ? { renewAtMs: nowMs + REPUBLISH_MS } : {}) };
    const inPlace = before?.isDone === true && spec?.requiresRepublish !== true && isThere(paths.target, wish.isBlock);
    const grows = wish.growToBytes !== undefined && !wish.readOnly && driver.can(CAN.expand);
    if (inPlace && !grows) return place;
    const group = pod.spec?.securityContext?.fsGroup;
    const volumeCapability = capabilityOf(wish, driver, group);
    if (inPlace) return { ...place, grownToBytes: await growOnce(driver, wish, { volumeId: handle, volumeCapability, target: paths.target, staging: stages ? paths.staging : undefined }, sources) };
    note(state, published);
    const publishContext = wish.volume === undefined || spec?.attachRequired === false ? {} : await sources.attachment(`csi-${sha256(`${handle}${wish.driver}${nodeName}`)}`);
    const common = { volumeId: handle, publishContext, volumeCapability };
    if (stages) {
      mkdirSync(paths.staging, { recursive: true, mode: 0o750 });
      await driver.call(nodeService('NodeStageVolume'), StageRequest, { ...common, stagingTargetPath: paths.staging, secrets: await secretsOf(wish.stageSecret, sources), volumeContext: wish.attributes });
    }
    mkdirSync(dirname(paths.target), { recursive: true, mode: 0o750 });
    const tokens = await tokensOf(spec, sources);
    const areSecret = spec?.serviceAccountTokenInSecrets === true;
    const volumeContext = { ...wish.attributes, ...podContext(pod, wish, spec), ...(areSecret ? {} : tokens) };
    const secrets = { ...(await secretsOf(wish.publishSecret, sources)), ...(areSecret ? tokens : {}) };
    await driver.call(nodeService('NodePublishVolume'), PublishRequest, { ...common, ...(stages ? { stagingTargetPath: paths.staging } : {}), targetPath: paths.target, readonly: wish.readOnly, secrets, volumeContext });
    if (!existsSync(paths.target)) throw new Error(`the driver ${wish.driver} published nothing at ${paths.target}: it must mount ${root} with mountPropagation Bidirectional`);
    const grownToBytes = grows ? await growOnce(driver, wish, { ...common, target: paths.target, staging: stages ? paths.staging : undefined }, sources) : undefined;
    if (group !== undefined && !wish.isBlock && !wish.readOnly && !driver.can(CAN.mountGroup) && chowns(spec, wish)) await ownByGroup(paths.target, Number(group), before?.isDone === true ? 'OnRootMismatch' : (pod.spec?.securityContext?.fsGroupChangePolicy ?? 'Always'));
    note(state, { ...published, isDone: true });
    return grownToBytes === undefined ? place : { ...place, grownToBytes };
  }

  async function growOnce(driver: Driver, wish: CsiWish, call: Parameters<typeof grow>[2], sources: CsiSources): Promise<number> {
    const key = `${driver.name} ${call.volumeId}`;
    const known = grown.get(key);
    if (known !== undefined && known.wantedBytes >= wish.growToBytes!) return known.bytes;
    const bytes = await grow(driver, wish, call, sources);
    grown.set(key, { wantedBytes: wish.growToBytes!, bytes });
    return bytes;
  }

  async function releaseOne(state: string, published: Published): Promise<void> {
    const { driver: name, handle, target, staging, isBlock } = published;
    const driver = drivers.get(name);
    await driver.call(nodeService('NodeUnpublishVolume'), UnpublishRequest, { volumeId: handle, targetPath: target });
    if (existsSync(target)) removePlace(target);
    const others = namesIn(dirname(state)).filter((uid) => uid !== basename(state)).flatMap((uid) => publishedIn(join(dirname(state), uid)));
    if (others.every((each) => each.driver !== name || each.handle !== handle)) grown.delete(`${name} ${handle}`);
    if (staging === undefined || others.some((each) => each.driver === name && each.handle === handle)) return;
    await driver.call(nodeService('NodeUnstageVolume'), UnstageRequest, { volumeId: handle, stagingTargetPath: staging });
    if (existsSync(staging)) removePlace(staging);
    if (!isBlock) rmSync(dirname(staging), { recursive: true, force: true });
  }

  return {
    place(pod, wish, sources, nowMs) {
      const handle = wish.volume?.spec?.csi?.volumeHandle ?? `csi-${sha256(`${pod.metadata.uid}${wish.name}`)}`;
      const state = join(root, 'pods', pod.metadata.uid ?? '');
      mkdirSync(state, { recursive: true, mode: 0o750 });
      return inTurn(`${wish.driver} ${handle}`, () => placeNow(pod, wish, handle, state, sources, nowMs));
    },
    async usage(pod, volume) {
      const { driver: name = '', volumeHandle = '' } = volume.spec?.csi ?? {};
      const driver = drivers.list().find((each) => each.name === name);
      if (driver === undefined || !driver.can(CAN.stats)) return undefined;
      const published = publishedIn(join(root, 'pods', pod.metadata.uid ?? '')).find((each) => each.driver === name && each.handle === volumeHandle);
      if (published === undefined) return undefined;
      const answer = (await driver.call(nodeService('NodeGetVolumeStats'), StatsRequest, { volumeId: volumeHandle, volumePath: published.target, stagingTargetPath: published.staging ?? '' }, StatsResponse)) as { usage: { available: number; total: number; used: number; unit: number }[] };
      const of = (unit: number): { available: number; total: number; used: number } => answer.usage.find((each) => each.unit === unit) ?? { available: 0, total: 0, used: 0 };
      const [bytes, inodes] = [of(UNIT.bytes), of(UNIT.inodes)];
      return { availableBytes: bytes.available, capacityBytes: bytes.total, usedBytes: bytes.used, inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used };
    },
    async release(podFolder) {
      const state = join(root, 'pods', basename(podFolder));
      for (const published of publishedIn(state)) {
        await inTurn(`${published.driver} ${published.handle}`, () => releaseOne(state, published));
        unnote(state, published);
      }
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** A reboot takes mounts away, and leaves what is written of them. */
function isThere(target: string, isBlock: boolean): boolean {
  return isBlock ? existsSync(target) && !statSync(target).isDirectory() : isMounted(target);
}

function removePlace(path: string): void {
  if (statSync(path).isDirectory()) rmdirSync(path); // never with what is in it: that would be the volume's
  else rmSync(path);
}

function publishedIn(state: string): Published[] {
  const text = textOf(join(state, PUBLISHED));
  return text === '' ? [] : (JSON.parse(text) as Published[]);
}

function note(state: string, published: Published): void {
  const before = publishedIn(state).filter(({ target }) => target !== published.target);
  writeFileSync(join(state, PUBLISHED), JSON.stringify([...before, published]));
}

function unnote(state: string, { target }: Published): void {
  const left = publishedIn(state).filter((each) => each.target !== target);
  if (existsSync(join(state, PUBLISHED))) writeFileSync(join(state, PUBLISHED), JSON.stringify(left));
}

function checkMode({ volume, driver }: CsiWish, spec: CSIDriver['spec'] | undefined): void {
  const wanted = volume === undefined ? 'Ephemeral' : 'Persistent';
  const modes = spec?.volumeLifecycleModes ?? ['Persistent'];
  if (!modes.includes(wanted)) throw new Error(`volume mode "${wanted}" not supported by driver ${driver} (only supports ${JSON.stringify(modes)})`);
}

function capabilityOf({ isBlock, fsType, mountOptions, accessModes }: CsiWish, driver: Driver, group: Int64 | undefined): Capability {
  const accessMode = { mode: modeOf(accessModes, driver) };
  if (isBlock) return { block: {}, accessMode };
  return { mount: { fsType, mountFlags: mountOptions, ...(group !== undefined && driver.can(CAN.mountGroup) ? { volumeMountGroup: String(group) } : {}) }, accessMode };
}

/** The widest that the volume has. */
function modeOf(accessModes: readonly string[], driver: Driver): number {
  if (accessModes.includes('ReadWriteMany')) return MODE.multiWriter;
  if (accessModes.includes('ReadWriteOnce')) return driver.can(CAN.singleNodeMultiWriter) ? MODE.singleNodeMultiWriter : MODE.singleNodeWriter;
  if (accessModes.includes('ReadOnlyMany')) return MODE.readerOnly;
  return driver.can(CAN.singleNodeMultiWriter) ? MODE.singleNodeSingleWriter : MODE.singleNodeWriter;
}

function podContext({ metadata, spec: podSpec }: Pod, { volume }: CsiWish, spec: CSIDriver['spec'] | undefined): Record<string, string> {
  if (spec?.podInfoOnMount !== true) return {};
  const prefix = 'csi.storage.k8s.io/';
  return { [`${prefix}pod.name`]: metadata.name ?? '', [`${prefix}pod.namespace`]: metadata.namespace ?? '', [`${prefix}pod.uid`]: metadata.uid ?? '', [`${prefix}serviceAccount.name`]: podSpec?.serviceAccountName ?? '', [`${prefix}ephemeral`]: String(volume === undefined) };
}

async function tokensOf(spec: CSIDriver['spec'] | undefined, sources: CsiSources): Promise<Record<string, string>> {
  const requests = spec?.tokenRequests ?? [];
  if (requests.length === 0) return {};
  const tokens: Record<string, { token: string; expirationTimestamp: string }> = {};
  for (const { audience = '', expirationSeconds } of requests) {
    const { token, expiresMs } = await sources.token({ audience, expirationSeconds: Number(expirationSeconds ?? DEFAULT_TOKEN_SECONDS) });
    tokens[audience] = { token, expirationTimestamp: new Date(expiresMs).toISOString() };
  }
  return { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(tokens) };
}

async function secretsOf(ref: SecretReference | undefined, sources: CsiSources): Promise<Record<string, string>> {
  return ref === undefined ? {} : sources.secretData(ref);
}

async function grow(driver: Driver, wish: CsiWish, call: { volumeId: string; volumeCapability: Capability; target: string; staging?: string }, sources: CsiSources): Promise<number> {
  const { volumeId, volumeCapability, target, staging } = call;
  const answer = await driver.call(nodeService('NodeExpandVolume'), ExpandRequest, { volumeId, volumeCapability, volumePath: target, ...(staging === undefined ? {} : { stagingTargetPath: staging }), capacityRange: { requiredBytes: wish.growToBytes }, secrets: await secretsOf(wish.expandSecret, sources) }, ExpandResponse);
  return Number(answer['capacityBytes']) || wish.growToBytes!;
}

/** CSIDriverSpec.fsGroupPolicy. */
function chowns(spec: CSIDriver['spec'] | undefined, { fsType, accessModes, volume }: CsiWish): boolean {
  const policy = spec?.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (policy !== 'ReadWriteOnceWithFSType') return policy === 'File';
  return volume !== undefined && (fsType ?? '') !== '' && accessModes.includes('ReadWriteOnce');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
