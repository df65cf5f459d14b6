/** Answers of HTTP servers, bounded in size and time, with the ways of authentication that triggers have. */
import { request as requestHttps } from 'node:https';
import { request as requestHttp } from '../../../base/http.ts';
import { READ_TIMEOUT_MS, timeoutOf, TriggerError, type Parameters } from './trigger.ts';

const MOST_BYTES = 4 * 1024 * 1024;

export interface WebOptions {
  headers?: Readonly<Record<string, string>>;
  method?: 'GET' | 'POST';
  ca?: string;
  cert?: string;
  key?: string;
  /** Trusts whoever answers. */
  unsafeSsl?: boolean;
  /** Default READ_TIMEOUT_MS. */
  timeoutMs?: number;
}

/** The body of a 2xx; rejects with Error that names the host, never what authenticates. */
export function fetchText(url: string, options: WebOptions, signal: AbortSignal): Promise<string> {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) return Promise.reject(new TriggerError(`${JSON.stringify(url.replace(/\/\/[^@/]*@/, '//'))} is no http or https address`));
  const { method = 'GET', headers, ca, cert, key, unsafeSsl, timeoutMs = READ_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const call = (parsed.protocol === 'https:' ? requestHttps : requestHttp)(parsed, { method, headers, ca, cert, key, rejectUnauthorized: unsafeSsl !== true, signal: limit, agent: false }, (response) => {
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
    call.end();
  });
}

export function parseJson(text: string, whose: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${whose} did not answer in JSON`);
  }
}

/** `authModes` (Prometheus) or `authMode` (metrics-api): bearer, basic, tls, apiKey, custom; several with commas. */
export function webAuthentication(parameters: Parameters): WebOptions {
  const modes = [...parameters.list('authModes'), ...parameters.list('authMode')];
  const headers: Record<string, string> = {};
  const options: WebOptions = { headers, unsafeSsl: parameters.flag('unsafeSsl'), ca: parameters.text('ca'), timeoutMs: timeoutOf(parameters) };
  for (const mode of modes) {
    if (mode === 'bearer') headers['authorization'] = `Bearer ${(parameters.text('token') ?? parameters.needed('bearerToken')).trim()}`;
    else if (mode === 'basic') headers['authorization'] = `Basic ${Buffer.from(`${parameters.needed('username')}:${parameters.text('password') ?? ''}`).toString('base64')}`;
    else if (mode === 'tls') Object.assign(options, { cert: parameters.needed('cert'), key: parameters.needed('key') });
    else if (mode === 'custom') headers[parameters.needed('customAuthHeader').trim().toLowerCase()] = parameters.needed('customAuthValue').trim();
    else if (mode === 'apiKey' && (parameters.text('method') ?? 'header') === 'header') headers[(parameters.text('keyParamName') ?? 'X-API-KEY').toLowerCase()] = parameters.needed('apiKey');
    else if (mode !== 'apiKey') throw new TriggerError(`authMode ${JSON.stringify(mode)}: write bearer, basic, tls, custom or apiKey`);
  }
  return options;
}
