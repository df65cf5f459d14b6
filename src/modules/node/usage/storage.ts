/** What pods have on disks, container by container and volume by volume, for /stats/summary. One du for all, and the same answer for some time: it costs more than all else. */
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { PersistentVolume } from '../../../api/generated/core-v1.ts';
import { claimUses } from '../../../api/storage/claim-matching.ts';
import type { Agent } from '../agent.ts';
import type { PodWorker } from '../lifecycle/worker.ts';
import type { NodeParts } from '../parts.ts';
import { sizesOf } from '../pressure/disk-usage.ts';
import { PROVISIONED_BY, PROVISIONER } from '../volumes/claim.ts';

export interface Space { bytes: number; inodes: number }

export interface PodStorage {
  containers: ReadonlyMap<string, { rootfs: Space; logs: Space }>;
  volumes: readonly VolumeStorage[];
}

export interface VolumeStorage {
  name: string;
  /** Of the pod's own namespace. */
  claim?: string;
  /** It is on the node's own disk, and goes with the pod (upstream: IsLocalEphemeralVolume). */
  isLocal: boolean;
  use: FileSystem;
}

/** As statfs(2) tells of the file system that a folder is on. */
export interface FileSystem { availableBytes: number; capacityBytes: number; usedBytes: number; inodesFree: number; inodes: number; inodesUsed: number }

const FRESH_MS = 15_000;
/** Pods that are new are looked at sooner. */
const YOUNG_MS = 1_000;

export function fileSystemOf(folder: string): FileSystem {
  const { blocks, bsize, bavail, bfree, files, ffree } = statfsSync(folder);
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize, inodesFree: ffree, inodes: files, inodesUsed: files - ffree };
}

/** By the uid of the pod. */
export function storageReader(parts: NodeParts, agent: Agent): () => Promise<ReadonlyMap<string, PodStorage>> {
  let kept: { atMs: number; of: ReadonlySet<string>; storage: Promise<ReadonlyMap<string, PodStorage>> } | undefined;
  return () => {
    const placed = agent.workers().filter((worker) => worker.volumes() !== undefined).map(({ uid }) => uid);
    const ageMs = kept === undefined ? Infinity : performance.now() - kept.atMs;
    if (kept === undefined || ageMs > FRESH_MS || (ageMs > YOUNG_MS && placed.some((uid) => !kept!.of.has(uid)))) {
      const storage = readStorage(parts, agent);
      storage.catch(() => { kept = undefined; });
      kept = { atMs: performance.now(), of: new Set(placed), storage };
    }
    return kept.storage;
  };
}

async function readStorage(parts: NodeParts, agent: Agent): Promise<ReadonlyMap<string, PodStorage>> {
  const { paths } = parts;
  const pods = agent.workers().map((worker) => ({
    worker, uid: worker.uid, folders: foldersOf(worker),
    containers: worker.records().map((record) => ({ name: record.name, rootfs: join(paths.containers, record.id, 'upper'), logs: join(record.logPath, '..') })),
  }));
  const folders = pods.flatMap(({ folders: own, containers }) => [...own.map(({ folder }) => folder), ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs])]).filter((folder) => existsSync(folder));
  const [bytes, inodes] = [await sizesOf(folders, false), await sizesOf(folders, true)];
  const space = (folder: string): Space => ({ bytes: bytes.get(folder) ?? 0, inodes: inodes.get(folder) ?? 0 });
  const entries = await Promise.all(pods.map(async ({ worker, uid, folders: own, containers }): Promise<[string, PodStorage]> => [uid, {
    containers: new Map(containers.map(({ name, rootfs, logs }) => [name, { rootfs: space(rootfs), logs: space(logs) }])),
    volumes: [...own.flatMap(({ folder, ...volume }) => (existsSync(folder) ? [{ ...volume, use: withOwn(fileSystemOf(folder), space(folder)) }] : [])), ...(await claimStorage(parts, worker))],
  }]));
  return new Map(entries);
}

/** Volumes that are measured file by file: they share a file system with others. What lies on the machine by hand (hostPath) and images are not measured, as upstream does not. */
function foldersOf(worker: PodWorker): { name: string; folder: string; isLocal: boolean }[] {
  const placed = worker.volumes()?.paths;
  return (worker.pod().spec?.volumes ?? []).flatMap(({ name, emptyDir, configMap, secret, downwardAPI, projected }) => {
    const folder = placed?.get(name);
    if (folder === undefined || [emptyDir, configMap, secret, downwardAPI, projected].every((source) => source === undefined)) return [];
    return [{ name, folder, isLocal: configMap !== undefined || (emptyDir !== undefined && !emptyDir.medium) }];
  });
}

/** Claims: the whole file system is theirs, or their driver says. */
async function claimStorage({ csi, context }: NodeParts, worker: PodWorker): Promise<VolumeStorage[]> {
  const placed = worker.volumes();
  if (placed === undefined) return [];
  const found = await Promise.all(claimUses(worker.pod()).map(async ({ volume: name, claimName }): Promise<VolumeStorage | undefined> => {
    const [path, volume] = [placed.paths.get(name), placed.claimed.get(name)];
    if (volume === undefined) return undefined;
    try {
      const use = volume.spec?.csi !== undefined ? await csi.usage(worker.pod(), volume) : path !== undefined && isMeasured(volume) ? fileSystemOf(path) : undefined;
      return use === undefined ? undefined : { name, claim: claimName, isLocal: false, use };
    } catch (error) {
      context.log.warn('the usage of a volume could not be read', { claim: `${worker.pod().metadata.namespace}/${claimName}`, error });
      return undefined;
    }
  }));
  return found.filter((each) => each !== undefined);
}

/** Those that are provisioned here, and local ones; upstream measures no hostPath volume that was made by hand. */
function isMeasured({ metadata, spec }: PersistentVolume): boolean {
  return spec?.local !== undefined || metadata.annotations?.[PROVISIONED_BY] === PROVISIONER;
}

function withOwn(system: FileSystem, { bytes, inodes }: Space): FileSystem {
  return { ...system, usedBytes: bytes, inodesUsed: inodes };
}
