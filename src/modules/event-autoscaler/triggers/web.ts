/** Answers of HTTP servers, bounded in size and time. */
import { request as requestHttps } from 'node:https';
import { request as requestHttp } from '../../../base/http.ts';
import { READ_TIMEOUT_MS, TriggerError } from './trigger.ts';

const MOST_BYTES = 4 * 1024 * 1024;

/** A token that is asked for when it is needed. */
export interface AccessToken {
  /** For the header Authorization. Rejects with Error that names the host, never what authenticates. */
  header(signal: AbortSignal): Promise<string>;
  /** It was refused: the next is a new one. */
  forget(): void;
}

export interface WebOptions {
  headers?: Readonly<Record<string, string>>;
  method?: 'GET' | 'POST';
  body?: string;
  /** Whose header Authorization it has. */
  token?: AccessToken;
  ca?: string;
  cert?: string;
  key?: string;
  /** Of `key`. */
  passphrase?: string;
  /** Trusts whoever answers. */
  unsafeSsl?: boolean;
  /** Default READ_TIMEOUT_MS. */
  timeoutMs?: number;
}

/** The body of a 2xx; rejects with Error that names the host, never what authenticates. */
export async function fetchText(url: string, options: WebOptions, signal: AbortSignal): Promise<string> {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) throw new TriggerError(`${JSON.stringify(url.replace(/\/\/[^@/]*@/, '//'))} is no http or https address`);
  const { token, ...rest } = options;
  if (token === undefined) return fetchFrom(parsed, options, signal);
  try {
    return await fetchFrom(parsed, { ...rest, headers: { ...options.headers, authorization: await token.header(signal) } }, signal);
  } catch (error) {
    token.forget();
    throw error;
  }
}

function fetchFrom(parsed: URL, options: WebOptions, signal: AbortSignal): Promise<string> {
  const { method = 'GET', body, headers, ca, cert, key, passphrase, unsafeSsl, timeoutMs = READ_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const call = (parsed.protocol === 'https:' ? requestHttps : requestHttp)(parsed, { method, headers, ca, cert, key, passphrase, rejectUnauthorized: unsafeSsl !== true, signal: limit, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MOST_BYTES) call.destroy(new Error(`${parsed.host} answered more than ${MOST_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`${parsed.host} answered ${statusCode}`));
      });
    });
    call.once('error', (error) => reject(limit.aborted && !signal.aborted ? new Error(`${parsed.host} did not answer within ${timeoutMs / 1_000} s`) : error));
    call.end(body);
  });
}

export function parseJson(text: string, whose: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${whose} did not answer in JSON`);
  }
}
