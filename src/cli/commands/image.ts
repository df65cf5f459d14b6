/** `llmos image ls|pull|push|rm|import|export|prune`: the images of this instance. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeRegistries } from '../../base/sys/registries.ts';
import { loadConfig, type Folders } from '../../boot/config.ts';
import { allRegistries, localRegistry, localRegistryAuth } from '../../boot/registries.ts';
import { exportImage, importImage, listImages, pruneImages, pullImage, pushImage, removeImage, type TransferOptions } from '../build/images.ts';
import { imagesInUse } from '../build/in-use.ts';
import { buildPlace } from '../build/place.ts';
import type { ImageStorage } from '../build/storage.ts';
import { control } from '../control.ts';
import { UsageError, type Command, type CommandContext } from '../command.ts';
import { renderTable } from '../table.ts';

export const image: Command = {
  usage: 'ls | pull IMAGE [--authfile FILE] | push IMAGE [DESTINATION] [--authfile FILE] | rm IMAGE ... | import FILE [NAME] | export IMAGE FILE | prune [--all]',
  flags: { all: { type: 'boolean', short: 'a' }, authfile: { type: 'string' } },
  async run({ positionals, folders, flags }) {
    const storage = buildPlace(folders);
    const [verb, ...rest] = positionals;
    const [first, second] = rest;
    if (verb === 'ls' && rest.length === 0) console.log(renderImages(await listImages(storage)));
    else if (verb === 'pull' && first !== undefined && rest.length === 1) console.log(await transfer(folders, flags, [first], (options) => pullImage(storage, first, options)));
    else if (verb === 'push' && first !== undefined && rest.length <= 2) console.log(await transfer(folders, flags, [first, second], (options) => pushImage(storage, first, second, options)));
    else if (verb === 'rm' && first !== undefined) await removeImages(storage, rest, folders);
    else if (verb === 'import' && first !== undefined && rest.length <= 2) console.log(await importImage(storage, resolve(first), { name: second }));
    else if (verb === 'export' && first !== undefined && second !== undefined && rest.length === 2) await exportImage(storage, first, resolve(second));
    else if (verb === 'prune' && rest.length === 0 && flags['all'] === true) console.log(await pruneAll(folders));
    else if (verb === 'prune' && rest.length === 0) for (const id of await pruneImages(storage, { inUse: await imagesInUse(folders, storage) })) console.log(id);
    else throw new UsageError(`usage: llmos image ${image.usage}`);
    return 0;
  },
};

/** With the registries of the configuration, as pods have them. */
async function transfer(folders: Folders, flags: CommandContext['flags'], images: readonly (string | undefined)[], work: (options: TransferOptions) => Promise<string>): Promise<string> {
  const config = await loadConfig(folders);
  const folder = mkdtempSync(join(tmpdir(), 'llmos-registries-'));
  const local = localRegistry(config);
  const isLocal = local !== undefined && images.some((each) => each?.startsWith(`${local}/`));
  const authFile = typeof flags['authfile'] === 'string' ? resolve(flags['authfile']) : isLocal ? localRegistryAuth(config) : undefined;
  const ending = new AbortController();
  process.once('SIGINT', () => ending.abort());
  try {
    return await work({ authFile, registries: writeRegistries(join(folder, 'files'), allRegistries(config)), signal: ending.signal, onLine: (line) => console.error(line) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function removeImages(storage: ImageStorage, images: readonly string[], folders: Folders): Promise<void> {
  const inUse = await imagesInUse(folders, storage);
  for (const each of images) await removeImage(storage, each, { inUse });
}

/** Only the running llmos knows which images its pods need. */
async function pruneAll(folders: Folders): Promise<string> {
  const { removed } = await control<{ removed: string[] }>(folders, 'POST', '/llmos/v1/images/prune', { body: {}, timeoutMs: 600_000 });
  return removed.join('\n');
}

function renderImages(images: Awaited<ReturnType<typeof listImages>>): string {
  const rows = images.flatMap(({ id, names, sizeBytes, createdMs }) => {
    const tail = [id.slice(0, 12), `${(sizeBytes / 1e6).toFixed(1)} MB`, new Date(createdMs).toISOString().slice(0, 16).replace('T', ' ')];
    return (names.length === 0 ? ['<none>'] : names).map((name) => [name, ...tail]);
  });
  return renderTable(['IMAGE', 'ID', 'SIZE', 'CREATED'], rows);
}
