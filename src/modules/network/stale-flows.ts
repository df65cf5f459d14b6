/**
 * Datagrams have no end of connection: the kernel goes on sending a client's to the endpoint that it had first, as long as they keep
 * coming, though the endpoint is gone. So the flows to endpoints that went are forgotten (upstream: kube-proxy's conntrack cleaning).
 *
 * The same holds for who began before there was anything to be led to: what came to the machine itself, or went past it, goes on doing so.
 * And for those whose endpoint went while no llmos ran. What forgets them is base/sys/udp-flows.ts.
 */
import { withPort } from './family.ts';
import type { Collection, Fragment } from './fragment.ts';

/**
 * Endpoints that served UDP before and no longer do. One that still serves while it terminates, or that a policy no longer lets anybody choose, keeps
 * its flows, as it keeps its connections of TCP (upstream: CleanStaleEntries). Pure.
 */
export function udpTargetsGone(before: Fragment | undefined, now: Fragment | undefined): string[] {
  return [...(before?.udpServing ?? [])].filter((each) => now?.udpServing.has(each) !== true);
}

export interface WaysFacts {
  /** Of the machine itself, where node ports answer. */
  ownAddresses(): readonly string[];
  /** Whether flows to the address never begin as long as nobody answers there. */
  isRefused(address: string): boolean;
}

/**
 * Addresses of UDP that are answered, or refused, by the rules now and were not before, written as {@link udpTargetsGone} does: who was answered from there
 * himself came before the rules. Pure.
 */
export function udpWaysNew(before: Fragment | undefined, now: Fragment | undefined, { ownAddresses, isRefused }: WaysFacts): string[] {
  const fresh = (...collections: Collection[]): string[][] => {
    const had = new Set(keysOf(before, collections));
    return [...new Set(keysOf(now, collections))].filter((key) => !had.has(key)).map((key) => key.split(' . '));
  };
  const services = fresh('services', 'refused').filter(([address = '', protocol]) => protocol === 'udp' && !isRefused(address)).map(([address = '', , port]) => withPort(address, Number(port)));
  const ports = fresh('nodeports', 'refusedports').filter(([protocol]) => protocol === 'udp').map(([, port]) => Number(port));
  return [...services, ...(ports.length === 0 ? [] : ownAddresses()).flatMap((address) => ports.map((port) => withPort(address, port)))];
}

/**
 * Where UDP is asked for, with all who serve there, of whichever Service where several have one address; none where nobody serves. Who just began does not know which endpoints went before, and goes by this (upstream: CleanStaleEntries). Pure.
 */
export function udpWaysServed(fragments: Iterable<Fragment>, ownAddresses: readonly string[]): Map<string, ReadonlySet<string>> {
  const served = new Map<string, ReadonlySet<string>>();
  const add = (place: string, by: ReadonlySet<string>): void => void served.set(place, new Set([...(served.get(place) ?? []), ...by]));
  for (const fragment of fragments) {
    if (fragment.udpServing.size === 0) continue;
    for (const [address = '', protocol, port] of keysOf(fragment, ['services']).map((key) => key.split(' . '))) if (protocol === 'udp') add(withPort(address, Number(port)), fragment.udpServing);
    for (const [protocol, port] of keysOf(fragment, ['nodeports']).map((key) => key.split(' . '))) if (protocol === 'udp') for (const address of ownAddresses) add(withPort(address, Number(port)), fragment.udpServing);
  }
  return served;
}

function keysOf(fragment: Fragment | undefined, collections: readonly Collection[]): string[] {
  return collections.flatMap((each) => [...(fragment?.elements.get(each)?.keys() ?? [])]);
}
