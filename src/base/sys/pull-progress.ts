/** How far a pull of skopeo has come: it keeps what it fetches in files until a layer is whole, so their sizes tell. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

export interface PullProgress {
  bytes: number;
  /** Of all layers, compressed; undefined while, or where, the registry does not tell. Layers that are there already are not fetched. */
  totalBytes?: number;
}

const LOOK_MS = 500;
/** Quick pulls are not asked about. */
const ASK_AFTER_MS = 1_000;
const MIB = 1024 * 1024;

/** Looks at `folder`, which is that of skopeo's `--tmpdir`, until `stop`. `ask` gives the total. */
export function watchPull(folder: string, ask: () => Promise<number | undefined>, told: (progress: PullProgress) => void): { stop(): void } {
  const sizes = new Map<string, number>();
  let totalBytes: number | undefined;
  const asking = setTimeout(() => void ask().then((bytes) => { totalBytes = bytes; }, () => {}), ASK_AFTER_MS);
  const looking = setInterval(() => {
    for (const [file, size] of sizesIn(folder)) sizes.set(file, Math.max(size, sizes.get(file) ?? 0));
    const bytes = [...sizes.values()].reduce((sum, each) => sum + each, 0);
    told({ bytes: totalBytes === undefined ? bytes : Math.min(bytes, totalBytes), ...(totalBytes === undefined ? {} : { totalBytes }) });
  }, LOOK_MS);
  asking.unref();
  looking.unref();
  return {
    stop() {
      clearTimeout(asking);
      clearInterval(looking);
    },
  };
}

interface Manifest { layers?: { size?: number }[]; manifests?: { digest: string; platform?: { os?: string; architecture?: string } }[] }

/** The compressed layers of the image that a pull would fetch, in bytes. `command` is skopeo with what comes before its verb, `more` what comes after it. */
export async function imageBytes(command: readonly string[], more: readonly string[], image: string): Promise<number | undefined> {
  const read = async (name: string): Promise<Manifest> => JSON.parse(await run(command[0] ?? '', [...command.slice(1), 'inspect', '--raw', ...more, `docker://${name}`], { timeoutMs: 30_000 })) as Manifest;
  const first = await read(image);
  const own = first.manifests?.find(({ platform }) => platform?.os === 'linux' && platform.architecture === (process.arch === 'x64' ? 'amd64' : process.arch));
  const { layers } = own === undefined ? first : await read(`${image.replace(/(@.*|:[^/:]*)$/, '')}@${own.digest}`);
  return layers?.reduce((sum, { size = 0 }) => sum + size, 0);
}

/** `3.4 MiB of 12.0 MiB (28%)`. */
export function progressText({ bytes, totalBytes }: PullProgress): string {
  const mib = (count: number): string => `${(count / MIB).toFixed(1)} MiB`;
  return totalBytes === undefined || totalBytes === 0 ? mib(bytes) : `${mib(bytes)} of ${mib(totalBytes)} (${Math.floor((bytes / totalBytes) * 100)}%)`;
}

function sizesIn(folder: string): [string, number][] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name): [string, number][] => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      return stat?.isFile() === true ? [[name, stat.size]] : [];
    });
  } catch {
    return []; // files come and go while we look
  }
}
