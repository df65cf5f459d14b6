/** Which Debian or Ubuntu release an image name means, and which of the machine's mirrors has it. Pure. */
import type { AptSource } from './apt-sources.ts';

export interface Release {
  distribution: 'debian' | 'ubuntu';
  /** As the mirror names it: `bookworm`, `stable`, `jammy`. */
  suite: string;
}

const DEBIAN: Readonly<Record<string, string>> = { '10': 'buster', '11': 'bullseye', '12': 'bookworm', '13': 'trixie', '14': 'forky', latest: 'stable', '': 'stable', unstable: 'sid' };
const UBUNTU: Readonly<Record<string, string>> = { '18.04': 'bionic', '20.04': 'focal', '22.04': 'jammy', '24.04': 'noble', '26.04': 'resolute', latest: 'noble', '': 'noble', rolling: 'noble' };

/** `debian`, `debian:12`, `debian:bookworm-slim`, `ubuntu:22.04`, with or without the registry's name; undefined for all others. */
export function releaseOf(image: string): Release | undefined {
  const match = /^(?:(?:[\w.-]+(?::\d+)?\/)?library\/|localhost\/)?(debian|ubuntu)(?::([\w.-]+))?$/.exec(image);
  if (match === null) return undefined;
  const distribution = match[1] as Release['distribution'];
  const tag = (match[2] ?? '').replace(/(^|-)slim$/, '').replace(/-\d{8}(\.\d+)?$/, '');
  const major = distribution === 'debian' ? tag.replace(/^(\d+)\.\d+$/, '$1') : tag;
  const suite = (distribution === 'debian' ? DEBIAN : UBUNTU)[major] ?? major;
  return /^[a-z]+$/.test(suite) ? { distribution, suite } : undefined;
}

/** Sources of the release on the machine's mirrors: the archive, its updates and its security fixes; empty when no mirror has this distribution. */
export function sourcesOf(release: Release, machine: readonly AptSource[]): AptSource[] {
  const archive = machine.find((each) => isArchive(each, release.distribution));
  if (archive === undefined) return [];
  const components = release.distribution === 'ubuntu' ? ['main', 'universe'] : ['main'];
  const found: AptSource[] = [{ ...archive, suite: release.suite, components }];
  for (const each of machine) {
    const base = each.suite.replace(/[-/](updates|security)$/, '');
    if (base !== release.suite || base === each.suite || !each.components.includes('main')) continue;
    if (!found.some((other) => other.uri === each.uri && other.suite === each.suite)) found.push({ ...each, components });
  }
  return found;
}

/** A source of the main archive of a distribution: its path ends in the distribution's name, or its key ring does. */
function isArchive(source: AptSource, distribution: string): boolean {
  if (!source.components.includes('main') || /[-/](security|updates|backports|debug)/.test(source.suite)) return false;
  const path = source.uri.replace(/\/+$/, '');
  return path.endsWith(`/${distribution}`) || new RegExp(`/${distribution}-archive-keyring\\.(gpg|pgp|asc)$`).test(source.signedBy ?? '');
}

export function sourceLine(source: AptSource): string {
  const options = source.signedBy === undefined ? '' : `[signed-by=${source.signedBy}] `;
  return `deb ${options}${source.uri} ${source.suite} ${source.components.join(' ')}`;
}
