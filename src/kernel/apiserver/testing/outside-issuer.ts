/** An issuer of tokens on 127.0.0.1, as OpenID Connect has it, with keys of each sort, for tests. */
import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeAuthority, makeLeaf } from '../identity/certificates.ts';

export interface OutsideIssuer {
  readonly url: string;
  /** Of the authority that signed its certificate. */
  readonly caPem: string;
  /** Paths that it was asked for. */
  readonly asked: string[];
  /** A token with these claims beside `iss`, `aud` (app) and `exp` (an hour from now). */
  token(claims: Readonly<Record<string, unknown>>, how?: { algorithm?: string; header?: object; key?: KeyObject }): string;
  publicKey(algorithm: string): KeyObject;
  /** Other keys from now on. */
  rotate(): void;
  /** What it answers with in place of its discovery document; undefined for that. */
  failure: { status: number; text: string } | undefined;
  close(): Promise<void>;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

export async function startOutsideIssuer(): Promise<OutsideIssuer> {
  const authority = makeAuthority('outside', Date.now());
  const own = makeLeaf(authority, { commonName: 'issuer', names: ['127.0.0.1'], usage: 'server', nowMs: Date.now() });
  let keys = newKeys();
  let generation = 0;
  const asked: string[] = [];
  const idOf = (algorithm: string): string => `${algorithm}-${generation}`;
  const server = createServer({ key: own.keyPem, cert: own.certificatePem }, (request, response) => {
    asked.push(request.url ?? '');
    if (issuer.failure !== undefined) return void response.writeHead(issuer.failure.status).end(issuer.failure.text);
    if (request.url === '/keys') return void response.end(JSON.stringify({ keys: [...keys].map(([algorithm, { publicKey }]) => ({ ...publicKey.export({ format: 'jwk' }), kid: idOf(algorithm), use: 'sig' })) }));
    if (request.url !== '/.well-known/openid-configuration' && request.url !== '/elsewhere') return void response.writeHead(404).end();
    response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: OutsideIssuer = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, caPem: authority.certificatePem, asked, failure: undefined,
    token(claims, { algorithm = 'RS256', header = {}, key } = {}) {
      const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signed = `${encode({ alg: algorithm, kid: idOf(algorithm), ...header })}.${encode({ iss: issuer.url, aud: 'app', exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims })}`;
      return `${signed}.${signatureOf(signed, algorithm, key ?? keys.get(algorithm)?.privateKey)}`;
    },
    publicKey: (algorithm) => keys.get(algorithm)!.publicKey,
    rotate() {
      keys = newKeys();
      generation += 1;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return issuer;
}

function newKeys(): Map<string, { publicKey: KeyObject; privateKey: KeyObject }> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return new Map(ALGORITHMS.map((algorithm) => [algorithm, CURVES[algorithm] === undefined ? rsa : generateKeyPairSync('ec', { namedCurve: CURVES[algorithm] })]));
}

function signatureOf(text: string, algorithm: string, key: KeyObject | undefined): string {
  if (key === undefined) return '';
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('HS')) return createHmac(hash, key.export({ type: 'spki', format: 'pem' })).update(text).digest('base64url');
  if (algorithm.startsWith('ES')) return sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const padding = algorithm.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
  return sign(hash, Buffer.from(text), { key, ...padding }).toString('base64url');
}
