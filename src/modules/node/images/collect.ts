/**
 * Takes away images that no pod needs when the disk is nearly full (upstream: kubelet's image garbage collection): from
 * imageGCHighThresholdPercent on, the ones longest unused first, down to imageGCLowThresholdPercent; and those that nobody has used for longer than
 * imageMaximumGCAge, however much room there is. Images built here are kept, since no registry has them; only `llmos image prune -a` removes those.
 */
import { existsSync, statfsSync } from 'node:fs';
import { runAny } from '../../../base/sys/run.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import type { NodeParts } from '../parts.ts';
import { durationMs } from '../pressure/settings.ts';
import type { Agent } from '../agent.ts';
import { candidateNames, parseImageName } from './name.ts';
import type { StoredImage } from './storage.ts';

export interface CollectSettings {
  highPercent: number;
  lowPercent: number;
  /** An image is kept so long after it came. */
  minAgeMs: number;
  /** An image is removed when nobody has used it for longer; 0: never for that. */
  maxAgeMs: number;
}

export interface ImageCollector {
  /** Removes every image that no pod here needs; gives their names, or ids where they have none. */
  prune(): Promise<string[]>;
  /** The node is short of room: removes all that may go, however young. */
  reclaim(): Promise<string[]>;
  run(signal: AbortSignal): Promise<void>;
}

interface Seen { firstMs: number; usedMs: number }

const EVERY_MS = 5 * 60_000;

export function collectSettings(config: Readonly<Record<string, unknown>>): CollectSettings {
  const percent = (name: string, otherwise: number): number => {
    const value = config[name] ?? otherwise;
    if (typeof value !== 'number' || !(value >= 0 && value <= 100)) throw new Error(`modules.node.${name} must be a number from 0 to 100, not ${JSON.stringify(value)}`);
    return value;
  };
  const [highPercent, lowPercent] = [percent('imageGCHighThresholdPercent', 85), percent('imageGCLowThresholdPercent', 80)];
  if (lowPercent >= highPercent && highPercent < 100) throw new Error('modules.node.imageGCLowThresholdPercent must be below imageGCHighThresholdPercent');
  const seconds = config['imageMinimumGCAgeSeconds'] ?? 120;
  if (typeof seconds !== 'number' || seconds < 0) throw new Error(`modules.node.imageMinimumGCAgeSeconds must be a number of seconds, not ${JSON.stringify(seconds)}`);
  const [minAgeMs, maxAgeMs] = [seconds * 1_000, durationMs(config['imageMaximumGCAge'] ?? '0s', 'imageMaximumGCAge')];
  if (maxAgeMs > 0 && maxAgeMs <= minAgeMs) throw new Error('modules.node.imageMaximumGCAge must be longer than imageMinimumGCAgeSeconds, or 0s for none');
  return { highPercent, lowPercent, minAgeMs, maxAgeMs };
}

interface Candidates { images: readonly StoredImage[]; used: ReadonlySet<string>; seen: ReadonlyMap<string, Seen>; nowMs: number }

/** Those that nobody has used for longer than so, nor were they brought since; what was before llmos began counts from there. */
export function agedImages({ images, used, seen, nowMs, maxAgeMs }: Candidates & { maxAgeMs: number }): StoredImage[] {
  const sinceMs = ({ id }: StoredImage): number => Math.max(seen.get(id)?.firstMs ?? nowMs, seen.get(id)?.usedMs ?? 0);
  return maxAgeMs === 0 ? [] : images.filter((image) => !used.has(image.id) && !builtHere(image) && nowMs - sinceMs(image) > maxAgeMs);
}

/** Which to remove, in order, until `wantedBytes` are free. Sizes count whole images; layers that others share free less. */
export function unusedImages(options: Candidates & { wantedBytes: number; minAgeMs: number }): StoredImage[] {
  const at = (image: StoredImage): Seen => options.seen.get(image.id) ?? { firstMs: options.nowMs, usedMs: 0 };
  const free = options.images
    .filter((image) => !options.used.has(image.id) && !builtHere(image) && options.nowMs - at(image).firstMs >= options.minAgeMs)
    .sort((a, b) => at(a).usedMs - at(b).usedMs || at(a).firstMs - at(b).firstMs);
  const chosen: StoredImage[] = [];
  for (let bytes = 0; bytes < options.wantedBytes && chosen.length < free.length;) {
    const image = free[chosen.length]!;
    chosen.push(image);
    bytes += image.sizeBytes;
  }
  return chosen;
}

function builtHere(image: StoredImage): boolean {
  return image.names.some((name) => name.startsWith('localhost/'));
}

