/** Certificates for names that are only known on this machine, signed by the authority of the cluster, which pods and the kubeconfig know. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '../../sdk/module.ts';
import { altNamesOf, nameOf } from './der.ts';
import type { TlsPair } from './observed.ts';

const LOCAL = /(^|\.)(localhost|local|internal|test)$/;
/** Renewed when so much of its time is left, in ms. */
const RENEW_MS = 30 * 24 * 3_600_000;
const MOST = 1_000;

/** Names under localhost, local, internal and test (RFC 6761, RFC 6762 and ICANN's reservation), which no public authority signs for. */
export function isLocalName(hostname: string): boolean {
  return LOCAL.test(hostname.replace(/^\*\./, ''));
}

/** One certificate a name, kept in memory; undefined for names that are not local. */
export function localCertificates(authority: CertificateAuthority, nowMs: () => number): (hostname: string) => TlsPair | undefined {
  const made = new Map<string, { pair: TlsPair; endMs: number }>();
  return (hostname) => {
    if (!isLocalName(hostname)) return undefined;
    const known = made.get(hostname);
    if (known !== undefined && known.endMs - RENEW_MS > nowMs()) return known.pair;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificatePem = authority.sign({ subject: nameOf(hostname), publicKey: publicKey.export({ type: 'spki', format: 'der' }), altNames: altNamesOf([hostname]), usages: ['digital signature', 'key encipherment', 'server auth'] });
    const pair = { certificatePem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    if (made.size >= MOST) made.clear();
    made.set(hostname, { pair, endMs: Date.parse(new X509Certificate(certificatePem).validTo) });
    return pair;
  };
}
