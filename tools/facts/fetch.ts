/**
 * Fetches Debian packages of a suite and unpacks them, without touching the machine's own apt configuration: a private one in `folder`
 * names the same mirror as the machine's, with another suite.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** The source packages that hold the types, and the folder each lands in below usr/share/gocode/src/k8s.io. */
const PACKAGES = [
  'golang-k8s-api-dev', 'golang-k8s-apimachinery-dev', 'golang-k8s-client-go-dev', 'golang-k8s-apiextensions-apiserver-dev',
  'golang-k8s-kube-aggregator-dev', 'golang-k8s-metrics-dev',
];

export interface Unpacked {
  /** The folder that holds `api`, `apimachinery`, `client-go`, ... */
  root: string;
  /** Package name to Debian version. */
  versions: Record<string, string>;
}

/** Downloads `PACKAGES` from `suite` into `folder` (kept, so that a second run needs no network) and unpacks them. */
export function fetchPackages(options: { suite: string; folder: string }): Unpacked {
  const { suite, folder } = options;
  const debs = join(folder, 'debs');
  const tree = join(folder, 'tree');
  mkdirSync(debs, { recursive: true });
  if (readdirSync(debs).length === 0) download({ suite, folder, debs });
  const versions: Record<string, string> = {};
  for (const file of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    const path = join(debs, file);
    const field = (name: string): string => execFileSync('dpkg-deb', ['-f', path, name], { encoding: 'utf8' }).trim();
    versions[field('Package')] = field('Version');
    execFileSync('dpkg', ['-x', path, tree]);
  }
  return { root: join(tree, 'usr/share/gocode/src/k8s.io'), versions };
}

function download(options: { suite: string; folder: string; debs: string }): void {
  const apt = join(options.folder, 'apt');
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'etc/apt.conf.d', 'etc/preferences.d', 'etc/sources.list.d']) {
    mkdirSync(join(apt, part), { recursive: true });
  }
  writeFileSync(join(apt, 'status'), '');
  writeFileSync(join(apt, 'etc/sources.list'), `deb [signed-by=${archiveKey()}] ${machineMirror()} ${options.suite} main\n`);
  const settings = {
    'Dir::Etc': join(apt, 'etc'), 'Dir::Etc::sourcelist': join(apt, 'etc/sources.list'), 'Dir::Etc::sourceparts': join(apt, 'etc/sources.list.d'),
    'Dir::State': join(apt, 'state'), 'Dir::State::status': join(apt, 'status'), 'Dir::Cache': join(apt, 'cache'),
    'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none', 'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const run = (...args: string[]): void => void execFileSync('apt-get', [...flags, ...args], { cwd: options.debs, stdio: ['ignore', 'inherit', 'inherit'] });
  run('-q', 'update');
  for (const name of PACKAGES) {
    try {
      run('-q', 'download', name);
    } catch {
      console.error(`${name} is not in ${options.suite}; going on without it`);
    }
  }
}

/** The URI of the Debian archive in the machine's own sources: the first that offers the release the machine runs. */
function machineMirror(): string {
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]?.replaceAll('"', '') ?? '';
  const files = ['/etc/apt/sources.list', ...list('/etc/apt/sources.list.d').map((name) => `/etc/apt/sources.list.d/${name}`)];
  for (const file of files.filter(existsSync)) {
    const text = readFileSync(file, 'utf8');
    for (const stanza of text.split(/\n\s*\n/)) {
      const suites = /^Suites:\s*(.*)$/m.exec(stanza)?.[1]?.split(/\s+/) ?? [];
      const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1];
      if (uri !== undefined && suites.includes(codename)) return uri;
    }
    const line = new RegExp(String.raw`^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+${codename}\s`, 'm').exec(text);
    if (line?.[1] !== undefined) return line[1];
  }
  throw new Error(`no apt source of this machine offers ${codename || 'a Debian release'}; add one, or run this on Debian`);
}

function archiveKey(): string {
  const found = list('/usr/share/keyrings').find((name) => name.startsWith('debian-archive-keyring'));
  if (found === undefined) throw new Error('the Debian archive key is missing; run: apt-get install debian-archive-keyring');
  return `/usr/share/keyrings/${found}`;
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
