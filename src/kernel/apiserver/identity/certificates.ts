/** Certificates: own authority, server and client certificates, EC P-256 with SHA-256 (RFC 5280). */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, set, time, utf8 } from '../../../api/certificates/der.ts';

export interface KeyAndCertificate {
  keyPem: string;
  certificatePem: string;
}

export interface LeafOptions {
  commonName: string;
  organizations?: readonly string[];
  usage: 'server' | 'client';
  /** DNS names, IP addresses and URIs. */
  names?: readonly string[];
  nowMs: number;
  /** Default a year. */
  days?: number;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const LEAF_DAYS = 365;
/** A clock that is a little behind ours must not refuse what we just made; nor we ourselves, when ours was wrong as we made it and is set right. */
const BACK_MS = 300_000;
const LEAF_BACK_MS = 2 * DAY_MS;
const AUTHORITY_BACK_MS = AUTHORITY_DAYS * DAY_MS;
const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2', commonName: '2.5.4.3', organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14', keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17', basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35', extendedKeyUsage: '2.5.29.37', server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2',
};

export function makeAuthority(commonName: string, nowMs: number): KeyAndCertificate {
  const { privateKey, publicKey } = newKeys();
  const name = nameOf(commonName, []);
  const extensions = [
    extension(OID.basicConstraints, true, sequence(boolean(true))),
    // digitalSignature, keyCertSign, cRLSign
    extension(OID.keyUsage, true, bits(Buffer.from([0b1000_0110]), 1)),
    extension(OID.subjectKeyIdentifier, false, octets(keyIdentifier(publicKey))),
  ];
  const certificatePem = certificate({ issuer: name, subject: name, publicKey, signer: privateKey, extensions, nowMs, days: AUTHORITY_DAYS, backMs: AUTHORITY_BACK_MS });
  return { keyPem: privatePem(privateKey), certificatePem };
}

export function makeLeaf(authority: KeyAndCertificate, options: LeafOptions): KeyAndCertificate {
  const { privateKey, publicKey } = newKeys();
  const issuer = new X509Certificate(authority.certificatePem);
  const extensions = [
    extension(OID.basicConstraints, true, sequence()),
    // digitalSignature
    extension(OID.keyUsage, true, bits(Buffer.from([0b1000_0000]), 7)),
    extension(OID.extendedKeyUsage, false, sequence(oid(OID[options.usage]))),
    extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuer.publicKey)))),
  ];
  if (options.names !== undefined && options.names.length > 0) extensions.push(extension(OID.subjectAltName, false, sequence(...options.names.map(generalName))));
  const certificatePem = certificate({
    issuer: nameOf(commonNameOf(issuer), []), subject: nameOf(options.commonName, options.organizations ?? []), publicKey,
    signer: createPrivateKey(authority.keyPem), extensions, nowMs: options.nowMs, days: options.days ?? LEAF_DAYS, backMs: LEAF_BACK_MS,
  });
  return { keyPem: privatePem(privateKey), certificatePem };
}

/** See CertificateAuthority of the SDK. */
export interface SigningRequest {
  subject: Buffer;
  publicKey: Buffer;
  altNames?: Buffer;
  usages: readonly string[];
  expirationSeconds?: number;
}

/** Bits of the key usage extension by the names of certificates.k8s.io (RFC 5280, 4.2.1.3). */
const KEY_USAGES = ['digital signature', 'content commitment', 'key encipherment', 'data encipherment', 'key agreement', 'cert sign', 'crl sign', 'encipher only'];
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0', 'server auth': OID.server, 'client auth': OID.client, 'code signing': '1.3.6.1.5.5.7.3.3', 'email protection': '1.3.6.1.5.5.7.3.4', 's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5', 'ipsec tunnel': '1.3.6.1.5.5.7.3.6', 'ipsec user': '1.3.6.1.5.5.7.3.7', timestamping: '1.3.6.1.5.5.7.3.8', 'ocsp signing': '1.3.6.1.5.5.7.3.9',
};

/** A certificate for a key that somebody else holds. It is never that of an authority. */
export function signRequest(authority: KeyAndCertificate, request: SigningRequest, nowMs: number): string {
  const issuer = new X509Certificate(authority.certificatePem);
  const extensions = [extension(OID.basicConstraints, true, sequence()), ...usageExtensions(request.usages)];
  extensions.push(extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuer.publicKey)))));
  if (request.altNames !== undefined) extensions.push(extension(OID.subjectAltName, false, request.altNames));
  const seconds = Math.min(request.expirationSeconds ?? Infinity, LEAF_DAYS * DAY_MS / 1_000);
  return certificate({
    issuer: nameOf(commonNameOf(issuer), []), subject: request.subject, publicKey: createPublicKey({ key: request.publicKey, format: 'der', type: 'spki' }),
    signer: createPrivateKey(authority.keyPem), extensions, nowMs, days: (seconds * 1_000) / DAY_MS,
  });
}

function usageExtensions(usages: readonly string[]): Buffer[] {
  const extensions: Buffer[] = [];
  const wanted = KEY_USAGES.map((name) => usages.includes(name) || (name === 'digital signature' && usages.includes('signing')));
  const last = wanted.lastIndexOf(true);
  if (last >= 0) extensions.push(extension(OID.keyUsage, true, bits(Buffer.from([wanted.reduce((byte, is, bit) => (is ? byte | (0x80 >> bit) : byte), 0)]), 7 - last)));
  const extended = [...new Set(usages.flatMap((name) => EXTENDED_USAGES[name] ?? []))];
  if (extended.length > 0) extensions.push(extension(OID.extendedKeyUsage, false, sequence(...extended.map(oid))));
  return extensions;
}

interface Parts {
  issuer: Buffer;
  subject: Buffer;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: readonly Buffer[];
  nowMs: number;
  days: number;
  /** How long before now it begins; default five minutes. */
  backMs?: number;
}

function certificate(parts: Parts): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const validity = sequence(time(parts.nowMs - (parts.backMs ?? BACK_MS)), time(parts.nowMs + parts.days * DAY_MS));
  const version3 = explicit(0, integer(Buffer.from([2])));
  const keyInfo = parts.publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(version3, integer(serialNumber()), algorithm, parts.issuer, validity, parts.subject, keyInfo, explicit(3, sequence(...parts.extensions)));
  const whole = sequence(body, algorithm, bits(sign('sha256', body, parts.signer)));
  return new X509Certificate(whole).toString();
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(id), boolean(true), octets(value)) : sequence(oid(id), octets(value));
}

function nameOf(commonName: string, organizations: readonly string[]): Buffer {
  const parts = organizations.map((value) => set(sequence(oid(OID.organization), utf8(value))));
  return sequence(...parts, set(sequence(oid(OID.commonName), utf8(commonName))));
}

function generalName(name: string): Buffer {
  if (isIP(name) !== 0) return implicit(7, addressBytes(name));
  return implicit(name.includes('://') ? 6 : 2, Buffer.from(name));
}

function commonNameOf(of: X509Certificate): string {
  return /^CN=(.*)$/m.exec(of.subject)?.[1] ?? '';
}

/** SHA-1 of the public key's bits (RFC 5280, 4.2.1.2): for P-256 the last 65 bytes of its SubjectPublicKeyInfo. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1').update(key.export({ type: 'spki', format: 'der' }).subarray(-65)).digest();
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function newKeys(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The 4 or 16 bytes of an IP address. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
