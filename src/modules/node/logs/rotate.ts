/** Logs that grow are set aside and begun anew (upstream: containerLogMaxSize, containerLogMaxFiles): `0.log` becomes `0.log.20261122-020000`. */
import { readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isQuantity, quantityValue } from '../../../api/quantity.ts';
import type { Agent } from '../agent.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import type { NodeParts } from '../parts.ts';
import { durationMs } from '../pressure/settings.ts';
import { tellMonitor } from '../runtime/tell-monitor.ts';

export interface RotationSettings {
  mostBytes: number;
  /** With the one that is written to. */
  mostFiles: number;
  /** How often logs are looked at. */
  everyMs: number;
}

const LEAST_EVERY_MS = 1_000;
/** All files of one container's log together take at most so many times its size for each file, and for one more. */
const MOST_OVER = 2;
/** The file that is written to may take this part of it. */
const WRITTEN_PART = 1 / 3;
const LEAST_FLOOD_BYTES = 2 ** 20;
/** How much more often than logs the room on their disk is looked at, which costs the same for any number of containers. */
const ROOM_LOOKS = 100;
/** A log that has this part of what it may grow to is set aside although it is not its time yet. */
const IN_FLOOD = 2 / 3;
/** To the monitor: open your log again. */
const REOPEN = '2 0 0';

export function rotationSettings(config: Readonly<Record<string, unknown>>): RotationSettings {
  const size = config['containerLogMaxSize'] ?? '10Mi';
  const mostFiles = config['containerLogMaxFiles'] ?? 5;
  if (!isQuantity(size) || quantityValue(size) < 1) throw new Error(`modules.node.containerLogMaxSize must be a quantity such as 10Mi, not ${JSON.stringify(size)}`);
  if (typeof mostFiles !== 'number' || !Number.isInteger(mostFiles) || mostFiles < 2) throw new Error(`modules.node.containerLogMaxFiles must be a whole number of at least 2, not ${JSON.stringify(mostFiles)}`);
  const everyMs = durationMs(config['containerLogMonitorInterval'] ?? '10s', 'containerLogMonitorInterval');
  if (everyMs < LEAST_EVERY_MS) throw new Error(`modules.node.containerLogMonitorInterval must be ${LEAST_EVERY_MS / 1_000}s or more`);
  return { mostBytes: quantityValue(size), mostFiles, everyMs };
}

/**
 * When the monitor begins a log anew by itself, and what was in it is lost. Twice as much may be set aside, so that a container has never more than
 * three times these bytes: with the default of 10Mi and 5 files 40 MiB and 120 MiB.
 */
export function floodBytes({ mostBytes, mostFiles }: RotationSettings): number {
  return Math.max(LEAST_FLOOD_BYTES, Math.floor(MOST_OVER * (mostFiles + 1) * mostBytes * WRITTEN_PART));
}

/** One timer for all; settles after the signal aborted. Logs are looked at when it is time, and sooner when the room on their disk shrinks fast. */
export async function rotateLogs(parts: NodeParts, agent: Agent, settings: RotationSettings, signal: AbortSignal): Promise<void> {
  const { clock } = parts.context;
  let dueMs = performance.now() + settings.everyMs;
  const folder = parts.paths.shownLogs ?? parts.paths.logs;
  let mostRoom = roomIn(folder);
  while (!signal.aborted) {
    await clock.sleep(settings.everyMs / ROOM_LOOKS, signal);
    if (signal.aborted) return;
    const isTime = performance.now() >= dueMs;
    const room = roomIn(folder);
    mostRoom = Math.max(mostRoom, room);
    if (!isTime && mostRoom - room < settings.mostBytes / 2) continue;
    setAsideLarger(parts, agent, settings, isTime ? settings.mostBytes : IN_FLOOD * floodBytes(settings));
    mostRoom = roomIn(folder);
    if (isTime) dueMs = performance.now() + settings.everyMs;
  }
}

function setAsideLarger({ context: { clock, log } }: NodeParts, agent: Agent, settings: RotationSettings, thanBytes: number): void {
  for (const record of agent.workers().flatMap((worker) => worker.records())) {
    if (record.exit !== undefined || sizeOf(record.logPath) <= thanBytes) continue;
    try {
      rotate(record, settings, clock.nowMs());
    } catch (error) {
      log.warn('a log could not be set aside', { pod: record.pod.name, container: record.name, error });
    }
  }
}

/** A folder that somebody removed is made again with the next pod, and until then has no logs that could grow. */
function roomIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return 0;
  }
}

/** The time with milliseconds, since a flood fills several files a second. */
function rotate(record: ContainerRecord, settings: RotationSettings, nowMs: number): void {
  const stamp = new Date(nowMs).toISOString().replace(/[-:Z]/g, '').replace('T', '-');
  if (!tellMonitor(record.bundle, REOPEN, () => renameSync(record.logPath, `${record.logPath}.${stamp}`))) return;
  for (const old of tooMany(setAside(record.logPath), settings)) rmSync(old, { force: true });
}

/** The newest may still be written to, until the monitor has heard that it is not to. */
function tooMany(files: readonly string[], settings: RotationSettings): string[] {
  const mostBytes = floodBytes(settings);
  let bytes = 0;
  // What the monitor begins anew bears another name for a moment.
  return files.filter((file) => !file.endsWith('.tmp')).toReversed().filter((file, index) => (bytes += index === 0 ? mostBytes : sizeOf(file)) > 2 * mostBytes || index >= settings.mostFiles - 1);
}

/** The oldest first. */
export function setAside(logPath: string): string[] {
  const folder = dirname(logPath);
  return readdirSync(folder).filter((name) => name.startsWith(`${basename(logPath)}.`)).sort().map((name) => join(folder, name));
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
