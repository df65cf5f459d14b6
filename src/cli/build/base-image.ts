/**
 * Makes sure that a base image is in the storage: it is there already, or the registry has it, or, for Debian and Ubuntu, it is made from
 * the package mirror that this machine's apt uses. Being offline costs a few seconds at most.
 */
import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../../base/sys/run.ts';
import { readAptSettings, readAptSources } from './apt-sources.ts';
import { releaseOf, sourceLine, sourcesOf, type Release } from './distribution.ts';
import { buildah, command, hasImage, type ImageStorage } from './storage.ts';

export type BaseProgress = (text: string) => void;

export interface BaseOptions extends ImageStorage {
  /** Where bases that were made here are kept as archives. */
  cacheFolder: string;
  signal?: AbortSignal;
  /** What is being done, in a sentence. */
  onNote?: BaseProgress;
  /** Lines of the programs at work. */
  onLine?: BaseProgress;
}

/** How long the registry may take to say that it has the image. */
const REGISTRY_TIMEOUT = '4s';

export type BaseOrigin = 'local' | 'registry' | 'bootstrapped';

/** Rejects with what was tried and what to do. */
export async function ensureBaseImage(image: string, options: BaseOptions): Promise<BaseOrigin> {
  if (await hasImage(options, image)) return 'local';
  const unreachable = await pull(image, options);
  if (unreachable === undefined) return 'registry';
  const release = releaseOf(image);
  if (release === undefined) throw new Error(`the base image '${image}' is not on this machine and cannot be pulled: ${unreachable}. Import it from a file with 'llmos image import FILE', or use a Debian or Ubuntu base, which is made from the package mirror.`);
  options.onNote?.(`${image} cannot be pulled (${unreachable}), so it is made from this machine's package mirror`);
  await bootstrap(image, release, options);
  return 'bootstrapped';
}

/** Undefined when the image is there now, else why not, in short. */
async function pull(image: string, options: BaseOptions): Promise<string | undefined> {
  if (image.startsWith('localhost/')) return 'it is a name of this machine only';
  const { signal, onLine } = options;
  try {
    await command('skopeo', ['--command-timeout', REGISTRY_TIMEOUT, 'inspect', '--raw', `docker://${image}`], { signal });
  } catch (error) {
    if (signal?.aborted || !(error instanceof CommandError)) throw error;
    return shortReason(error.result.stderr);
  }
  options.onNote?.(`pulling ${image}`);
  const id = await buildah(options, ['pull', '--retry', '0', `docker://${image}`], { signal, onLine });
  if (!(await hasImage(options, image))) await buildah(options, ['tag', id.trim().split('\n').at(-1) ?? '', image]);
  return undefined;
}

function shortReason(stderr: string): string {
  const text = stderr.trim().split('\n').at(-1) ?? '';
  if (/no such host|server misbehaving|connection refused|network is unreachable|i\/o timeout|deadline exceeded|no route to host|TLS handshake timeout/i.test(text)) return 'its registry cannot be reached';
  if (/manifest unknown|not found|unauthorized|denied/i.test(text)) return 'the registry does not have it, or not for everyone';
  return /msg="(.*)"$/.exec(text)?.[1]?.replaceAll('\\"', '"').slice(0, 300) ?? text.slice(0, 300);
}

async function bootstrap(image: string, release: Release, options: BaseOptions): Promise<void> {
  const archive = join(options.cacheFolder, `base-${release.distribution}-${release.suite}.tar`);
  await mkdir(options.cacheFolder, { recursive: true });
  const startedMs = performance.now();
  if (existsSync(archive)) options.onNote?.(`using the ${release.distribution} ${release.suite} that was made before (${archive})`);
  else {
    await debootstrap(release, archive, options);
    options.onNote?.(`made ${release.distribution} ${release.suite} in ${Math.round((performance.now() - startedMs) / 1000)} s; kept as ${archive}`);
  }
  await importRoot(archive, image, options);
}

/** For packages that a build adds: what a container has no use for is left out, as in the distribution's own slim images. */
const DPKG_SETTINGS = [
  'path-exclude=/usr/share/man/*', 'path-exclude=/usr/share/info/*', 'path-exclude=/usr/share/locale/*', 'path-exclude=/usr/share/doc/*', 'path-include=/usr/share/doc/*/copyright',
  'force-unsafe-io',
];
/** The same for what is there already. Told to leave it out while it unpacks, mmdebstrap would take twice as long. */
const SLIMMING = [
  'cd "$1/usr/share" && rm -rf man/* info/* locale/*',
  'find "$1/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete',
  'find "$1/usr/share/doc" -mindepth 1 -type d -empty -delete',
  `printf '%s\\n' ${DPKG_SETTINGS.map((each) => `'${each}'`).join(' ')} > "$1/etc/dpkg/dpkg.cfg.d/slim"`,
];
const APT_SETTINGS = ['Acquire::Languages "none";', 'Apt::AutoRemove::SuggestsImportant "false";'];

async function debootstrap(release: Release, archive: string, { signal, onLine }: BaseOptions): Promise<void> {
  const sources = sourcesOf(release, await readAptSources());
  if (sources.length === 0) throw new Error(`no ${release.distribution} base can be made: the apt sources of this machine (/etc/apt) name no mirror of ${release.distribution}`);
  const settings = [...APT_SETTINGS, ...(await readAptSettings())];
  const https = sources.some((each) => each.uri.startsWith('https:'));
  const temporary = `${archive}.${process.pid}.tar`;
  try {
    await command('mmdebstrap', [
      '--variant=apt', '--format=tar', ...(https ? ['--include=ca-certificates'] : []),
      ...settings.map((each) => `--aptopt=${each.replace(/;$/, '')}`), '--dpkgopt=force-unsafe-io', ...SLIMMING.map((each) => `--customize-hook=${each}`),
      release.suite, temporary, ...sources.map(sourceLine),
    ], { signal, onLine });
    await rename(temporary, archive);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The archive as an image with one layer. */
async function importRoot(archive: string, image: string, options: BaseOptions): Promise<void> {
  const context = await mkdtemp(join(options.cacheFolder, 'import-'));
  try {
    await link(archive, join(context, 'root.tar')).catch(() => copyFile(archive, join(context, 'root.tar')));
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD root.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nCMD ["bash"]\n');
    await buildah(options, ['build', '--isolation', 'chroot', '--pull=never', '-t', image, context], { signal: options.signal, onLine: options.onLine });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
