/**
 * The chains by which a port of a Service chooses an endpoint: exact round robin by a counter of its own (`numgen inc`), by chance, or by client
 * address where the Service asks for session affinity; others for who comes from another node or from outside, where these choose among others.
 */
import type { Service } from '../../api/generated/core-v1.ts';
import { isWithin } from '../../api/ip.ts';
import { algorithmOf } from '../../sdk/load-balancing/algorithm.ts';
import { addressTypeOf, withPort } from './family.ts';
import { add, type Collection, type Fragment, type Transport } from './fragment.ts';
import type { RuleFacts } from './rule-facts.ts';
import { isExternal, sameAs, type Choices } from './service-choices.ts';
import type { Destination } from './service-endpoints.ts';
import { byWeight } from './weights.ts';

/** One port of a Service, and the fragment that its chains go into. */
export interface PortContext {
  fragment: Fragment;
  service: Service;
  protocol: Transport;
  facts: RuleFacts;
}

/** Names of the chains by which the port is answered: at addresses within the cluster, and at those that may be had from outside; undefined where the port has no endpoint. */
export interface Chains {
  cluster: string | undefined;
  external: string | undefined;
}

/** Makes the chains that lead to these choices; `suffix` ends their names, and is the port's own. */
export function chainsFor(port: PortContext, suffix: string, { reachable, cluster: whole, inside, outside, of }: Choices): Chains {
  const { fragment, service, facts } = port;
  for (const each of reachable) {
    add(fragment, 'hairpin', `${each.address} . ${each.address}`, '');
    if (!isWithin(each.address, facts.podCidr) && each.address !== facts.gatewayIp) add(fragment, 'elsewhere', each.address, '');
  }
  if (reachable.length === 0) return { cluster: undefined, external: undefined };
  const cluster = insideChain(port, suffix, inside, of);
  const external = !isExternal(service) ? undefined : sameAs(outside, inside) ? cluster : outsideChain(port, suffix, whole, outside);
  return { cluster, external };
}

/** Confined clients go past the proxy, to where their policies judge them. */
export function past({ fragment, facts }: PortContext, suffix: string, proxied: Chains, direct: Chains): Chains {
  const split = (which: keyof Chains): string | undefined => {
    if (proxied[which] === undefined) return undefined;
    const name = `${which}/${suffix}`;
    fragment.chains.set(name, [`${facts.family ?? 'ip'} saddr @confined ${direct[which] === undefined ? 'drop' : `goto ${direct[which]}`}`, `goto ${proxied[which]}`]);
    return name;
  };
  return { cluster: split('cluster'), external: split('external') };
}

/** Pods of further nodes may be meant for other endpoints than those of the first one (internalTrafficPolicy Local, hints); they are known by their addresses. */
function insideChain(port: PortContext, suffix: string, inside: readonly Destination[], of: Choices['of']): string {
  const { facts, fragment } = port;
  const first = choose(port, `svc/${suffix}`, inside);
  const rules = (facts.others ?? []).flatMap((other, index) => {
    const own = of(other);
    return sameAs(own, inside) ? [] : [`${facts.family ?? 'ip'} saddr ${other.podCidr} goto ${choose(port, `svc${index + 2}/${suffix}`, own)}`];
  });
  if (rules.length === 0) return first;
  fragment.chains.set(`from/${suffix}`, [...rules, `goto ${first}`]);
  return `from/${suffix}`;
}

/** Traffic from outside may use other endpoints (externalTrafficPolicy Local); pods and the machine itself reach all of them. */
function outsideChain(port: PortContext, suffix: string, cluster: readonly Destination[], outside: readonly Destination[]): string {
  const { facts } = port;
  const whole = choose(port, `all/${suffix}`, cluster);
  if (sameAs(outside, cluster)) return whole;
  const name = `ext/${suffix}`;
  const local = choose(port, `local/${suffix}`, outside);
  port.fragment.chains.set(name, [`${facts.family ?? 'ip'} saddr ${facts.podCidr} goto ${whole}`, `fib saddr type local goto ${whole}`, `goto ${local}`]);
  return name;
}

/** The chain that chooses one of `destinations`; with none it drops, as a Local policy without local endpoints must. */
function choose(port: PortContext, chain: string, destinations: readonly Destination[]): string {
  const { fragment, service } = port;
  if (destinations.length === 0) fragment.chains.set(chain, ['drop']);
  else if (service.spec?.sessionAffinity === 'ClientIP') fragment.chains.set(chain, stick(port, chain, destinations));
  else fragment.chains.set(chain, [shared(port, chain, byWeight(destinations, port.facts.weights))]);
  return chain;
}

/** `inc`: in turn, by a counter; `random`: by chance. */
const turnOf = (service: Service): 'inc' | 'random' => (algorithmOf(service) === 'random' ? 'random' : 'inc');

/** Only endpoints of TCP stand in the shared maps (blocks.ts). */
function shared({ fragment, service, protocol, facts }: PortContext, chain: string, destinations: readonly Destination[]): string {
  const [first] = destinations;
  const { family = 'ip' } = facts;
  const by = turnOf(service);
  const to = `meta l4proto ${protocol} dnat ${family} to`;
  if (first !== undefined && destinations.length === 1) return `${to} ${withPort(first.address, first.port)}`;
  if (protocol === 'tcp' && facts.place !== undefined) {
    const { map, base } = facts.place(chain, destinations.length);
    destinations.forEach((each, index) => add(fragment, map as Collection, String(base + index), `${each.address} . ${each.port}`));
    return `${to} numgen ${by} mod ${destinations.length} offset ${base} map @${map}`;
  }
  const map = destinations.map((each, index) => `${index} : ${each.address} . ${each.port}`).join(', ');
  return `${to} numgen ${by} mod ${destinations.length} map { ${map} }`;
}

/**
 * Session affinity: each endpoint remembers its clients in a set of its own, for as long as the Service says after the last connection. All chains of the
 * port share these sets, so that a client has one endpoint by whichever address it asks; the time is the rule's, so that a change of it forgets nobody.
 */
function stick(port: PortContext, chain: string, destinations: readonly Destination[]): string[] {
  const timeout = port.service.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const { family = 'ip' } = port.facts;
  const suffix = chain.slice(chain.indexOf('/') + 1);
  const remembered: string[] = [];
  const chainOf = new Map<Destination, string>();
  destinations.forEach((each) => {
    const endpoint = `${each.address.replaceAll(':', '-')}/${each.port}`;
    const [own, set] = [`${chain}/${endpoint}`, `aff/${suffix}/${endpoint}`];
    port.fragment.sets.set(set, `{ type ${addressTypeOf(family)}; size 65536; flags dynamic,timeout; }`);
    port.fragment.chains.set(own, [`update @${set} { ${family} saddr timeout ${timeout}s }`, `meta l4proto ${port.protocol} dnat ${family} to ${withPort(each.address, each.port)}`]);
    remembered.push(`${family} saddr @${set} goto ${own}`);
    chainOf.set(each, own);
  });
  // Who is not remembered yet is shared as the Service has it.
  const turns = byWeight(destinations, port.facts.weights).map((each, index) => `${index} : goto ${chainOf.get(each)}`);
  return [...remembered, `numgen ${turnOf(port.service)} mod ${turns.length} vmap { ${turns.join(', ')} }`];
}
