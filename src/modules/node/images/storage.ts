/**
 * Reads containers/storage (overlay driver) as skopeo and buildah leave it: names, image configuration and the chain of layers, straight
 * from its JSON files, so that a start costs no process. Read again only when images.json changed.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What an OCI image says of how to run it (OCI image spec, config). */
export interface ImageConfig {
  User?: string;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  StopSignal?: string;
  Volumes?: Record<string, unknown>;
}

export interface StoredImage {
  /** 64 hex digits. */
  id: string;
  /** Of the manifest, `sha256:...`. */
  digest: string;
  names: readonly string[];
  /** Of all layers, in bytes, uncompressed. */
  sizeBytes: number;
}

export interface RunnableImage extends StoredImage {
  config: ImageConfig;
  /** Lower folders for overlayfs, topmost first, relative to `overlayFolder` (`l/ABC`). */
  lower: readonly string[];
  overlayFolder: string;
}

export interface ImageStorage {
  readonly root: string;
  readonly runRoot: string;
  list(): readonly StoredImage[];
  /** By full name (`docker.io/library/web:latest`), `name@digest` or id. */
  find(name: string): StoredImage | undefined;
  /** What is needed to start a container. Throws when the store is damaged. */
  open(image: StoredImage): RunnableImage;
}

interface ImageEntry { id: string; digest?: string; names?: string[]; layer?: string; 'big-data-digests'?: Record<string, string> }
interface LayerEntry { id: string; parent?: string; 'diff-size'?: number }

export function imageStorage(options: { root: string; runRoot: string }): ImageStorage {
  const overlayFolder = join(options.root, 'overlay');
  const images = cached<ImageEntry[]>(join(options.root, 'overlay-images', 'images.json'), []);
  const layers = cached<LayerEntry[]>(join(options.root, 'overlay-layers', 'layers.json'), []);
  const opened = new Map<string, RunnableImage>();
  let listed: { of: ImageEntry[]; images: StoredImage[]; byName: Map<string, StoredImage> } | undefined;

  function table(): NonNullable<typeof listed> {
    const entries = images();
    if (listed?.of === entries) return listed;
    opened.clear();
    const all = entries.map((entry) => stored(entry, layers()));
    const byName = new Map<string, StoredImage>();
    for (const image of all) for (const name of [image.id, ...image.names, ...image.names.map((each) => `${withoutTag(each)}@${image.digest}`)]) byName.set(name, image);
    listed = { of: entries, images: all, byName };
    return listed;
  }

  return {
    ...options,
    list: () => table().images,
    find: (name) => table().byName.get(name),
    open(image) {
      const found = opened.get(image.id);
      if (found !== undefined) return found;
      const entry = images().find((each) => each.id === image.id);
      if (entry === undefined) throw new Error(`image ${image.id} is no longer in ${options.root}`);
      const runnable: RunnableImage = { ...image, config: readConfig(options.root, entry), lower: lowerFolders(overlayFolder, entry, layers()), overlayFolder };
      opened.set(image.id, runnable);
      return runnable;
    },
  };
}

function stored(entry: ImageEntry, layers: readonly LayerEntry[]): StoredImage {
  return { id: entry.id, digest: entry.digest ?? `sha256:${entry.id}`, names: entry.names ?? [], sizeBytes: chain(entry.layer, layers).reduce((sum, layer) => sum + (layer['diff-size'] ?? 0), 0) };
}

function chain(top: string | undefined, layers: readonly LayerEntry[]): LayerEntry[] {
  const found: LayerEntry[] = [];
  for (let id = top; id !== undefined && id !== '' && found.length < 500;) {
    const layer = layers.find((each) => each.id === id);
    if (layer === undefined) break;
    found.push(layer);
    id = layer.parent;
  }
  return found;
}

/** Links such as `l/ABC`, topmost first: a page is all that mount options may take, full paths would not fit. */
function lowerFolders(overlayFolder: string, entry: ImageEntry, layers: readonly LayerEntry[]): string[] {
  return chain(entry.layer, layers).map((layer) => `l/${readFileSync(join(overlayFolder, layer.id, 'link'), 'utf8').trim()}`);
}

function readConfig(root: string, entry: ImageEntry): ImageConfig {
  const file = join(root, 'overlay-images', entry.id, bigDataFile(`sha256:${entry.id}`));
  return (JSON.parse(readFileSync(file, 'utf8')) as { config?: ImageConfig }).config ?? {};
}

/** containers/storage: keys that are not plain words are kept as `=` and their base64. */
function bigDataFile(key: string): string {
  return /^[a-z]+$/.test(key) ? key : `=${Buffer.from(key).toString('base64')}`;
}

function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/** Gives the file's JSON, parsed again only when the file changed; the fallback when there is none. */
function cached<T>(file: string, fallback: T): () => T {
  let stamp = '';
  let value = fallback;
  return () => {
    const stat = statSync(file, { throwIfNoEntry: false });
    const now = stat === undefined ? '' : `${stat.mtimeMs}/${stat.ino}/${stat.size}`;
    if (now === stamp) return value;
    value = stat === undefined ? fallback : (JSON.parse(readFileSync(file, 'utf8')) as T);
    stamp = now;
    return value;
  };
}
