/**
 * For which names of servers which certificate is shown. HAProxy takes one label for the `*` of a name, a listener any number of them; so a listener for
 * `*.example.com` shows its certificates for all the names that they bear under it, of several the one that bears the name asked for. Pure.
 */
import { X509Certificate } from 'node:crypto';
import { compareHostnames, intersection } from '../hostnames.ts';
import type { TlsPair } from '../observed.ts';
import type { DoorListener } from '../plan.ts';

export interface Shown { listener: DoorListener; pair: TlsPair; names: readonly string[] }

export function namesShown(listeners: readonly DoorListener[]): Shown[] {
  const narrowestFirst = listeners.map(({ hostname }) => hostname).sort(compareHostnames);
  return listeners.flatMap((listener) => {
    const { hostname, certificates } = listener;
    const isOwn = (name: string): boolean => narrowestFirst.find((each) => intersection(each, name) === name) === hostname;
    const bearers = certificates.filter((pair) => borneBy(pair).some((name) => isFor(name, hostname)));
    return certificates.map((pair): Shown => ({
      listener, pair,
      names: [...new Set([...(hostname !== '' && (bearers.length === 0 || bearers.includes(pair)) ? [hostname] : []), ...borneBy(pair).filter(isOwn)])],
    }));
  });
}

/** Whether a name in a certificate is for a hostname (RFC 6125, 6.4.3). */
function isFor(name: string, hostname: string): boolean {
  return name === hostname || (!hostname.startsWith('*.') && name.startsWith('*.') && name.slice(1) === hostname.slice(hostname.indexOf('.')));
}

/** Pairs are never changed, so what was found of one holds. */
const known = new WeakMap<TlsPair, readonly string[]>();

/** Names of hosts in a certificate, in lower case; what is no such name is left out. */
function borneBy(pair: TlsPair): readonly string[] {
  const found = known.get(pair) ?? namesIn(new X509Certificate(pair.certificatePem));
  known.set(pair, found);
  return found;
}

function namesIn({ subjectAltName = '', subject }: X509Certificate): string[] {
  const said = [...subjectAltName.split(', ').flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4)] : [])), ...(/^CN=(.*)$/m.exec(subject)?.slice(1) ?? [])];
  return [...new Set(said.map((name) => name.toLowerCase()))].filter((name) => /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name));
}
