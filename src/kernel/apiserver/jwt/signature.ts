/** JSON Web Tokens that others signed (RFC 7515, 7518, 7519), by their public keys (RFC 7517). */
import { constants, createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isJsonObject } from '../../../api/json.ts';
import type { Json } from '../../../api/meta.ts';

export type Claims = { [claim: string]: Json };

export interface Token {
  algorithm: string;
  keyId: string | undefined;
  claims: Claims;
  signed: Buffer;
  signature: Buffer;
}

export interface Key {
  id: string | undefined;
  /** For this algorithm alone, where the issuer says so. */
  algorithm: string | undefined;
  key: KeyObject;
}

interface Algorithm { hash: string; type: string; curve?: string; isPss?: boolean }

/** Those of signatures by a private key: none that whoever checks could sign with himself, and not `none`. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: 'sha256', type: 'rsa' }, RS384: { hash: 'sha384', type: 'rsa' }, RS512: { hash: 'sha512', type: 'rsa' },
  PS256: { hash: 'sha256', type: 'rsa', isPss: true }, PS384: { hash: 'sha384', type: 'rsa', isPss: true }, PS512: { hash: 'sha512', type: 'rsa', isPss: true },
  ES256: { hash: 'sha256', type: 'ec', curve: 'prime256v1' }, ES384: { hash: 'sha384', type: 'ec', curve: 'secp384r1' }, ES512: { hash: 'sha512', type: 'ec', curve: 'secp521r1' },
};
export const SIGNING_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS);

const MOST_CHARACTERS = 65_536;
const LEAST_RSA_BITS = 2_048;

/** What the text says of itself, which nobody has looked at yet; undefined where it is no signed token. */
export function readToken(text: string): Token | undefined {
  const [header, payload, mark, ...more] = text.split('.');
  if (header === undefined || payload === undefined || mark === undefined || more.length > 0 || text.length > MOST_CHARACTERS) return undefined;
  const [about, claims] = [decoded(header), decoded(payload)];
  // What a token asks to be understood (crit) is not understood here.
  if (about === undefined || claims === undefined || typeof about['alg'] !== 'string' || about['crit'] !== undefined) return undefined;
  return { algorithm: about['alg'], keyId: typeof about['kid'] === 'string' ? about['kid'] : undefined, claims, signed: Buffer.from(`${header}.${payload}`), signature: Buffer.from(mark, 'base64url') };
}

/** The keys of a set with which signatures can be checked; others are passed over. */
export function readKeySet(document: unknown): Key[] {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('it is no set of keys: it has no list "keys"');
  return keys.flatMap((jwk: { kid?: unknown; alg?: unknown; use?: unknown } | null) => {
    if (jwk === null || typeof jwk !== 'object' || (jwk.use !== undefined && jwk.use !== 'sig')) return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
      return [{ id: typeof jwk.kid === 'string' ? jwk.kid : undefined, algorithm: typeof jwk.alg === 'string' ? jwk.alg : undefined, key }];
    } catch {
      return [];
    }
  });
}

/** Whether one of the keys signed it. */
export function isSignedBy({ algorithm: name, keyId, signed, signature }: Token, keys: readonly Key[]): boolean {
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (algorithm === undefined) return false;
  return keys.some(({ id, algorithm: only, key }) => (keyId === undefined || id === keyId) && (only === undefined || only === name) && fits(key, algorithm) && verify(algorithm.hash, signed, settings(key, algorithm), signature));
}

/** A key of another sort is not tried, whatever the token says of itself. */
function fits(key: KeyObject, { type, curve }: Algorithm): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === type && (type === 'rsa' ? modulusLength >= LEAST_RSA_BITS : namedCurve === curve);
}

function settings(key: KeyObject, { type, isPss = false }: Algorithm): Parameters<typeof verify>[2] {
  if (type === 'ec') return { key, dsaEncoding: 'ieee-p1363' };
  return isPss ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : { key, padding: constants.RSA_PKCS1_PADDING };
}

function decoded(part: string): Claims | undefined {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;
    return isJsonObject(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
