/**
 * The transport: requests to one API server over kept connections, with its credentials, and its failures as ApiError.
 * HTTP/1.1: a watch has a connection of its own, so no call waits behind one.
 */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type AgentOptions } from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ApiError, type Status } from '../../api/errors.ts';
import { Agent as HttpAgent, request as httpRequest } from '../../base/http.ts';
import type { ClusterAccess, Credential } from './kubeconfig.ts';

export interface CallRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  path: string;
  body?: string;
  contentType?: string;
  signal?: AbortSignal;
  /** Until the whole answer is there; of a stream until its head is. */
  timeoutMs: number;
  /** A stream keeps its connection for long. */
  stream?: boolean;
}

export interface Transport {
  readonly server: string;
  /** The answer, if it is a success; else rejects with ApiError. The body is still to be read. */
  open(request: CallRequest): Promise<IncomingMessage>;
  close(): void;
}

/** As client-go: this many tries when the server asks to come back later. */
const MAX_TRIES = 10;
const MAX_WAIT_MS = 30_000;
const MAX_ERROR_BYTES = 1_048_576;
const MAX_CALL_CONNECTIONS = 64;

export function createTransport(access: ClusterAccess, options: { userAgent: string; onWarning?: (text: string) => void }): Transport {
  const base = new URL(access.server);
  const secure = base.protocol === 'https:';
  // On the same machine compression only costs time.
  const local = base.hostname === 'localhost' || base.hostname === '[::1]' || base.hostname.startsWith('127.');
  const root = base.pathname.replace(/\/+$/, '');
  let agents: { calls: HttpAgent; streams: HttpAgent; credential: Credential } | undefined;

  function agentsFor(credential: Credential): { calls: HttpAgent; streams: HttpAgent } {
    const same = agents !== undefined && agents.credential.certificatePem === credential.certificatePem && agents.credential.keyPem === credential.keyPem;
    if (agents !== undefined && same) return agents;
    agents?.calls.destroy();
    const tls: AgentOptions = {
      keepAlive: true, ca: access.caPem, cert: credential.certificatePem, key: credential.keyPem,
      rejectUnauthorized: access.insecureSkipTlsVerify !== true, servername: access.tlsServerName, minVersion: 'TLSv1.2',
    };
    const make = (maxSockets: number): HttpAgent => (secure ? new HttpsAgent({ ...tls, maxSockets }) : new HttpAgent({ keepAlive: true, maxSockets }));
    agents = { calls: make(MAX_CALL_CONNECTIONS), streams: make(Infinity), credential };
    return agents;
  }

  async function open(request: CallRequest): Promise<IncomingMessage> {
    let refused = false;
    for (let attempt = 1; ; attempt++) {
      const credential = await access.credential(refused ? { refused } : undefined);
      const answer = await send(request, credential);
      warn(answer);
      const code = answer.statusCode ?? 0;
      if (code >= 200 && code < 300) return answer;
      const error = await failureOf(answer);
      const waitMs = retryAfterMs(answer);
      // A credential that has run out is renewed once.
      if (code === 401 && !refused && attempt === 1) refused = true;
      else if (waitMs !== undefined && attempt < MAX_TRIES && (code === 429 || code >= 500)) await pause(waitMs, request.signal);
      else throw error;
    }
  }

  async function send(request: CallRequest, credential: Credential): Promise<IncomingMessage> {
    try {
      return await sendOnce(request, credential);
    } catch (error) {
      // A kept connection that the server has just closed: reading again is safe, writing twice is not.
      if (request.method !== 'GET' || !(error instanceof StaleConnection)) throw error;
      return sendOnce(request, credential);
    }
  }

  function sendOnce(request: CallRequest, credential: Credential): Promise<IncomingMessage> {
    const { signal } = request;
    if (signal?.aborted === true) return Promise.reject(aborted());
    const { calls, streams } = agentsFor(credential);
    const how: RequestOptions = {
      method: request.method, hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port, path: root + request.path,
      agent: request.stream === true ? streams : calls, headers: headersOf(request, credential),
    };
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = secure ? httpsRequest(how) : httpRequest(how);
      let answer: IncomingMessage | undefined;
      const end = (error: ApiError): void => void (answer ?? sent).destroy(error);
      const abort = (): void => end(aborted());
      const timer = setTimeout(() => end(new ApiError('Timeout', `${access.server} did not answer within ${request.timeoutMs / 1_000} s: is it overloaded, or the network slow?`)), request.timeoutMs);
      signal?.addEventListener('abort', abort, { once: true });
      sent.once('close', () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      });
      sent.once('response', (given) => {
        if (request.stream === true) clearTimeout(timer);
        answer = given;
        resolve(given);
      });
      sent.on('error', (error) => reject(sent.reusedSocket && isReset(error) ? new StaleConnection(access.server, error) : connectionError(access.server, error)));
      sent.end(request.body);
    });
  }

  function headersOf(request: CallRequest, credential: Credential): Record<string, string | string[]> {
    const headers: Record<string, string | string[]> = { ...access.headers, accept: 'application/json', 'user-agent': options.userAgent };
    if (credential.token !== undefined) headers['authorization'] = `Bearer ${credential.token}`;
    if (request.stream !== true && !local) headers['accept-encoding'] = 'gzip';
    if (request.body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(request.body));
    }
    return headers;
  }

  function warn(answer: IncomingMessage): void {
    // RFC 9111 5.5, as the API server sends it: 299 - "text".
    for (const [, text] of (answer.headers['warning'] ?? '').matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) options.onWarning?.((text as string).replace(/\\(.)/g, '$1'));
  }

  return {
    server: access.server,
    open,
    close() {
      agents?.calls.destroy();
      agents?.streams.destroy();
    },
  };
}

