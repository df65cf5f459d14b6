/** Certificates for names that are only known on this machine, signed by the authority of the cluster, which pods and the kubeconfig know. */
import { generateKeyPairSync } from 'node:crypto';
import type { CertificateAuthority } from '../../sdk/module.ts';
import { altNamesOf, nameOf } from './der.ts';
import type { TlsPair } from './observed.ts';
import { createAlarm, renewAtMs } from './renewal.ts';

const LOCAL = /(^|\.)(localhost|local|internal|test)$/;
const MOST = 1_000;

/** Names under localhost, local, internal and test (RFC 6761, RFC 6762 and ICANN's reservation), which no public authority signs for. */
export function isLocalName(hostname: string): boolean {
  return LOCAL.test(hostname.replace(/^\*\./, ''));
}

/** One certificate a name, kept in memory; undefined for names that are not local. `onDue`: some are to be asked for anew, though nobody changed anything. */
export function localCertificates(authority: CertificateAuthority, time: { nowMs: () => number; signal: AbortSignal }, onDue: () => void): (hostname: string) => TlsPair | undefined {
  const made = new Map<string, { pair: TlsPair; renewMs: number }>();
  const alarm = createAlarm(time, () => {
    for (const [hostname, { renewMs }] of made) if (renewMs <= time.nowMs()) made.delete(hostname);
    setAlarm();
    onDue();
  });
  const setAlarm = (): void => alarm.set(Math.min(...[...made.values()].map(({ renewMs }) => renewMs)));
  return (hostname) => {
    if (!isLocalName(hostname)) return undefined;
    const known = made.get(hostname);
    if (known !== undefined && known.renewMs > time.nowMs()) return known.pair;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificatePem = authority.sign({ subject: nameOf(hostname), publicKey: publicKey.export({ type: 'spki', format: 'der' }), altNames: altNamesOf([hostname]), usages: ['digital signature', 'key encipherment', 'server auth'] });
    const pair = { certificatePem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    if (made.size >= MOST) made.clear();
    made.set(hostname, { pair, renewMs: renewAtMs(certificatePem) });
    setAlarm();
    return pair;
  };
}
