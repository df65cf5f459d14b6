/** `llmos image ls|rm|import|export|prune`: the images of this instance. */
import { resolve } from 'node:path';
import { exportImage, importImage, listImages, pruneImages, removeImage } from '../build/images.ts';
import { buildPlace } from '../build/place.ts';
import { UsageError, type Command } from '../command.ts';
import { renderTable } from '../table.ts';

export const image: Command = {
  usage: 'ls | rm IMAGE ... | import FILE [NAME] | export IMAGE FILE | prune',
  async run({ positionals, folders }) {
    const storage = buildPlace(folders);
    const [verb, ...rest] = positionals;
    const [first, second] = rest;
    if (verb === 'ls' && rest.length === 0) console.log(renderImages(await listImages(storage)));
    else if (verb === 'rm' && first !== undefined) for (const each of rest) await removeImage(storage, each);
    else if (verb === 'import' && first !== undefined && rest.length <= 2) console.log(await importImage(storage, resolve(first), { name: second }));
    else if (verb === 'export' && first !== undefined && second !== undefined && rest.length === 2) await exportImage(storage, first, resolve(second));
    else if (verb === 'prune' && rest.length === 0) console.log((await pruneImages(storage)).join('\n'));
    else throw new UsageError(`usage: llmos image ${image.usage}`);
    return 0;
  },
};

function renderImages(images: Awaited<ReturnType<typeof listImages>>): string {
  const rows = images.flatMap(({ id, names, sizeBytes, createdMs }) => {
    const tail = [id.slice(0, 12), `${(sizeBytes / 1e6).toFixed(1)} MB`, new Date(createdMs).toISOString().slice(0, 16).replace('T', ' ')];
    return (names.length === 0 ? ['<none>'] : names).map((name) => [name, ...tail]);
  });
  return renderTable(['IMAGE', 'ID', 'SIZE', 'CREATED'], rows);
}
