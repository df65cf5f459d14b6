/** NetworkPolicy: which pods may speak with which, in nftables. */
import { existsSync } from 'node:fs';
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { NetworkPolicy } from '../../api/networking/network-policy.ts';
import { aborted } from '../../base/aborted.ts';
import { defineModule, type MachineFacts, type Module } from '../../sdk/module.ts';
import { removeTables, startPolicySync, type PolicySync } from './sync.ts';
import type { PolicyTableFacts } from './table.ts';

const SEES_BRIDGED = '/proc/sys/net/bridge';

function createNetworkPolicyModule(): Module {
  let syncs: PolicySync[] = [];
  return defineModule({
    name: 'network-policy',
    description: 'NetworkPolicy: which pods may speak with which, in nftables',
    needs: [Pod, Namespace, NetworkPolicy],
    reads: [NetworkPolicy, Pod, Namespace],
    // Before the node agent starts, so that no pod runs ahead of its policies.
    async start({ caches, machine, log, signal }) {
      const shared = { policies: caches.of(NetworkPolicy), pods: caches.of(Pod), namespaces: caches.of(Namespace), nft: machine.programs.nft ?? 'nft', ip: machine.programs.ip ?? 'ip', log, signal };
      syncs = [];
      for (const facts of factsOf(machine)) syncs.push(await startPolicySync({ ...shared, facts }));
    },
    async run({ machine, signal }) {
      await aborted(signal);
      await Promise.all(syncs.map((sync) => sync.settled()));
      if (signal.reason === 'down') await removeTables(machine.programs.nft ?? 'nft', tableOf(machine));
    },
  });
}

export default createNetworkPolicyModule();

/** The pod network names its bridge so; a table of the name belongs to it, so this one has a name of its own. */
function bridgeOf({ instance }: Pick<MachineFacts, 'instance'>): string {
  return `${instance}0`;
}

function tableOf(machine: Pick<MachineFacts, 'instance'>): string {
  return `${bridgeOf(machine)}-policy`;
}

/** One table a family. */
function factsOf(machine: MachineFacts): PolicyTableFacts[] {
  const { podCidr, gatewayIp, ipv6 } = machine.network;
  const shared = { table: tableOf(machine), bridge: bridgeOf(machine), seesBridged: existsSync(SEES_BRIDGED), dual: ipv6 !== undefined };
  const first: PolicyTableFacts = { ...shared, podCidr, gatewayIp, nodeAddresses: machine.furtherAddresses };
  return ipv6 === undefined ? [first] : [first, { ...shared, family: 'ip6', podCidr: ipv6.podCidr, gatewayIp: ipv6.gatewayIp, gatewayOfBridge: gatewayIp }];
}
