/** What is left on this machine: memory, room and inodes on disks, processes. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import type { Observation, Observations } from './judge.ts';
import { machineUsage } from '../usage/read-usage.ts';

/** memory.available = memory - working set (the working set without what the file cache can give back). */
export function observe(options: { memoryBytes: number; nodeFolder: string; imageFolder: string }): Observations {
  const node = statfsSync(options.nodeFolder);
  const images = existsSync(options.imageFolder) ? statfsSync(options.imageFolder) : node; // before the first image
  const room = ({ bavail, blocks, bsize }: typeof node): Observation => ({ available: bavail * bsize, capacity: blocks * bsize });
  const inodes = ({ ffree, files }: typeof node): Observation | undefined => (files === 0 ? undefined : { available: ffree, capacity: files });
  return {
    'memory.available': { available: Math.max(0, options.memoryBytes - machineUsage().workingSetBytes), capacity: options.memoryBytes },
    'nodefs.available': room(node), 'nodefs.inodesFree': inodes(node), 'imagefs.available': room(images), 'imagefs.inodesFree': inodes(images),
    'pid.available': processes(),
  };
}

/** The fourth word of /proc/loadavg counts what the kernel schedules; the lower of its two limits is the capacity. */
export function processes(text = (name: string): string => readFileSync(`/proc/${name}`, 'utf8')): Observation {
  const capacity = Math.min(Number(text('sys/kernel/pid_max')), Number(text('sys/kernel/threads-max')));
  const running = Number(text('loadavg').split(' ')[3]?.split('/')[1] ?? 0);
  return { available: Math.max(0, capacity - running), capacity };
}
