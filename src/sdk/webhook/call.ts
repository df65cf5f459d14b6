/** Calls a webhook over HTTPS: by URL, or by a service of the cluster (upstream: apiserver util/webhook, admission and conversion alike). */
import { Agent, request as httpsRequest } from 'node:https';
import { ApiError } from '../../api/errors.ts';
import { parseJson } from '../../api/int64.ts';
import type { Client } from '../client.ts';
import { readAnswer, type Answer } from '../read-answer.ts';
import { addressOfService } from '../service-address.ts';

export interface WebhookTarget {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** Base64 of PEM; without it the machine's own roots are trusted. */
  caBundle?: string;
}

export interface WebhookCall {
  client: Client;
  target: WebhookTarget;
  body: unknown;
  timeoutMs: number;
  signal?: AbortSignal;
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 10_000;
/** One for all webhooks; connections that nobody uses close by themselves and keep no process alive. */
let agent: Agent | undefined;

interface Address {
  host: string;
  port: number;
  /** The name in the certificate. */
  servername: string;
  path: string;
  shown: string;
}

/** The parsed JSON of the answer. Rejects with an Error whose message says what failed, for instance `Post "https://...": context deadline exceeded`. */
export async function callWebhook({ client, target, body, timeoutMs, signal }: WebhookCall): Promise<unknown> {
  const seconds = Math.ceil(timeoutMs / 1000);
  const address = target.url === undefined || target.url === null ? await placeOfService(client, target.service!, seconds) : addressOfUrl(target.url);
  const shown = `${address.shown}?timeout=${seconds}s`;
  const ending = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
  let answer: Answer;
  try {
    answer = await post(address, `${address.path}?timeout=${seconds}s`, JSON.stringify(body), target.caBundle, ending);
  } catch (error) {
    throw new Error(`Post ${JSON.stringify(shown)}: ${reasonOf(error as NodeJS.ErrnoException, address, ending)}`, { cause: error });
  }
  if (answer.code < 200 || answer.code > 299) throw new Error(answer.code === 404 ? 'the server could not find the requested resource' : `an error on the server (${JSON.stringify(answer.text.slice(0, 500))}) has prevented the request from succeeding`);
  try {
    return parseJson(answer.text);
  } catch {
    throw new Error('couldn\'t get version/kind; json parse error: the answer is not JSON');
  }
}

function addressOfUrl(text: string): Address {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(url.port || 443), servername: host, path: url.pathname, shown: text };
}

/** A ready endpoint of the service, so that it works before there are any rules for its address. */
async function placeOfService(client: Client, { namespace, name, path = '/', port = 443 }: NonNullable<WebhookTarget['service']>, seconds: number): Promise<Address> {
  const servername = `${name}.${namespace}.svc`;
  const at = { servername, path: path.startsWith('/') ? path : `/${path}`, shown: `https://${servername}:${port}${path.startsWith('/') ? path : `/${path}`}` };
  try {
    return { ...at, ...(await addressOfService(client, { namespace, name, port })) };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new Error(`Post ${JSON.stringify(`${at.shown}?timeout=${seconds}s`)}: ${(error as Error).message}`, { cause: error });
  }
}

function post(address: Address, path: string, body: string, caBundle: string | undefined, signal: AbortSignal): Promise<Answer> {
  agent ??= new Agent({ keepAlive: true, keepAliveMsecs: IDLE_MS, timeout: IDLE_MS, maxFreeSockets: 16 });
  const sent = httpsRequest({
    agent, method: 'POST', host: address.host, port: address.port, servername: /^[\d.]+$|:/.test(address.servername) ? '' : address.servername, path, signal,
    ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString('utf8') } : {}),
    headers: { host: `${address.servername}:${address.port}`, 'content-type': 'application/json', accept: 'application/json', 'content-length': Buffer.byteLength(body), 'user-agent': 'kube-apiserver-admission' },
  });
  sent.on('socket', (socket) => void socket.unref());
  return readAnswer(sent.end(body), { mostBytes: MAX_ANSWER_BYTES });
}

/** In the words that clients of Go know. */
function reasonOf(error: NodeJS.ErrnoException, { host, port }: Address, signal: AbortSignal): string {
  if (signal.aborted) return 'context deadline exceeded';
  switch (error.code) {
    case 'ECONNREFUSED': return `dial tcp ${host}:${port}: connect: connection refused`;
    case 'ENOTFOUND': case 'EAI_AGAIN': return `dial tcp: lookup ${host}: no such host`;
    case 'EHOSTUNREACH': return `dial tcp ${host}:${port}: connect: no route to host`;
    case 'ECONNRESET': return 'EOF';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE': case 'SELF_SIGNED_CERT_IN_CHAIN': case 'DEPTH_ZERO_SELF_SIGNED_CERT': case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY': case 'CERT_SIGNATURE_FAILURE':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    case 'ERR_TLS_CERT_ALTNAME_INVALID': return `tls: failed to verify certificate: x509: ${error.message}`;
    case 'ERR_OSSL_PEM_NO_START_LINE': return 'unable to load root certificates: unable to parse bytes as PEM block';
    case 'CERT_HAS_EXPIRED': return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
    default: return error.message;
  }
}
