/** What pods have on the node's own disk: writable layers, logs, emptyDirs. One du for all that is asked at once. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { runAny } from '../../../base/sys/run.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import type { NodePaths } from '../paths.ts';

export interface PodDiskUsage {
  /** Writable layer and logs, by container. */
  containers: ReadonlyMap<string, number>;
  /** EmptyDirs that lie on the disk, by volume. */
  volumes: ReadonlyMap<string, number>;
  total: number;
}

/** Bytes, or inodes; by the uid of the pod. */
export async function diskUsage(paths: NodePaths, pods: readonly { pod: Pod; records: readonly ContainerRecord[] }[], options: { inodes?: boolean } = {}): Promise<Map<string, PodDiskUsage>> {
  const wanted = pods.flatMap(({ pod, records }) => [...records.flatMap((record) => foldersOf(paths, record)), ...emptyDirs(paths, pod).map(({ folder }) => folder)]);
  const sizes = await sizesOf(wanted.filter((folder) => existsSync(folder)), options.inodes === true);
  const sizeOf = (folder: string): number => sizes.get(folder) ?? 0;
  return new Map(pods.map(({ pod, records }) => {
    const containers = new Map(records.map((record) => [record.name, foldersOf(paths, record).reduce((sum, folder) => sum + sizeOf(folder), 0)]));
    const volumes = new Map(emptyDirs(paths, pod).map(({ name, folder }) => [name, sizeOf(folder)]));
    return [pod.metadata.uid ?? '', { containers, volumes, total: [...containers.values(), ...volumes.values()].reduce((sum, each) => sum + each, 0) }];
  }));
}

function foldersOf(paths: NodePaths, record: ContainerRecord): string[] {
  return [join(paths.containers, record.id, 'upper'), join(record.logPath, '..')];
}

function emptyDirs(paths: NodePaths, pod: Pod): { name: string; folder: string }[] {
  return (pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined && emptyDir.medium !== 'Memory' && !emptyDir.medium?.startsWith('HugePages')).map(({ name }) => ({ name, folder: join(paths.pods, pod.metadata.uid ?? '', 'volumes', name) }));
}

/** Folders that vanish meanwhile count nothing. */
export async function sizesOf(folders: readonly string[], inodes: boolean): Promise<Map<string, number>> {
  if (folders.length === 0) return new Map();
  const { stdout } = await runAny('du', ['-x', '-s', ...(inodes ? ['--inodes'] : ['--block-size=1']), '--', ...folders], { timeoutMs: 120_000 });
  return new Map(stdout.split('\n').filter((line) => line !== '').map((line) => [line.slice(line.indexOf('\t') + 1), Number(line.slice(0, line.indexOf('\t')))]));
}
