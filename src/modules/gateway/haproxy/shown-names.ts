/**
 * For which names of servers which certificate is shown. HAProxy takes one label for the `*` of a name, a listener any number of them; so a listener for
 * `*.example.com` shows its certificates for all the names that they bear under it, of several the one that bears the name asked for. Pure.
 */
import { isFor, namesIn } from '../certificate-facts.ts';
import { compareHostnames, intersection } from '../hostnames.ts';
import type { TlsPair } from '../observed.ts';
import type { DoorListener } from '../plan.ts';

export interface Shown { listener: DoorListener; pair: TlsPair; names: readonly string[] }

export function namesShown(listeners: readonly DoorListener[]): Shown[] {
  const narrowestFirst = listeners.map(({ hostname }) => hostname).sort(compareHostnames);
  return listeners.flatMap((listener) => {
    const { hostname, certificates } = listener;
    const isOwn = (name: string): boolean => narrowestFirst.find((each) => intersection(each, name) === name) === hostname;
    const bearers = certificates.filter((pair) => namesIn(pair).some((name) => isFor(name, hostname)));
    return certificates.map((pair): Shown => ({
      listener, pair,
      names: [...new Set([...(hostname !== '' && (bearers.length === 0 || bearers.includes(pair)) ? [hostname] : []), ...namesIn(pair).filter(isOwn)])],
    }));
  });
}
