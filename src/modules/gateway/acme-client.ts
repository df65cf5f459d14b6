/** Gets certificates from an ACME server (RFC 8555) by HTTP-01. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificationRequest } from '../../api/certificates/certification-request.ts';
import type { TlsPair } from './observed.ts';

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
  /** Rejects with why the server does not give it. The names must answer challenges: see {@link thumbprintOf}. */
  certificate(names: readonly string[]): Promise<TlsPair>;
}

interface Answer { status: number; headers: Record<string, string | string[] | undefined>; text: string }
interface Directory { newNonce: string; newAccount: string; newOrder: string }
interface Order { status: string; authorizations: string[]; finalize: string; certificate?: string; error?: Problem }
interface Authorization { status: string; identifier: { value: string }; challenges: { type: string; url: string; status: string; error?: Problem }[] }
interface Problem { type?: string; detail?: string }

const POLL_MS = 500;
const MOST_POLLS = 120;
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
  let nonce: string | undefined;

  async function call(method: string, url: string, body?: string): Promise<Answer> {
    const answer = await send(method, url, { body, caPem, signal });
    const fresh = answer.headers['replay-nonce'];
    if (typeof fresh === 'string') nonce = fresh;
    return answer;
  }

  /** A signed request; `payload` undefined is POST-as-GET. A nonce that is no longer good is told of once. */
  async function post(url: string, payload: object | undefined, urls: Directory, account?: string): Promise<Answer> {
    for (let again = true; ; again = false) {
      if (nonce === undefined) await call('HEAD', urls.newNonce);
      const { crv, kty, x, y } = jwkOf(key);
      const header = base64({ alg: 'ES256', nonce, url, ...(account === undefined ? { jwk: { crv, kty, x, y } } : { kid: account }) });
      nonce = undefined;
      const text = payload === undefined ? '' : base64(payload);
      const signature = sign('sha256', Buffer.from(`${header}.${text}`), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
      const answer = await call('POST', url, JSON.stringify({ protected: header, payload: text, signature }));
      if (answer.status < 400) return answer;
      const problem = parsed<Problem>(answer);
      if (!again || problem.type !== 'urn:ietf:params:acme:error:badNonce') throw new Error(`the ACME server refuses ${new URL(url).pathname}: ${problem.detail ?? answer.status}`);
    }
  }

  async function begin(): Promise<{ urls: Directory; account: string }> {
    const urls = parsed<Directory>(await call('GET', directory));
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
        for (let times = 0; times < MOST_POLLS; times++) {
          const found = await ask<T>(url);
          if (!waits.includes(found.status)) return found;
          await sleep(POLL_MS, undefined, { signal });
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
