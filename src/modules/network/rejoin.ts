/**
 * Joins the pods of an earlier bridge to the new one, after somebody deleted the bridge under them. The kernel keeps their links, only
 * without a master. Which links are ours is read from the pods' side: of every network namespace that is mounted here, an interface that has
 * an address of the pod network names the link at its other end.
 */
import { readFileSync } from 'node:fs';
import { run, runAny } from '../../base/sys/run.ts';
import { cidrOf, contains, parseCidr } from './address.ts';
import { bridgeOf, readLinks, type NetworkFacts } from './links.ts';

interface Interface {
  link_index?: number;
  addr_info?: { family?: string; local?: string }[];
}

/** Gives how many joined again. Links that have a master, or lead elsewhere, are left alone. */
export async function rejoinPods(facts: NetworkFacts): Promise<number> {
  const alone = new Map((await readLinks(facts)).filter((link) => link.master === undefined && link.linkinfo?.info_kind === 'veth').map((link) => [link.ifindex, link.ifname]));
  if (alone.size === 0) return 0;
  const lines: string[] = [];
  for (const file of mountedNamespaces(readFileSync('/proc/self/mountinfo', 'utf8'))) {
    const name = alone.get(await farEnd(facts, file));
    if (name !== undefined) lines.push(`link set dev ${name} master ${bridgeOf(facts)}`, `link set dev ${name} type bridge_slave hairpin on`);
  }
  if (lines.length > 0) await run(facts.programs.ip ?? 'ip', ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  return lines.length / 2;
}

/** Where network namespaces are mounted, each once (proc(5), mountinfo: the root of such a mount is `net:[NUMBER]`). Pure. */
export function mountedNamespaces(mountinfo: string): string[] {
  const found = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [, , , root, place] = line.split(' ');
    if (root?.startsWith('net:[') && place !== undefined) found.set(root, place.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  }
  return [...found.values()];
}

/** The index, out here, of the link at the other end of the interface with a pod's address; -1 when there is none. */
async function farEnd(facts: NetworkFacts, file: string): Promise<number> {
  const { code, stdout } = await runAny('nsenter', [`--net=${file}`, facts.programs.ip ?? 'ip', '-j', 'addr', 'show']);
  if (code !== 0) return -1; // gone meanwhile
  const pods = cidrOf(facts.network.podCidr);
  const isPod = ({ family, local }: { family?: string; local?: string }): boolean => {
    const address = family === 'inet' ? parseCidr(`${local}/32`) : undefined;
    return address !== undefined && contains(pods, address.base);
  };
  return (JSON.parse(stdout || '[]') as Interface[]).find((each) => each.addr_info?.some(isPod))?.link_index ?? -1;
}
