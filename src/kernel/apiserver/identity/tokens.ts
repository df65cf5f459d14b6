/**
 * Service account tokens: JSON Web Tokens signed with ES256, bound to an audience, a time, and perhaps a pod or secret
 * (upstream: serviceaccount/claims.go).
 */
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify, type KeyObject } from 'node:crypto';
import type { UserInfo } from '../../../sdk/module.ts';

export interface BoundObject {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export interface TokenRequest {
  namespace: string;
  serviceAccount: { name: string; uid: string };
  audiences: readonly string[];
  expirationSeconds: number;
  bound?: BoundObject;
  /** Where the pod of the token is; a node that is not there has no uid. */
  node?: Holder;
  /** After how many seconds a reader should have fetched another one, where the token lives longer than that. */
  warnAfterSeconds?: number;
}

/** What a token names. */
export interface Holder {
  name: string;
  uid?: string;
}

export interface Claims {
  iss: string;
  sub: string;
  aud: string[];
  exp: number;
  iat: number;
  nbf: number;
  jti: string;
  'kubernetes.io': {
    namespace: string;
    serviceaccount: { name: string; uid: string };
    pod?: { name: string; uid: string };
    secret?: { name: string; uid: string };
    node?: Holder;
    /** Seconds since 1970. */
    warnafter?: number;
  };
}

export interface TokenSigner {
  readonly issuer: string;
  issue(request: TokenRequest, nowMs: number): { token: string; expirationMs: number };
  /** The claims of a token that we signed and that is valid now; undefined for any other text. */
  verify(token: string, nowMs: number): Claims | undefined;
  /** JSON Web Key Set (RFC 7517). */
  readonly keySet: { keys: Record<string, unknown>[] };
}

export function createTokenSigner(options: { keyPem: string; issuer: string }): TokenSigner {
  const privateKey = createPrivateKey(options.keyPem);
  const publicKey = createPublicKey(privateKey);
  const jwk = publicKey.export({ format: 'jwk' });
  const keyId = createHash('sha256').update(publicKey.export({ format: 'der', type: 'spki' })).digest('base64url');
  const header = encode({ alg: 'ES256', kid: keyId, typ: 'JWT' });
  return {
    issuer: options.issuer,
    keySet: { keys: [{ use: 'sig', alg: 'ES256', kid: keyId, ...jwk }] },
    issue(request, nowMs) {
      const claims = claimsOf(request, options.issuer, nowMs);
      const signed = `${header}.${encode(claims)}`;
      return { token: `${signed}.${signature(privateKey, signed)}`, expirationMs: claims.exp * 1_000 };
    },
    verify: (token, nowMs) => verifyToken(token, publicKey, options.issuer, nowMs),
  };
}

function claimsOf(request: TokenRequest, issuer: string, nowMs: number): Claims {
  const now = Math.floor(nowMs / 1_000);
  const { namespace, serviceAccount, bound, node } = request;
  const own: Claims['kubernetes.io'] = { namespace, serviceaccount: { name: serviceAccount.name, uid: serviceAccount.uid } };
  if (bound !== undefined) own[bound.kind.toLowerCase() as 'pod'] = { name: bound.name, uid: bound.uid };
  if (node !== undefined) own.node = node;
  if (request.warnAfterSeconds !== undefined) own.warnafter = now + request.warnAfterSeconds;
  return {
    iss: issuer, sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`, aud: [...request.audiences],
    exp: now + request.expirationSeconds, iat: now, nbf: now, jti: randomUUID(), 'kubernetes.io': own,
  };
}

function verifyToken(token: string, publicKey: KeyObject, issuer: string, nowMs: number): Claims | undefined {
  const [header, payload, mark, ...more] = token.split('.');
  if (header === undefined || payload === undefined || mark === undefined || more.length > 0 || token.length > 16_384) return undefined;
  const bytes = Buffer.from(mark, 'base64url');
  if (bytes.length !== 64 || !verify('sha256', Buffer.from(`${header}.${payload}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes)) return undefined;
  const claims = decode(payload);
  const now = nowMs / 1_000;
  if (claims === undefined || claims.iss !== issuer || claims.exp <= now || claims.nbf > now + 60) return undefined;
  return claims;
}

/** Who a token speaks for (upstream: serviceaccount.UserInfo). */
export function userOfClaims(claims: Claims): UserInfo {
  const own = claims['kubernetes.io'];
  const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] };
  if (own.pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [own.pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [own.pod.uid];
  }
  if (own.node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [own.node.name];
    if (own.node.uid !== undefined) extra['authentication.kubernetes.io/node-uid'] = [own.node.uid];
  }
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${own.namespace}`, 'system:authenticated'];
  return { name: claims.sub, uid: own.serviceaccount.uid, groups, extra };
}

function signature(key: KeyObject, text: string): string {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Claims | undefined {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims;
  } catch {
    return undefined;
  }
}
