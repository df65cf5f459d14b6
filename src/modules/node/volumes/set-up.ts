/** Brings the volumes of a pod into place before its containers start, renews them while it runs, and takes them away after. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CSIVolumeSource, PersistentVolume, Pod, Volume } from '../../../api/generated/core-v1.ts';
import type { PodFacts } from '../bundle/downward.ts';
import { detachVolumeFile } from '../../../base/sys/volume-file.ts';
import type { CsiVolumes, CsiWish } from '../csi/volumes.ts';
import { namesIn, textOf } from '../read-files.ts';
import { SetUpFault } from '../set-up-fault.ts';
import { writePayload } from './atomic-writer.ts';
import { claimPlace, type ClaimPlace, type ClaimSources } from './claim.ts';
import type { VolumeOptions } from './container-mounts.ts';
import { setUpEmptyDir } from './empty-dir.ts';
import { checkHostPath } from './host-path.ts';
import { setUpImage, type ImageSources } from './image.ts';
import { propagationOf, shareMounts, unmountBeneath } from './mounts.ts';
import { volumePayload, type PayloadSources } from './payload.ts';

export interface VolumeFolders {
  /** On the disk: `<state>/pods/<uid>`. */
  state: string;
  /** In memory: `<run>/pods/<uid>`. */
  run: string;
}

export type VolumeSources = PayloadSources & ClaimSources & ImageSources;

export interface VolumesInPlace {
  /** Host path by volume name. */
  paths: Map<string, string>;
  /** Block devices by volume name. */
  devices: Map<string, string>;
  /** What claims are bound to, by volume name. */
  claimed: Map<string, PersistentVolume>;
  renewAtMs?: number;
}

export class VolumeSetUpError extends SetUpFault {
  override name = 'VolumeSetUpError';
  readonly volume: string;

  constructor(volume: string, cause: Error) {
    super('FailedMount', `MountVolume.SetUp failed for volume "${volume}" : ${cause.message}`, { cause });
    this.volume = volume;
  }
}

/** Names of the containers that mount a volume. */
export function mountersOf({ spec }: Pod, volume: string): string[] {
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
  return all.filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === volume)).map(({ name }) => name);
}

/** How soon, and over what time, payloads are renewed that were left as they are: so that a start of llmos does not renew all at once. */
const KEPT_MS = 30_000;

/** Safe to call again: payloads are renewed, the rest is left as it is; with `keep` payloads that are there are renewed later; `begins` says that the pod has no container yet. Rejects with `MountVolume.SetUp failed for volume "x" : ...`. */
export async function setUpVolumes(pod: Pod, folders: VolumeFolders, sources: VolumeSources, facts: PodFacts, nowMs: number, options: { keep?: boolean; begins?: boolean; took?(plugin: string, seconds: number, failed: boolean): void } = {}): Promise<VolumesInPlace> {
  const placed: VolumesInPlace = { paths: new Map(), devices: new Map(), claimed: new Map() };
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.image !== undefined && mountersOf(pod, volume.name).length === 0) continue; // an image that nobody looks at is not pulled
    const fromMs = performance.now();
    let failed = false;
    try {
      const { path, renewAtMs, isBlock, volume: claimed } = await setUp(pod, volume, folders, sources, facts, nowMs, options);
      if (claimed !== undefined) placed.claimed.set(volume.name, claimed);
      if (isBlock === true) {
        placed.devices.set(volume.name, path);
        continue;
      }
      if (propagationOf(pod, volume.name) !== undefined) await shareMounts(path);
      placed.paths.set(volume.name, path);
      if (renewAtMs !== undefined) placed.renewAtMs = Math.min(placed.renewAtMs ?? renewAtMs, renewAtMs);
    } catch (error) {
      failed = true;
      throw new VolumeSetUpError(volume.name, error as Error);
    } finally {
      options.took?.(pluginOf(volume, placed.claimed.get(volume.name)), (performance.now() - fromMs) / 1_000, failed);
    }
  }
  return placed;
}

const PLUGINS: Readonly<Partial<Record<keyof Volume, string>>> = { emptyDir: 'empty-dir', hostPath: 'host-path', configMap: 'configmap', secret: 'secret', projected: 'projected', downwardAPI: 'downward-api', image: 'image' };

/** The name of the kubelet's plugin for the sort of volume, for metrics. Claims go by the volume that `claimed` gives, where it is known. */
export function pluginOf(volume: Volume, claimed?: PersistentVolume): string {
  const csi = volume.csi?.driver ?? claimed?.spec?.csi?.driver;
  if (csi !== undefined) return `kubernetes.io/csi:${csi}`;
  if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) return claimed?.spec?.hostPath === undefined ? 'kubernetes.io/local-volume' : 'kubernetes.io/host-path';
  const sort = (Object.keys(PLUGINS) as (keyof Volume)[]).find((key) => volume[key] !== undefined);
  return `kubernetes.io/${PLUGINS[sort ?? 'emptyDir']}`;
}

