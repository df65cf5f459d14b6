/** The keys with which an issuer signs, as it tells them itself (OpenID Connect Discovery 1.0). */
import { get } from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import type { JwtAuthenticator } from '../../../api/apiserver/authentication-configuration.ts';
import { readKeySet, type Key } from './signature.ts';

export interface IssuerKeys {
  /** Those that are known; rejects with why none are. */
  known(): Promise<readonly Key[]>;
  /** Those that the issuer has now. It is asked every five seconds at most; those known meanwhile are given then. */
  newest(): Promise<readonly Key[]>;
}

const WELL_KNOWN = '/.well-known/openid-configuration';
const TIMEOUT_MS = 10_000;
const MOST_BYTES = 1024 * 1024;
/** A flood of tokens with keys that nobody has is not passed on to the issuer. */
const LEAST_PAUSE_MS = 5_000;

export function createIssuerKeys({ url, discoveryURL, certificateAuthority }: JwtAuthenticator['issuer'], { clock, signal }: { clock: Clock; signal: AbortSignal }): IssuerKeys {
  let keys: readonly Key[] | undefined;
  let failure: Error | undefined;
  let askedMs = -Infinity;
  let asking: Promise<void> | undefined;

  const read = (from: string): Promise<unknown> => readJson(from, { signal, ...(certificateAuthority === undefined || certificateAuthority === '' ? {} : { ca: certificateAuthority }) });

  async function ask(): Promise<void> {
    try {
      const document = (await read(discoveryURL || `${url.replace(/\/$/, '')}${WELL_KNOWN}`)) as { issuer?: unknown; jwks_uri?: unknown } | null;
      if (document?.issuer !== url) throw new Error(`the server says that it is the issuer ${JSON.stringify(document?.issuer)}, not ${url}`);
      if (typeof document.jwks_uri !== 'string' || !document.jwks_uri.startsWith('https:')) throw new Error(`its jwks_uri is no https URL: ${JSON.stringify(document.jwks_uri)}`);
      keys = readKeySet(await read(document.jwks_uri));
      failure = undefined;
    } catch (error) {
      failure = error as Error;
    }
  }

  async function newest(): Promise<readonly Key[]> {
    if (asking === undefined && clock.nowMs() - askedMs >= LEAST_PAUSE_MS) {
      askedMs = clock.nowMs();
      asking = ask().finally(() => (asking = undefined));
    }
    await asking;
    if (keys === undefined) throw new Error(`the keys of the issuer ${url} cannot be had: ${failure?.message ?? 'it was asked a moment ago'}`);
    return keys;
  }

  return { newest, known: async () => keys ?? newest() };
}

function readJson(url: string, { ca, signal }: { ca?: string; signal: AbortSignal }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${url}: ${why}`));
    const request = get(url, { ...(ca === undefined ? {} : { ca }), agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]), headers: { accept: 'application/json' } }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        if (bytes > MOST_BYTES) request.destroy(new Error(`the answer has more than ${MOST_BYTES} bytes`));
      });
      response.on('error', (error) => fail(error.message));
      response.on('end', () => {
        if (response.statusCode !== 200) return fail(`the answer is ${response.statusCode}`);
        try {
          resolve(JSON.parse(Buffer.concat(parts).toString()));
        } catch {
          fail('the answer is no JSON');
        }
      });
    });
    request.on('error', (error) => fail(error.name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1_000} s` : error.message));
  });
}