export function imageCollector(parts: NodeParts, agent: Agent): ImageCollector {
  const { storage, context } = parts;
  const settings = collectSettings(context.config);
  const seen = new Map<string, Seen>();

  /** Ids of the images that containers and pods are made from, of all nodes: those of one machine share the images. */
  function used(): Set<string> {
    const digests = new Set(agent.workers().flatMap((worker) => worker.records()).map((record) => record.imageId.slice(record.imageId.lastIndexOf('@') + 1)));
    const ids = new Set(storage.list().filter((image) => digests.has(image.digest)).map((image) => image.id));
    for (const { spec } of context.caches.of(PodKind).list().filter((each) => each.spec?.nodeName)) {
      const volumes = (spec!.volumes ?? []).filter((each) => each.image !== undefined).map((each) => ({ image: each.image?.reference }));
      for (const { image = '' } of [...volumes, ...spec!.containers, ...(spec!.initContainers ?? []), ...(spec!.ephemeralContainers ?? [])]) {
        const name = parseImageName(image);
        for (const each of name === undefined ? [] : candidateNames(name)) ids.add(storage.find(each)?.id ?? '');
      }
    }
    return ids;
  }

  function look(nowMs: number): Set<string> {
    const ids = used();
    const images = storage.list();
    for (const { id } of images) seen.set(id, { firstMs: seen.get(id)?.firstMs ?? nowMs, usedMs: ids.has(id) ? nowMs : (seen.get(id)?.usedMs ?? 0) });
    for (const id of seen.keys()) if (!images.some((image) => image.id === id)) seen.delete(id);
    return ids;
  }

  /** The names that are gone; one that a build uses, or another image is built upon, is refused and stays. */
  async function remove(images: readonly StoredImage[]): Promise<string[]> {
    const gone: string[] = [];
    for (const image of images) {
      if (used().has(image.id)) continue;
      const result = await runAny(context.machine.programs['buildah'] ?? 'buildah', ['--root', storage.root, '--runroot', storage.runRoot, '--storage-driver', 'overlay', 'rmi', '--force', image.id], { timeoutMs: 120_000 });
      if (result.code === 0) gone.push(...(image.names.length > 0 ? image.names : [image.id]));
      else context.log.warn('an image could not be removed', { image: image.names[0] ?? image.id, error: result.stderr.trim().slice(-500) });
    }
    return gone;
  }

  async function collect(): Promise<void> {
    const nowMs = context.clock.nowMs();
    const ids = look(nowMs);
    if (!existsSync(storage.root)) return; // there was no image yet
    parts.pulled.keepOnly(new Set(storage.list().map(({ id }) => id)));
    const old = await remove(agedImages({ images: storage.list(), used: ids, seen, nowMs, maxAgeMs: settings.maxAgeMs }));
    if (old.length > 0) context.log.info('images that nobody has used for long were removed', { images: old });
    const { blocks, bavail, bsize } = statfsSync(storage.root);
    const capacity = blocks * bsize;
    const free = bavail * bsize;
    if (capacity === 0 || (1 - free / capacity) * 100 < settings.highPercent) return;
    const wantedBytes = capacity * (1 - settings.lowPercent / 100) - free;
    const chosen = unusedImages({ images: storage.list(), used: ids, seen, wantedBytes, nowMs, minAgeMs: settings.minAgeMs });
    const gone = await remove(chosen);
    if (gone.length > 0) context.log.info('images that no pod needs were removed, since the disk is nearly full', { images: gone });
    const after = statfsSync(storage.root);
    const freed = after.bavail * after.bsize - free;
    const node = context.caches.of(NodeKind).get(context.machine.nodeName);
    if (freed < wantedBytes && node !== undefined) context.events.event(node, 'Warning', 'FreeDiskSpaceFailed', `Failed to garbage collect required amount of images. Attempted to free ${Math.round(wantedBytes)} bytes, but only found ${Math.max(0, freed)} bytes eligible to free.`);
  }

  return {
    prune: () => {
      const ids = used();
      return remove(storage.list().filter((image) => !ids.has(image.id)));
    },
    reclaim() {
      const nowMs = context.clock.nowMs();
      return remove(unusedImages({ images: storage.list(), used: look(nowMs), seen, wantedBytes: Infinity, nowMs, minAgeMs: 0 }));
    },
    async run(signal) {
      while (!signal.aborted) {
        await context.clock.sleep(EVERY_MS, signal);
        if (!signal.aborted) await collect().catch((error: Error) => context.log.warn('unused images could not be looked for', { error }));
      }
    },
  };
}
