/** Runs the CNI plugins of the first network configuration list in a folder (CNI spec 1.0, sections 3 and 4). */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { PodLink } from './link-names.ts';

export interface CniAnswer {
  ips: readonly string[];
  /** The machine's end of the link that was made, where there is one. */
  link?: PodLink | undefined;
}

export interface Cni {
  /** Whether the configuration has appeared. */
  ready(): boolean;
  /** Attaches the network namespace to the pod network; addresses without prefix. `first` is a command that makes the namespace. */
  add(id: string, netns: string, first: readonly string[]): Promise<CniAnswer>;
  /** Gives the addresses back; safe to call twice, and with an empty `netns` when the namespace is gone. The namespace is to go next. `ips` are those that `add` gave, if known. */
  remove(id: string, netns: string, ips?: readonly string[]): Promise<void>;
}

interface ConfList { name: string; cniVersion: string; plugins: { type: string; [key: string]: unknown }[] }
interface CniResult { ips?: { address: string }[]; interfaces?: { name: string; mac?: string; sandbox?: string }[]; [key: string]: unknown }

const INTERFACE = 'eth0';
const TIMEOUT_MS = 60_000;
const FIRST_FAILED = 70;
/** `$0` the plugin, the rest a command before it. Together they are one process to start, which takes the longer the more memory llmos has. */
const AFTER = `"$@" < /dev/null > /dev/null || exit ${FIRST_FAILED}; exec "$0"`;

/** `network` is the namespace in which the plugins run; default that of llmos. */
export function cni(options: { confFolder: string; binFolders: readonly string[]; network?: string }): Cni {
  let loaded: { stamp: string; list: ConfList } | undefined;

  function load(): ConfList | undefined {
    let names: string[];
    try { names = readdirSync(options.confFolder); } catch { return undefined; }
    const name = names.filter((each) => each.endsWith('.conflist')).sort()[0];
    if (name === undefined) return undefined;
    const file = join(options.confFolder, name);
    const stat = statSync(file);
    const stamp = `${file} ${stat.mtimeMs}`;
    if (loaded?.stamp !== stamp) {
      try { loaded = { stamp, list: JSON.parse(readFileSync(file, 'utf8')) as ConfList }; } catch { return undefined; } // being written
    }
    return loaded?.list;
  }

  async function call(command: 'ADD' | 'DEL', id: string, netns: string, list: ConfList, plugin: ConfList['plugins'][number], { prevResult, first }: { prevResult?: CniResult; first?: readonly string[] } = {}): Promise<string> {
    const file = pluginFile(plugin.type);
    const input = JSON.stringify({ ...plugin, name: list.name, cniVersion: list.cniVersion, ...(prevResult === undefined ? {} : { prevResult }) });
    // One thread of Go is enough for a plugin and leaves the cores to containers.
    const env = { PATH: process.env['PATH'], GOMAXPROCS: '1', CNI_COMMAND: command, CNI_CONTAINERID: id, CNI_NETNS: netns, CNI_IFNAME: INTERFACE, CNI_PATH: options.binFolders.join(':') };
    const words = first === undefined ? [file] : ['/bin/sh', '-c', AFTER, file, ...first];
    const [program, ...args] = options.network === undefined ? words : ['nsenter', `--net=${options.network}`, ...words];
    const result = await runAny(program ?? file, args, { input, env, timeoutMs: TIMEOUT_MS });
    if (result.code === FIRST_FAILED) throw new Error(result.stderr.trim());
    if (result.code !== 0) throw new Error(`CNI plugin ${plugin.type} ${command} failed: ${reason(result.stdout) ?? (result.stderr.trim() || `code ${result.code}`)}`);
    return result.stdout;
  }

  function pluginFile(type: string): string {
    const file = options.binFolders.map((folder) => join(folder, type)).find((each) => statSync(each, { throwIfNoEntry: false }) !== undefined);
    if (file === undefined) throw new Error(`CNI plugin '${type}' is in none of ${options.binFolders.join(', ')}; install containernetworking-plugins`);
    return file;
  }

  return {
    ready: () => load() !== undefined,
    async add(id, netns, first) {
      const list = load();
      if (list === undefined) throw new Error(`no CNI configuration in ${options.confFolder} yet`);
      let result: CniResult = {};
      for (const [index, plugin] of list.plugins.entries()) result = JSON.parse(await call('ADD', id, netns, list, plugin, index === 0 ? { first } : { prevResult: result })) as CniResult;
      return { ips: (result.ips ?? []).map((each) => each.address.split('/')[0]!), link: madeLink(list, result) };
    },
    async remove(id, netns, ips = []) {
      const list = load();
      if (list !== undefined && ips.length > 0 && releaseLeases(list, id, ips)) return;
      for (const plugin of list?.plugins.toReversed() ?? []) await call('DEL', id, netns, list!, plugin);
    },
  };
}

/**
 * What DEL of the plugin bridge with the addresses of host-local comes to when the namespace goes with it: its link ends by itself, and what is left is a
 * file for each address, which bears the id. So no pod's end waits for two processes. Gives false where the list says anything else, or files are others.
 */
function releaseLeases({ name, plugins }: ConfList, id: string, ips: readonly string[]): boolean {
  const [plugin, ...more] = plugins as { type: string; ipMasq?: boolean; ipam?: { type?: string; dataDir?: string } }[];
  if (more.length > 0 || plugin?.type !== 'bridge' || plugin.ipMasq === true || plugin.ipam?.type !== 'host-local') return false;
  const files = ips.map((ip) => join(plugin.ipam?.dataDir ?? '/var/lib/cni/networks', name, ip));
  try {
    if (!files.every((file) => readFileSync(file, 'utf8').split(/\s/)[0] === id)) return false;
  } catch {
    return false;
  }
  for (const file of files) rmSync(file, { force: true });
  return true;
}

/** Of the interfaces of a result those without a sandbox are the machine's; a bridge was there before. */
function madeLink({ plugins }: ConfList, { interfaces = [] }: CniResult): PodLink | undefined {
  const found = interfaces.find(({ name, mac, sandbox }) => !sandbox && mac !== undefined && !plugins.some(({ bridge }) => bridge === name));
  return found && { name: found.name, mac: found.mac! };
}

function reason(stdout: string): string | undefined {
  try {
    const answer = JSON.parse(stdout) as { msg?: string; details?: string };
    return answer.msg === undefined ? undefined : `${answer.msg}${answer.details ? `; ${answer.details}` : ''}`;
  } catch {
    return undefined;
  }
}
