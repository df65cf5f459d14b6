/** `llmos build`: an image from a Dockerfile. */
import { UsageError, type Command } from '../command.ts';
import { build as buildImage } from '../build/build.ts';
import { buildLine, buildPlace } from '../build/place.ts';
import { seconds } from '../progress.ts';

export const build: Command = {
  usage: '[-t NAME[:TAG]] [-f FILE] [--build-arg NAME=VALUE] [--no-cache] [--quiet] FOLDER',
  flags: {
    tag: { type: 'string', short: 't' },
    file: { type: 'string', short: 'f' },
    'build-arg': { type: 'string', multiple: true },
    'no-cache': { type: 'boolean' },
    quiet: { type: 'boolean', short: 'q' },
  },
  async run({ positionals, flags, folders }) {
    const [contextFolder] = positionals;
    if (contextFolder === undefined || positionals.length > 1) throw new UsageError(`usage: llmos build ${build.usage}`);
    const abort = new AbortController();
    process.once('SIGINT', () => abort.abort());
    const result = await buildImage({
      ...buildPlace(folders),
      contextFolder,
      tag: flags['tag'] as string | undefined,
      dockerfile: flags['file'] as string | undefined,
      buildArgs: buildArgsOf((flags['build-arg'] as string[] | undefined) ?? []),
      noCache: flags['no-cache'] === true,
      signal: abort.signal,
      onProgress: flags['quiet'] === true ? undefined : (progress) => console.error(progress.type === 'line' ? `    ${progress.text}` : buildLine(progress)),
    });
    console.error(`built ${result.name ?? 'an image'} in ${seconds(result.durationMs)}`);
    console.log(result.imageId);
    return 0;
  },
};

function buildArgsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new UsageError(`--build-arg needs NAME=VALUE, not '${pair}'`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  }));
}