/** In the folder of a pod: the files that are attached as block devices for it. */
const ATTACHED = 'attached.json';

const attachedFor = (folder: string): string[] => JSON.parse(textOf(join(folder, ATTACHED)) || '[]') as string[];

function noteAttached({ state }: VolumeFolders, file: string): void {
  writeFileSync(join(state, ATTACHED), JSON.stringify([...new Set([...attachedFor(state), file])]));
}

/** Devices that no other pod has are given back. */
async function detachFiles({ state }: VolumeFolders): Promise<void> {
  const own = attachedFor(state);
  if (own.length === 0) return;
  const others = new Set(namesIn(dirname(state)).filter((uid) => uid !== basename(state)).flatMap((uid) => attachedFor(join(dirname(state), uid))));
  for (const file of own) if (!others.has(file)) await detachVolumeFile(file);
}

export async function tearDownVolumes(folders: VolumeFolders, csi: Pick<CsiVolumes, 'release'>): Promise<void> {
  const onDisk = join(folders.state, 'volumes');
  if (existsSync(onDisk)) await unmountBeneath(onDisk);
  await detachFiles(folders);
  await csi.release(folders.state);
  for (const folder of [folders.state, folders.run]) rmSync(folder, { recursive: true, force: true });
}

async function setUp(pod: Pod, volume: Volume, folders: VolumeFolders, sources: VolumeSources, facts: PodFacts, nowMs: number, { keep, begins }: { keep?: boolean; begins?: boolean }): Promise<ClaimPlace & { renewAtMs?: number }> {
  if (volume.hostPath !== undefined) return { path: checkHostPath(volume.hostPath) };
  const attaching = (file: string): void => noteAttached(folders, file);
  if (volume.persistentVolumeClaim !== undefined) return claimPlace(pod, volume.persistentVolumeClaim.claimName, sources, { name: volume.name, readOnly: volume.persistentVolumeClaim.readOnly, attaching, begins });
  if (volume.ephemeral !== undefined) return claimPlace(pod, `${pod.metadata.name}-${volume.name}`, sources, { name: volume.name, isEphemeral: true, attaching, begins });
  if (volume.csi !== undefined) return sources.csi(inlineWish(pod, volume.name, volume.csi));
  const onDisk = join(folders.state, 'volumes', volume.name);
  if (volume.image !== undefined) {
    await setUpImage(onDisk, () => sources.image(volume.name, volume.image!));
    return { path: join(onDisk, 'files') };
  }
  // Secrets and tokens never touch the disk.
  const payloadFolder = volume.secret !== undefined || volume.projected !== undefined ? join(folders.run, 'volumes', volume.name) : onDisk;
  if (keep === true && existsSync(join(payloadFolder, '..data'))) return { path: payloadFolder, renewAtMs: nowMs + KEPT_MS * (1 + Math.random()) };
  const payload = await volumePayload(pod, volume, sources, facts);
  if (payload !== undefined) {
    const group = pod.spec?.securityContext?.fsGroup;
    writePayload(payloadFolder, payload.files, { group: group === undefined ? undefined : Number(group) });
    return { path: payloadFolder, renewAtMs: payload.renewAtMs };
  }
  const known = Object.keys(volume).filter((key) => key !== 'name' && volume[key as keyof Volume] !== undefined);
  if (volume.emptyDir === undefined && known.length > 0) throw new Error(`volumes of type ${known.join(', ')} are not served by this node`);
  await setUpEmptyDir(pod, volume.emptyDir ?? {}, onDisk, facts.memoryBytes);
  return { path: onDisk };
}

/** A volume of a storage driver that lives as long as the pod (core/v1 CSIVolumeSource). */
function inlineWish({ metadata }: Pod, name: string, { driver, readOnly = false, fsType, volumeAttributes = {}, nodePublishSecretRef }: CSIVolumeSource): CsiWish {
  return { driver, name, isBlock: false, readOnly, fsType, attributes: volumeAttributes, accessModes: ['ReadWriteOnce'], mountOptions: [], ...(nodePublishSecretRef === undefined ? {} : { publishSecret: { name: nodePublishSecretRef.name, namespace: metadata.namespace } }) };
}

/** What holds for every mount of a volume, whatever the mount says: payloads and images cannot be written to, and nothing in an image is run. */
export function volumeOptions({ spec }: Pod): VolumeOptions {
  const options = new Map<string, readonly ('ro' | 'noexec')[]>();
  for (const { name, persistentVolumeClaim, configMap, secret, downwardAPI, projected, image } of spec?.volumes ?? []) {
    if (image !== undefined) options.set(name, ['ro', 'noexec']);
    else if (persistentVolumeClaim?.readOnly === true || [configMap, secret, downwardAPI, projected].some((source) => source !== undefined)) options.set(name, ['ro']);
  }
  return options;
}
