/** What pods have on disks, container by container and volume by volume, for /stats/summary. One du for all, and the same answer for some time: it costs more than all else. */
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent } from '../agent.ts';
import type { NodePaths } from '../paths.ts';
import { emptyDirs, sizesOf } from '../pressure/disk-usage.ts';

export interface Space { bytes: number; inodes: number }

export interface PodStorage {
  containers: ReadonlyMap<string, { rootfs: Space; logs: Space }>;
  volumes: readonly ({ name: string } & Space)[];
}

/** As statfs(2) tells of the file system that a folder is on. */
export interface FileSystem { availableBytes: number; capacityBytes: number; usedBytes: number; inodesFree: number; inodes: number; inodesUsed: number }

const FRESH_MS = 15_000;

export function fileSystemOf(folder: string): FileSystem {
  const { blocks, bsize, bavail, bfree, files, ffree } = statfsSync(folder);
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize, inodesFree: ffree, inodes: files, inodesUsed: files - ffree };
}

/** By the uid of the pod. */
export function storageReader(paths: NodePaths, agent: Agent): () => Promise<ReadonlyMap<string, PodStorage>> {
  let kept: { atMs: number; storage: Promise<ReadonlyMap<string, PodStorage>> } | undefined;
  return () => {
    if (kept === undefined || performance.now() - kept.atMs > FRESH_MS) {
      const storage = readStorage(paths, agent);
      storage.catch(() => { kept = undefined; });
      kept = { atMs: performance.now(), storage };
    }
    return kept.storage;
  };
}

async function readStorage(paths: NodePaths, agent: Agent): Promise<ReadonlyMap<string, PodStorage>> {
  const pods = agent.workers().map((worker) => ({
    uid: worker.uid, volumes: emptyDirs(paths, worker.pod()),
    containers: worker.records().map((record) => ({ name: record.name, rootfs: join(paths.containers, record.id, 'upper'), logs: join(record.logPath, '..') })),
  }));
  const folders = pods.flatMap(({ volumes, containers }) => [...volumes.map(({ folder }) => folder), ...containers.flatMap(({ rootfs, logs }) => [rootfs, logs])]).filter((folder) => existsSync(folder));
  const [bytes, inodes] = [await sizesOf(folders, false), await sizesOf(folders, true)];
  const space = (folder: string): Space => ({ bytes: bytes.get(folder) ?? 0, inodes: inodes.get(folder) ?? 0 });
  return new Map(pods.map(({ uid, volumes, containers }) => [uid, {
    containers: new Map(containers.map(({ name, rootfs, logs }) => [name, { rootfs: space(rootfs), logs: space(logs) }])), volumes: volumes.map(({ name, folder }) => ({ name, ...space(folder) })),
  }]));
}
