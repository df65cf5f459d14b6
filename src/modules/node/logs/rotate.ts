/** Logs that grow are set aside and begun anew (upstream: containerLogMaxSize, containerLogMaxFiles): `0.log` becomes `0.log.20261122-020000`. */
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
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
/** A log may grow to so many times its size before it is looked at and set aside, so that a burst is kept whole; what a container writes beyond is lost. */
const FLOOD_LOGS = 32;
const LEAST_FLOOD_BYTES = 2 ** 20;
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

/** When the monitor begins a log anew by itself, and how much of a container's logs is set aside at most, but for the last. */
export function floodBytes({ mostBytes }: RotationSettings): number {
  return Math.max(LEAST_FLOOD_BYTES, FLOOD_LOGS * mostBytes);
}

/** One timer for all; settles after the signal aborted. */
export async function rotateLogs(parts: NodeParts, agent: Agent, settings: RotationSettings, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts.context;
  while (!signal.aborted) {
    await clock.sleep(settings.everyMs, signal);
    if (signal.aborted) return;
    for (const record of agent.workers().flatMap((worker) => worker.records())) {
      if (record.exit !== undefined || sizeOf(record.logPath) <= settings.mostBytes) continue;
      try {
        rotate(record, settings, clock.nowMs());
      } catch (error) {
        log.warn('a log could not be set aside', { pod: record.pod.name, container: record.name, error });
      }
    }
  }
}

function rotate(record: ContainerRecord, settings: RotationSettings, nowMs: number): void {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  if (!tellMonitor(record.bundle, REOPEN, () => renameSync(record.logPath, `${record.logPath}.${stamp}`))) return;
  for (const old of tooMany(setAside(record.logPath), settings)) rmSync(old, { force: true });
}

function tooMany(files: readonly string[], settings: RotationSettings): string[] {
  let bytes = 0;
  return files.toReversed().filter((file, index) => index >= settings.mostFiles - 1 || ((bytes += sizeOf(file)) > floodBytes(settings) && index > 0));
}

/** The oldest first. */
export function setAside(logPath: string): string[] {
  const folder = dirname(logPath);
  return readdirSync(folder).filter((name) => name.startsWith(`${basename(logPath)}.`)).sort().map((name) => join(folder, name));
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
