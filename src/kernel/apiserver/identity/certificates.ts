/** Certificates: own authority, server and client certificates, EC P-256 (RFC 5280). The library is loaded only when one must be made. */
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

export interface KeyAndCertificate {
  keyPem: string;
  certificatePem: string;
}

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
export const AUTHORITY_DAYS = 3_650;
export const LEAF_DAYS = 365;

export async function makeAuthority(commonName: string, nowMs: number): Promise<KeyAndCertificate> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    ...validity(nowMs, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return { keyPem: await privatePem(keys.privateKey), certificatePem: pem(certificate) };
}

export interface LeafOptions {
  commonName: string;
  organizations?: readonly string[];
  usage: 'server' | 'client';
  /** DNS names and IP addresses. */
  names?: readonly string[];
  nowMs: number;
  days?: number;
}

export async function makeLeaf(authority: KeyAndCertificate, options: LeafOptions): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificatePem = await signLeaf(authority, keys.publicKey, options);
  return { keyPem: await privatePem(keys.privateKey), certificatePem };
}

async function signLeaf(authority: KeyAndCertificate, publicKey: webcrypto.CryptoKey, options: LeafOptions): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const extensions = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([options.usage === 'server' ? serverAuth : clientAuth]),
    await x509.AuthorityKeyIdentifierExtension.create(issuer as never),
  ];
  const names = (options.names ?? []).map((value) => (isIP(value) === 0 ? { type: 'dns' as const, value } : { type: 'ip' as const, value }));
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...(options.organizations ?? []).map((value) => ({ O: [value] })), { CN: [options.commonName] }],
    issuer: issuer.subject,
    ...validity(options.nowMs, options.days ?? LEAF_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: publicKey as never,
    signingKey: (await importPrivate(authority.keyPem)) as never,
    extensions,
  });
  return pem(certificate);
}

/** A clock that is a little behind ours must not refuse what we just made. */
function validity(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - 300_000), notAfter: new Date(nowMs + days * DAY_MS) };
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function library(): Promise<typeof import('@peculiar/x509')> {
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  return x509;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function importPrivate(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(keyPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

function pem(certificate: { toString(format: 'pem'): string }): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}
