/** What a certificate says of itself: for which names it is, and how long. */
import { X509Certificate } from 'node:crypto';
import type { TlsPair } from './observed.ts';

interface Facts { names: readonly string[]; fromMs: number; untilMs: number }

/** Pairs are never changed, so what was found of one holds. */
const known = new WeakMap<TlsPair, Facts>();

function factsOf(pair: TlsPair): Facts {
  let found = known.get(pair);
  if (found === undefined) {
    const certificate = new X509Certificate(pair.certificatePem);
    known.set(pair, (found = { names: namesOf(certificate), fromMs: Date.parse(certificate.validFrom), untilMs: Date.parse(certificate.validTo) }));
  }
  return found;
}

/** Names of hosts, in lower case; what is no such name is left out. */
export function namesIn(pair: TlsPair): readonly string[] {
  return factsOf(pair).names;
}

/** Whether a name in a certificate is for a hostname (RFC 6125, 6.4.3). */
export function isFor(name: string, hostname: string): boolean {
  return name === hostname || (!hostname.startsWith('*.') && name.startsWith('*.') && name.slice(1) === hostname.slice(hostname.indexOf('.')));
}

/** ms, of the wall clock. */
export function lifetimeOf(pair: TlsPair): { fromMs: number; untilMs: number } {
  return factsOf(pair);
}

function namesOf({ subjectAltName = '', subject }: X509Certificate): string[] {
  const said = [...subjectAltName.split(', ').flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4)] : [])), ...(/^CN=(.*)$/m.exec(subject)?.slice(1) ?? [])];
  return [...new Set(said.map((name) => name.toLowerCase()))].filter((name) => /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name));
}