class StaleConnection extends ApiError {
  constructor(server: string, cause: Error) {
    super('ServiceUnavailable', `the connection to ${server} was lost (${cause.message}); whether it did what was asked is not known`);
  }
}

/** The body of an answer, up to `maxBytes`. Rejects with ApiError when the connection is lost. */
export async function readBody(answer: IncomingMessage, options: { server: string; maxBytes: number; signal?: AbortSignal }): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of unpacked(answer)) {
      chunks.push(chunk);
      if ((size += chunk.length) > options.maxBytes) throw new ApiError('RequestEntityTooLarge', `the answer has more than ${options.maxBytes} bytes: ask for less, for instance with a limit`);
    }
  } catch (error) {
    answer.destroy();
    throw options.signal?.aborted === true ? aborted() : connectionError(options.server, error as Error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unpacked(answer: IncomingMessage): AsyncIterable<Buffer> {
  if (answer.headers['content-encoding'] !== 'gzip') return answer;
  // The iteration over the result tells of failures.
  return pipeline(answer, createGunzip(), () => {});
}

export function aborted(): ApiError {
  return new ApiError('Timeout', 'the call was aborted');
}

export function connectionError(server: string, error: Error & { code?: string }): ApiError {
  if (error instanceof ApiError) return error;
  const { code = '' } = error;
  if (/CERT|SIGNATURE|ISSUER|SELF_SIGNED|ALTNAME/.test(code))
    return new ApiError('ServiceUnavailable', `the certificate of ${server} is not to be trusted (${error.message}): check the certificate authority of the kubeconfig`);
  const hint = code === 'ECONNREFUSED' ? ': is it running?' : code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? ': check the name of the server' : '';
  return new ApiError('ServiceUnavailable', `${server} cannot be reached (${error.message || code})${hint}`);
}

/** What a server says by an answer that is no success. */
export async function failureOf(answer: IncomingMessage): Promise<ApiError> {
  const code = answer.statusCode ?? 500;
  const text = await readBody(answer, { server: 'the server', maxBytes: MAX_ERROR_BYTES }).catch(() => '');
  try {
    const status = JSON.parse(text) as Partial<Status>;
    if (status.kind === 'Status') return ApiError.fromStatus({ ...status, code: status.code ?? code });
  } catch {
    // Not JSON: a proxy or another program answered.
  }
  return ApiError.fromStatus({ code, message: `the server answered ${code}${text.trim() === '' ? '' : `: ${text.trim().slice(0, 500)}`}` });
}

function retryAfterMs(answer: IncomingMessage): number | undefined {
  const seconds = Number(answer.headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(MAX_WAIT_MS, seconds * 1_000) : undefined;
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    const abort = (): void => {
      clearTimeout(timer);
      reject(aborted());
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function isReset(error: Error & { code?: string }): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
