/** `llmos apply FILE ...`: server-side apply of manifests, without kubectl. */
import { UsageError, type Command } from '../command.ts';
import { applyObject, readManifests } from '../manifests.ts';

export const apply: Command = {
  usage: 'FILE-OR-FOLDER ... (- reads standard input)',
  flags: { filename: { type: 'string', short: 'f', multiple: true } },
  async run({ positionals, flags, folders }) {
    const paths = [...positionals, ...((flags['filename'] as string[] | undefined) ?? [])];
    if (paths.length === 0) throw new UsageError(`usage: llmos apply ${apply.usage}`);
    for (const object of paths.flatMap(readManifests)) {
      const { kind, metadata } = await applyObject(folders, object);
      console.log(`${kind?.toLowerCase()}/${metadata.name} applied`);
    }
    return 0;
  },
};
