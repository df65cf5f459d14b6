/** Firewalls of others that drop what they do not know, as those of Docker and ufw do: their rules are left alone, and who can mend it is told what stands in the way. */
import { Node } from '../../api/core/node.ts';
import { runAny } from '../../base/sys/run.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { bridgeOf } from './links.ts';

const LOOK_MS = 300_000;
const FIRST_LOOK_MS = 1_000;
const HOOKS = ['forward', 'input'] as const;

interface Chain { family: string; table: string; name: string; hook?: string; policy?: string }

/** Of what `nft -j list chains` says: the base chains that drop by default what pods send, but our own. */
export function droppingChains(json: string, bridge: string): Chain[] {
  const { nftables = [] } = JSON.parse(json) as { nftables?: { chain?: Chain }[] };
  return nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain]))
    .filter(({ family, table, hook, policy }) => policy === 'drop' && HOOKS.some((each) => each === hook) && ['ip', 'ip6', 'inet'].includes(family) && !table.startsWith(bridge));
}

/** What does not work, and the commands that let it. */
export function advice({ family, table, name, hook }: Chain, bridge: string): string {
  const insert = (match: string): string => `nft insert rule ${family} ${table} ${name} ${match} "${bridge}" accept`;
  const what = hook === 'input' ? 'pods cannot ask for names or reach the API' : 'pods reach neither each other nor the outside, and nobody reaches them';
  return `chain ${name} of table ${family} ${table}, which is none of llmos, drops what it does not know: ${what}. Let the bridge through: ${[insert('iifname'), ...(hook === 'input' ? [] : [insert('oifname')])].join('; ')}`;
}

/** Those of the machine as it is now. */
export async function blockingChains(nft: string, bridge: string): Promise<Chain[]> {
  const { code, stdout } = await runAny(nft, ['-j', 'list', 'chains']);
  const blocking: Chain[] = [];
  for (const chain of code === 0 ? droppingChains(stdout, bridge) : []) {
    const listed = await runAny(nft, ['list', 'table', chain.family, chain.table]);
    // Whoever names the bridge has thought of it.
    if (listed.code === 0 && !listed.stdout.includes(`"${bridge}"`)) blocking.push(chain);
  }
  return blocking;
}

/** Looks every five minutes, and tells by a log line and an Event of the Node; settles on the abort. */
export async function lookForFirewalls({ caches, clock, events, log, machine, signal }: ModuleContext): Promise<void> {
  const bridge = bridgeOf(machine);
  const nft = machine.programs.nft ?? 'nft';
  let told = new Set<string>();
  for (let waitMs = FIRST_LOOK_MS; !signal.aborted; waitMs = LOOK_MS) {
    await clock.sleep(waitMs, signal);
    if (signal.aborted) return;
    const found = new Set<string>();
    for (const chain of await blockingChains(nft, bridge)) found.add(advice(chain, bridge));
    for (const each of found) if (!told.has(each)) tell(each);
    told = found;
  }

  function tell(message: string): void {
    log.warn(message);
    const node = caches.of(Node).get(machine.nodeName);
    if (node !== undefined) events.event(node, 'Warning', 'ForeignFirewall', message);
  }
}
