/** Makes certification requests (PKCS #10, RFC 2986), without a subject: who asks for them knows by other ways for whom they are. */
import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { bits, der, explicit, implicit, integer, octets, oid, sequence, set } from './der.ts';

const SUBJECT_ALT_NAME = oid('2.5.29.17');
const EXTENSION_REQUEST = oid('1.2.840.113549.1.9.14');
const NULL = der(0x05);
/** The algorithm by which a key signs, and its hash. */
const ALGORITHMS: Readonly<Record<string, [Buffer, string | null]>> = {
  'ec': [sequence(oid('1.2.840.10045.4.3.2')), 'sha256'],
  'rsa': [sequence(oid('1.2.840.113549.1.1.11'), NULL), 'sha256'],
  'ed25519': [sequence(oid('1.3.101.112')), null],
};

/** DER, signed with the key (ECDSA, RSA or Ed25519); `names` are DNS names that it asks for. */
export function certificationRequest(key: KeyObject, names: readonly string[] = []): Buffer {
  const [algorithm, hash] = ALGORITHMS[key.asymmetricKeyType ?? ''] ?? [];
  if (algorithm === undefined || hash === undefined) throw new RangeError(`keys of type ${key.asymmetricKeyType} sign no requests`);
  const altNames = sequence(SUBJECT_ALT_NAME, octets(sequence(...names.map((name) => implicit(2, Buffer.from(name))))));
  const attributes = names.length === 0 ? explicit(0, Buffer.alloc(0)) : explicit(0, sequence(EXTENSION_REQUEST, set(sequence(altNames))));
  const info = sequence(integer(Buffer.from([0])), sequence(), createPublicKey(key).export({ format: 'der', type: 'spki' }), attributes);
  return sequence(info, algorithm, bits(sign(hash, info, key)));
}
