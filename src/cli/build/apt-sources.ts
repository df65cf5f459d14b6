/** The package mirrors that this machine uses, read from apt's own configuration (sources.list(5), one-line and deb822 style). */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runAny } from '../../base/sys/run.ts';

export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
  signedBy: string | undefined;
}

export async function readAptSources(folder = '/etc/apt'): Promise<AptSource[]> {
  const names = await readdir(join(folder, 'sources.list.d')).catch(() => [] as string[]);
  const files = [join(folder, 'sources.list'), ...names.sort().map((name) => join(folder, 'sources.list.d', name))];
  const found: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.list')) found.push(...parseList(text));
    else if (file.endsWith('.sources')) found.push(...parseDeb822(text));
  }
  return found;
}

/** `deb [signed-by=FILE] URI SUITE COMPONENT...` */
export function parseList(text: string): AptSource[] {
  const found: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    found.push({ uri, suite, components: components.trim().split(/\s+/).filter(Boolean), signedBy: /signed-by=(\S+)/i.exec(options)?.[1] });
  }
  return found;
}

export function parseDeb822(text: string): AptSource[] {
  const found: AptSource[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = fieldsOf(stanza);
    const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') continue;
    const [signedBy] = words('signed-by');
    for (const uri of words('uris')) for (const suite of words('suites')) found.push({ uri, suite, components: words('components'), signedBy: signedBy?.startsWith('/') ? signedBy : undefined });
  }
  return found;
}

function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = /^([\w-]+):\s*(.*)$/.exec(line);
    if (match !== null) fields.set((last = (match[1] ?? '').toLowerCase()), match[2] ?? '');
    else if (/^\s/.test(line) && last !== '') fields.set(last, `${fields.get(last)} ${line.trim()}`);
  }
  return fields;
}

/** Settings of the machine's apt without which its mirrors cannot be used, as lines of apt.conf(5). */
export async function readAptSettings(): Promise<string[]> {
  const wanted = /^(Acquire::(Check-Valid-Until|Check-Date|Retries|https?::Proxy|https::Verify-Peer|AllowInsecureRepositories)) "(.+)";$/;
  const dump = await runAny('apt-config', ['dump']).catch(() => undefined);
  return (dump?.stdout ?? '').split('\n').filter((line) => wanted.test(line));
}
