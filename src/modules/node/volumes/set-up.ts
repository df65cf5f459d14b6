/** Brings the volumes of a pod into place before its containers start, renews them while it runs, and takes them away after. */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { quantityValue } from '../../../api/quantity.ts';
import type { Pod, Volume } from '../../../api/generated/core-v1.ts';
import { run, runAny } from '../../../base/sys/run.ts';
import type { PodFacts } from '../bundle/downward.ts';
import { writePayload } from './atomic-writer.ts';
import { claimFolder, type ClaimSources } from './claim.ts';
import { checkHostPath } from './host-path.ts';
import { volumePayload, type PayloadSources } from './payload.ts';

export interface VolumeFolders {
  /** On the disk: `<state>/pods/<uid>`. */
  state: string;
  /** In memory: `<run>/pods/<uid>`. */
  run: string;
}

export interface VolumesInPlace {
  /** Host path by volume name. */
  paths: Map<string, string>;
  renewAtMs?: number;
}

/** How soon, and over what time, payloads are renewed that were left as they are: so that a start of llmos does not renew all at once. */
const KEPT_MS = 30_000;

/** Safe to call again: payloads are renewed, the rest is left as it is; with `keep` payloads that are there are renewed later. Rejects with `MountVolume.SetUp failed for volume "x" : ...`. */
export async function setUpVolumes(pod: Pod, folders: VolumeFolders, sources: PayloadSources & ClaimSources, facts: PodFacts, nowMs: number, options: { keep?: boolean } = {}): Promise<VolumesInPlace> {
  const placed: VolumesInPlace = { paths: new Map() };
  for (const volume of pod.spec?.volumes ?? []) {
    try {
      const { path, renewAtMs } = await setUp(pod, volume, folders, sources, facts, nowMs, options.keep === true);
      placed.paths.set(volume.name, path);
      if (renewAtMs !== undefined) placed.renewAtMs = Math.min(placed.renewAtMs ?? renewAtMs, renewAtMs);
    } catch (error) {
      throw new Error(`MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`, { cause: error });
    }
  }
  return placed;
}

export async function tearDownVolumes(folders: VolumeFolders): Promise<void> {
  const memory = join(folders.state, 'volumes');
  const device = existsSync(memory) ? statSync(memory).dev : 0;
  const mounted = existsSync(memory) ? readdirSync(memory).map((name) => join(memory, name)).filter((path) => statSync(path).dev !== device) : [];
  if (mounted.length > 0) await runAny('umount', ['-l', ...mounted], { timeoutMs: 30_000 });
  for (const folder of [folders.state, folders.run]) rmSync(folder, { recursive: true, force: true });
}

async function setUp(pod: Pod, volume: Volume, folders: VolumeFolders, sources: PayloadSources & ClaimSources, facts: PodFacts, nowMs: number, keep: boolean): Promise<{ path: string; renewAtMs?: number }> {
  const group = pod.spec?.securityContext?.fsGroup;
  if (volume.hostPath !== undefined) return { path: checkHostPath(volume.hostPath) };
  if (volume.persistentVolumeClaim !== undefined) return { path: await claimFolder(pod, volume.persistentVolumeClaim.claimName, sources) };
  const onDisk = join(folders.state, 'volumes', volume.name);
  // Secrets and tokens never touch the disk.
  const payloadFolder = volume.secret !== undefined || volume.projected !== undefined ? join(folders.run, 'volumes', volume.name) : onDisk;
  if (keep && existsSync(join(payloadFolder, '..data'))) return { path: payloadFolder, renewAtMs: nowMs + KEPT_MS * (1 + Math.random()) };
  const payload = await volumePayload(pod, volume, sources, facts, nowMs);
  if (payload !== undefined) {
    writePayload(payloadFolder, payload.files, { group });
    return { path: payloadFolder, renewAtMs: payload.renewAtMs };
  }
  const known = Object.keys(volume).filter((key) => key !== 'name' && volume[key as keyof Volume] !== undefined);
  if (volume.emptyDir === undefined && known.length > 0) throw new Error(`volumes of type ${known.join(', ')} are not served by this node`);
  await setUpEmptyDir(volume, onDisk, group);
  return { path: onDisk };
}

async function setUpEmptyDir(volume: Volume, folder: string, group: number | undefined): Promise<void> {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  if (volume.emptyDir?.medium === 'Memory') {
    const size = volume.emptyDir.sizeLimit === undefined ? [] : [`size=${quantityValue(volume.emptyDir.sizeLimit)}`];
    await run('mount', ['-t', 'tmpfs', '-o', ['nosuid', 'nodev', 'mode=0777', ...size].join(','), 'tmpfs', folder]);
  }
  chmodSync(folder, group === undefined ? 0o777 : 0o2777);
  if (group !== undefined) chownSync(folder, 0, group);
}

