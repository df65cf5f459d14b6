/** What is kept of a container beside its bundle, so that the next llmos can adopt it. Gone after a reboot, as the container is. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxContainerUser, ResourceRequirements } from '../../../api/generated/core-v1.ts';
import { startTicks } from '../../../base/sys/is-running.ts';
import type { ContainerRole } from '../status/view.ts';

export interface ContainerExit {
  exitCode: number;
  finishedMs: number;
  reason: string;
  message?: string;
  /** It never ran: its pod was to end while it was being made. */
  givenUp?: true;
}

export interface ContainerRecord {
  id: string;
  name: string;
  role: ContainerRole;
  /** 0 for the first start; the restart count. */
  attempt: number;
  pod: { uid: string; namespace: string; name: string; graceSeconds: number };
  /** As the status shows it. */
  image: string;
  /** As the pod named it. */
  wantedImage: string;
  imageId: string;
  bundle: string;
  root: string;
  logPath: string;
  cgroup: string;
  /** Where the container may leave its last words; a file of the machine. */
  terminationLog: string;
  stopSignal: string;
  createdMs: number;
  pid?: number;
  /** Start time of the process in ticks: tells it from another with the same number. */
  pidTicks?: number;
  startedMs?: number;
  exit?: ContainerExit;
  /** Of its RuntimeClass; absent for the default runtime. */
  handler?: string;
  /** The cpus that it has to itself, as the kernel writes lists. */
  exclusiveCpus?: string;
  /** What its control group was given; absent in records of an older llmos. */
  resources?: ResourceRequirements;
  /** Who its first process begins as; absent in records of an older llmos. */
  user?: LinuxContainerUser;
  tty: boolean;
  stdin: boolean;
}

export function keepRecord(record: ContainerRecord): void {
  const file = join(record.bundle, 'record.json');
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** All that an earlier llmos left; folders without a readable record are named in `broken`. */
export function listRecords(bundles: string): { records: ContainerRecord[]; broken: string[] } {
  const records: ContainerRecord[] = [];
  const broken: string[] = [];
  for (const id of existsSync(bundles) ? readdirSync(bundles) : []) {
    try {
      records.push(JSON.parse(readFileSync(join(bundles, id, 'record.json'), 'utf8')) as ContainerRecord);
    } catch {
      broken.push(id);
    }
  }
  return { records, broken };
}

/** Whether the container's own first process is still there. */
export function isAlive(record: ContainerRecord): boolean {
  return record.pid !== undefined && record.exit === undefined && startTicks(record.pid) === record.pidTicks;
}
