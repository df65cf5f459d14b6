/** Gets certificates from an ACME server (RFC 8555) by HTTP-01. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificationRequest } from '../../api/certificates/certification-request.ts';
import type { TlsPair } from './observed.ts';
import { retryAfterMs } from './retry-after.ts';

export interface AcmeInput {
  /** URL of the server's directory. */
  directory: string;
  /** The account's key, PEM (P-256). */
  keyPem: string;
  email?: string;
  /** Authorities of the server's own certificate; default those of the system. */
  caPem?: string;
  signal: AbortSignal;
}

export interface AcmeClient {
  /** Rejects with why the server does not give it, an {@link AcmeRefusal} where it says so itself. The names must answer challenges: see {@link thumbprintOf}. */
  certificate(names: readonly string[]): Promise<TlsPair>;
}

/** What the server answered in place of what it was asked for. */
export class AcmeRefusal extends Error {
  /** When it is to be asked again at the earliest (Retry-After; RFC 8555, 6.6), as ms from now; undefined where it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(path: string, { status, headers, text }: Answer) {
    super(`the ACME server refuses ${path}: ${problemIn(text).detail ?? status}`);
    this.retryAfterMs = retryAfterMs(headers['retry-after'], Date.now());
  }
}

interface Answer { status: number; headers: Record<string, string | string[] | undefined>; text: string }
interface Directory { newNonce: string; newAccount: string; newOrder: string }
interface Order { status: string; authorizations: string[]; finalize: string; certificate?: string; error?: Problem }
interface Authorization { status: string; identifier: { value: string }; challenges: { type: string; url: string; status: string; error?: Problem }[] }
interface Problem { type?: string; detail?: string }

const POLL_MS = 500;
/** So long is waited for one step of an order. */
const MOST_WAIT_MS = 300_000;
/** A nonce may be old by the time that it is used; a server that takes none is not asked on and on. */
const MOST_NONCES = 5;
const TIMEOUT_MS = 30_000;
const MOST_BYTES = 1024 * 1024;

export function newAccountKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** What follows a token in the answer to its challenge (RFC 8555, 8.1; RFC 7638): the same for all, so that whoever answers need not know them. */
export function thumbprintOf(keyPem: string): string {
  const { crv, kty, x, y } = jwkOf(createPrivateKey(keyPem));
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

export function createAcmeClient({ directory, keyPem, email, caPem, signal }: AcmeInput): AcmeClient {
  const key = createPrivateKey(keyPem);
  let known: Promise<{ urls: Directory; account: string }> | undefined;
  /** Not used yet; each is good for one request, and several orders may be under way. */
  const nonces: string[] = [];

  async function call(method: string, url: string, body?: string): Promise<Answer> {
    const answer = await send(method, url, { body, caPem, signal });
    const fresh = answer.headers['replay-nonce'];
    if (typeof fresh === 'string') nonces.push(fresh);
    return answer;
  }

  async function nonceOf({ newNonce }: Directory): Promise<string> {
    const kept = nonces.pop();
    if (kept !== undefined) return kept;
    const answer = await send('HEAD', newNonce, { caPem, signal });
    const fresh = answer.headers['replay-nonce'];
    if (answer.status >= 400 || typeof fresh !== 'string') throw new AcmeRefusal(new URL(newNonce).pathname, answer);
    return fresh;
  }

  /** A signed request; `payload` undefined is POST-as-GET. */
  async function post(url: string, payload: object | undefined, urls: Directory, account?: string): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const nonce = await nonceOf(urls);
      const { crv, kty, x, y } = jwkOf(key);
      const header = base64({ alg: 'ES256', nonce, url, ...(account === undefined ? { jwk: { crv, kty, x, y } } : { kid: account }) });
      const text = payload === undefined ? '' : base64(payload);
      const signature = sign('sha256', Buffer.from(`${header}.${text}`), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
      const answer = await call('POST', url, JSON.stringify({ protected: header, payload: text, signature }));
      if (answer.status < 400) return answer;
      if (tries === MOST_NONCES || problemIn(answer.text).type !== 'urn:ietf:params:acme:error:badNonce') throw new AcmeRefusal(new URL(url).pathname, answer);
    }
  }

  async function begin(): Promise<{ urls: Directory; account: string }> {
    const found = await call('GET', directory);
    if (found.status >= 400) throw new AcmeRefusal(new URL(directory).pathname, found);
    const urls = parsed<Directory>(found);
    const { headers } = await post(urls.newAccount, { termsOfServiceAgreed: true, ...(email === undefined ? {} : { contact: [`mailto:${email}`] }) }, urls);
    if (typeof headers['location'] !== 'string') throw new Error('the ACME server gave no account');
    return { urls, account: headers['location'] };
  }

  return {
    async certificate(names) {
      const { urls, account } = await (known ??= begin().catch((error: unknown) => {
        known = undefined;
        throw error;
      }));
      const ask = async <T>(url: string, payload?: object): Promise<T> => parsed<T>(await post(url, payload, urls, account));
      const poll = async <T extends { status: string }>(url: string, waits: readonly string[]): Promise<T> => {
        for (let waitedMs = 0, waitMs = 0; waitedMs < MOST_WAIT_MS; waitedMs += waitMs) {
          const answer = await post(url, undefined, urls, account);
          const found = parsed<T>(answer);
          if (!waits.includes(found.status)) return found;
          // Who is asked more often than it says counts that (RFC 8555, 7.5.1).
          waitMs = Math.max(POLL_MS, Math.min(retryAfterMs(answer.headers['retry-after'], Date.now()) ?? POLL_MS, MOST_WAIT_MS));
          await sleep(waitMs, undefined, { signal });
        }
        throw new Error('the ACME server did not come to an end in time');
      };
      const placed = await post(urls.newOrder, { identifiers: names.map((value) => ({ type: 'dns', value })) }, urls, account);
      const orderUrl = String(placed.headers['location']);
      for (const url of parsed<Order>(placed).authorizations) {
        const { status, challenges, identifier } = await ask<Authorization>(url);
        if (status === 'valid') continue;
        const challenge = challenges.find(({ type }) => type === 'http-01');
        if (challenge === undefined) throw new Error(`the ACME server does not take HTTP-01 for ${identifier.value}`);
        await ask(challenge.url, {});
        const done = await poll<Authorization>(url, ['pending', 'processing']);
        if (done.status !== 'valid') throw new Error(`the ACME server could not see that ${identifier.value} is here: ${done.challenges.find(({ error }) => error !== undefined)?.error?.detail ?? done.status}`);
      }
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const ready = await poll<Order>(orderUrl, ['pending']);
      if (ready.status !== 'ready') throw new Error(`the ACME server gives up the order: ${ready.error?.detail ?? ready.status}`);
      const csr = certificationRequest(pair.privateKey, names);
      await ask<Order>(ready.finalize, { csr: csr.toString('base64url') });
      const { certificate, status, error } = await poll<Order>(orderUrl, ['processing', 'ready']);
      if (certificate === undefined) throw new Error(`the ACME server gave no certificate: ${error?.detail ?? status}`);
      return { certificatePem: (await post(certificate, undefined, urls, account)).text, keyPem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}

function jwkOf(key: KeyObject): Record<string, unknown> {
  return createPublicKey(key).export({ format: 'jwk' }) as Record<string, unknown>;
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function problemIn(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}

function parsed<T>({ text, status }: Answer): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`the ACME server answered ${status} with no JSON`);
  }
}

function send(method: string, url: string, { body, caPem, signal }: { body?: string | undefined; caPem?: string | undefined; signal: AbortSignal }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) };
    const call = request(url, { method, headers: { 'user-agent': 'llmos', ...headers }, agent: false, timeout: TIMEOUT_MS, signal, ...(caPem === undefined ? {} : { ca: caPem }) });
    call.once('timeout', () => call.destroy(new Error('the ACME server does not answer'))).once('error', reject);
    call.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) call.destroy(new Error('the ACME server answers too much'));
      }).once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })).once('error', reject);
    });
    call.end(body);
  });
}
