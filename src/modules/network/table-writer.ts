/** Brings the instance's table to what is wanted, one nft transaction a change; the whole table at the start, and after a failure. */
import { networkInterfaces } from 'node:os';
import { isWithin } from '../../api/ip.ts';
import type { Log } from '../../base/log.ts';
import { nftWriter } from '../../base/sys/nft.ts';
import { holdsRules } from '../../base/sys/nft-rules.ts';
import { forgetFlows, forgetFlowsToOthers } from '../../base/sys/udp-flows.ts';
import { rememberedClients } from './affinity.ts';
import { halfClosedLast } from './half-closed.ts';
import { createRuleset, type TableFacts } from './ruleset.ts';
import { isOfFamily, type Family } from './family.ts';
import type { Fragment } from './fragment.ts';
import { udpTargetsGone, udpWaysNew, udpWaysServed, type WaysFacts } from './stale-flows.ts';

export interface TableWriter {
  /** Whether the next write is the whole table. */
  readonly isWhole: boolean;
  /** The next write is the whole table: nobody knows what the kernel has of it. */
  startAnew(): void;
  /**
   * Takes the changes in and has the kernel do so, in one transaction, which touches only what changed. Rejects where the kernel refuses;
   * the changes are kept, and the next write is the whole table.
   */
  write(changes: ReadonlyMap<string, Fragment | undefined>): Promise<void>;
  /** Forgets the UDP flows to endpoints that went with what was written, and those that began before what was written led them anywhere. To be called after the rules: a flow forgotten before them would be led to the old endpoint again. */
  forgetFlows(): Promise<void>;
  /** Forgets the UDP flows that an earlier llmos led to endpoints which went since, by what is written. */
  forgetEarlierFlows(): Promise<void>;
  /** Whether the kernel has the table, with the rules that all packets go by. */
  isThere(): Promise<boolean>;
  /** Chains and elements held, for reports. */
  size(): { chains: number; elements: number };
}

export interface TableWriterOptions {
  facts: TableFacts;
  /** The program `nft`. */
  nft: string;
  /** The program `conntrack`, where it is installed. */
  conntrack?: string | undefined;
  /** Whether a Service of this key has a port of UDP. */
  hasUdp(key: string): boolean;
  log: Log;
}

export function createTableWriter({ facts, nft, conntrack, hasUdp, log }: TableWriterOptions): TableWriter {
  const { table, family = 'ip' } = facts;
  const ruleset = createRuleset(facts);
  const kernel = nftWriter(nft);
  const ways: WaysFacts = { ownAddresses: () => ownAddresses(family), isRefused: (address) => isWithin(address, facts.serviceCidr) || isWithin(address, facts.loadBalancerCidr) };
  /** What the kernel has of Services with ports of UDP. */
  const written = new Map<string, Fragment>();
  /** Changes that the kernel has not taken yet, or whose flows are not forgotten yet. */
  const untaken = new Map<string, Fragment | undefined>();
  let isWhole = true;

  /** The table of before knows which client is bound to which endpoint. */
  async function wholeTable(): Promise<string> {
    const names = ruleset.sets();
    return ruleset.whole() + (names.size === 0 ? '' : await rememberedClients(nft, { family, table }, names));
  }

  return {
    get isWhole() { return isWhole; },
    startAnew() {
      isWhole = true;
    },
    async write(changes) {
      const changed = ruleset.change(changes);
      // Who was chosen by no rule may have gone, too.
      for (const [key, fragment] of changes) untaken.set(key, fragment);
      if (changed === '' && !isWhole) return;
      try {
        if (!isWhole) return await kernel.write(changed);
        await kernel.write(await wholeTable());
        isWhole = false;
        await kernel.write(halfClosedLast(facts)).catch((error: unknown) => log.info('connections of which one end has said all are forgotten when the kernel would, mostly after a minute of silence', { error }));
      } catch (error) {
        isWhole = true;
        throw error;
      }
    },
    async forgetFlows() {
      const gone: string[] = [];
      for (const [key, fragment] of untaken) {
        gone.push(...udpTargetsGone(written.get(key), fragment), ...udpWaysNew(written.get(key), fragment, ways));
        if (fragment !== undefined && hasUdp(key)) written.set(key, fragment);
        else written.delete(key);
      }
      untaken.clear();
      await forgetFlows([...new Set(gone)], { conntrack });
    },
    forgetEarlierFlows: () => forgetFlowsToOthers(udpWaysServed(written.values(), ways.ownAddresses())),
    isThere: () => holdsRules(nft, ruleset.base),
    size: () => ruleset.size(),
  };
}

/** Those of links are each a link's alone. */
function ownAddresses(family: Family): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => each ?? []).map(({ address }) => address).filter((address) => isOfFamily(address, family) && !address.startsWith('fe80:'));
}
