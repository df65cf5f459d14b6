/** Reads a PKCS #10 certification request (RFC 2986) and checks that its maker holds the key. */
import { createPublicKey, verify } from 'node:crypto';

export interface CertificationRequest {
  /** The name as it stands there, DER. */
  subject: Buffer;
  commonName: string;
  organizations: string[];
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Buffer;
  /** The value of the subjectAltName extension, DER, where one is asked for. */
  altNames: Buffer | undefined;
  /** How many there are of each. */
  alternatives: { dns: number; addresses: number; others: number };
}

interface Value {
  tag: number;
  /** With its head. */
  whole: Buffer;
  content: Buffer;
}

const OID = { commonName: '550403', organization: '55040a', extensionRequest: '2a864886f70d01090e', subjectAltName: '551d11' };
/** Signature algorithms by OID in hex, with their hash. SHA-1 is believed of requests, not of certificates (Go: CertificateRequest.CheckSignature). */
const HASHES: Readonly<Record<string, string | null>> = {
  '2a8648ce3d040302': 'sha256', '2a8648ce3d040303': 'sha384', '2a8648ce3d040304': 'sha512',
  '2a864886f70d01010b': 'sha256', '2a864886f70d01010c': 'sha384', '2a864886f70d01010d': 'sha512', '2b6570': null,
  '2a8648ce3d0401': 'sha1', '2a864886f70d010105': 'sha1',
};
const MAX_BYTES = 64 * 1_024;
const [SEQUENCE, BIT_STRING, NULL, OBJECT_ID] = [0x30, 0x03, 0x05, 0x06];

/** Reads PEM. Throws RangeError that says what is wrong. */
export function readCertificationRequest(pem: string): CertificationRequest {
  const base64 = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----/.exec(pem)?.[1];
  if (base64 === undefined) throw new RangeError('PEM block type must be CERTIFICATE REQUEST');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > MAX_BYTES) throw new RangeError('the request is too long');
  const [info, algorithm, signature] = itemsOf(first(bytes));
  if (info?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING || signature.content[0] !== 0) throw new RangeError('asn1: structure error: a request has three parts');
  const [, subject, publicKey, attributes] = itemsOf(info);
  if (subject?.tag !== SEQUENCE || publicKey?.tag !== SEQUENCE) throw new RangeError('asn1: structure error: a request has a subject and a key');
  checkSignature(info, algorithm, signature, publicKey.whole);
  const altNames = attributes === undefined ? undefined : altNamesOf(attributes);
  return { subject: subject.whole, ...namesOf(subject), publicKey: publicKey.whole, altNames, alternatives: countOf(altNames) };
}

function checkSignature(info: Value, algorithm: Value, signature: Value, publicKey: Buffer): void {
  const [id, parameters] = itemsOf(algorithm);
  const hash = HASHES[id?.content.toString('hex') ?? ''];
  if (id?.tag !== OBJECT_ID || hash === undefined || (parameters !== undefined && parameters.tag !== NULL)) throw new RangeError('x509: the signature algorithm is not supported');
  try {
    const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
    if (verify(hash, info.whole, key, signature.content.subarray(1))) return;
  } catch {
    // said below
  }
  throw new RangeError('x509: the signature of the request does not fit its key');
}

function namesOf(subject: Value): { commonName: string; organizations: string[] } {
  const found = { commonName: '', organizations: [] as string[] };
  for (const part of itemsOf(subject).flatMap(itemsOf)) {
    const [id, value] = itemsOf(part);
    if (id?.content.toString('hex') === OID.commonName) found.commonName = value?.content.toString('utf8') ?? '';
    if (id?.content.toString('hex') === OID.organization) found.organizations.push(value?.content.toString('utf8') ?? '');
  }
  return found;
}

function altNamesOf(attributes: Value): Buffer | undefined {
  for (const attribute of itemsOf(attributes)) {
    const [id, values] = itemsOf(attribute);
    if (id?.content.toString('hex') !== OID.extensionRequest || values === undefined) continue;
    for (const extension of itemsOf(values).flatMap(itemsOf)) {
      const parts = itemsOf(extension);
      if (parts[0]?.content.toString('hex') === OID.subjectAltName) return parts.at(-1)?.content;
    }
  }
  return undefined;
}

function countOf(altNames: Buffer | undefined): CertificationRequest['alternatives'] {
  const count = { dns: 0, addresses: 0, others: 0 };
  for (const { tag } of altNames === undefined ? [] : itemsOf(first(altNames))) count[tag === 0x82 ? 'dns' : tag === 0x87 ? 'addresses' : 'others'] += 1;
  return count;
}

function first(bytes: Buffer): Value {
  const value = valueAt(bytes, 0);
  if (value.tag !== SEQUENCE || value.whole.length !== bytes.length) throw new RangeError('asn1: syntax error: trailing data');
  return value;
}

/** The values that a constructed one holds. */
function itemsOf(value: Value): Value[] {
  const items: Value[] = [];
  for (let at = 0; at < value.content.length; at += items.at(-1)!.whole.length) items.push(valueAt(value.content, at));
  return items;
}

function valueAt(bytes: Buffer, at: number): Value {
  const [tag, short] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || short === undefined) throw new RangeError('asn1: syntax error: data truncated');
  const digits = short < 0x80 ? 0 : short & 0x7f;
  if (digits > 3 || at + 2 + digits > bytes.length) throw new RangeError('asn1: syntax error: data truncated');
  const length = digits === 0 ? short : bytes.readUIntBE(at + 2, digits);
  const from = at + 2 + digits;
  if (from + length > bytes.length) throw new RangeError('asn1: syntax error: data truncated');
  return { tag, whole: bytes.subarray(at, from + length), content: bytes.subarray(from, from + length) };
}
