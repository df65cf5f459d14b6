/** The links of the machine's network, and the name of ours among them. */
import { run } from '../../base/sys/run.ts';
import type { MachineFacts } from '../../sdk/module.ts';

/** What of the machine's facts concerns its network. */
export type NetworkFacts = Pick<MachineFacts, 'instance' | 'runFolder' | 'network' | 'cni' | 'programs' | 'furtherAddresses'>;

/** The name of the bridge, and of the table: an instance may be called like a word of nft's language, with a digit it is none. */
export function bridgeOf(facts: { instance: string }): string {
  return `${facts.instance}0`;
}

/** A row of `ip -j link show`. Not from /sys/class/net: that shows the network namespace in which /sys was mounted, which may be another. */
export interface Link {
  ifindex: number;
  ifname: string;
  ifalias?: string;
  master?: string;
  linkinfo?: { info_kind?: string };
}

export async function readLinks(facts: NetworkFacts): Promise<Link[]> {
  return JSON.parse((await run(facts.programs.ip ?? 'ip', ['-j', '-d', 'link', 'show'])) || '[]') as Link[];
}
