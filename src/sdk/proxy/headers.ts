/** The headers of a request that goes on to another server, and of its answer on the way back (RFC 9110, 7.6.1). */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** What concerns one connection only. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
/** What was for us: who asks, and in whose name. */
const OURS = /^(authorization|host|expect|x-remote-(user|uid|group|extra-.*)|impersonate-.*|:.*)$/;
/** A subprotocol of WebSockets that carries a token for the door. */
const TOKEN_PROTOCOL = /^base64url\.bearer\.authorization\.k8s\.io\./;

/** As the other server gets them, but for the host: without what says who asks. */
export function onwardHeaders(http: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of endToEnd(http)) if (!OURS.test(name)) headers[name] = one(values);
  const from = http.socket.remoteAddress;
  if (from !== undefined) headers['x-forwarded-for'] = [...[headers['x-forwarded-for'] ?? []].flat(), from].join(', ');
  // A body keeps its form: with a length, or in chunks.
  if (mayHaveBody(http) && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  return withoutToken(headers);
}

function withoutToken(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { 'sec-websocket-protocol': offered, ...others } = headers;
  if (offered === undefined) return headers;
  const left = [offered].flat().join(',').split(',').map((each) => each.trim()).filter((each) => !TOKEN_PROTOCOL.test(each));
  return left.length === 0 ? others : { ...others, 'sec-websocket-protocol': left.join(', ') };
}

/** Of an answer: what concerned the connection with the other server stays behind. */
export function returnedHeaders(answer: IncomingMessage): OutgoingHttpHeaders {
  return Object.fromEntries([...endToEnd(answer)].map(([name, values]) => [name, one(values)]));
}

/** In HTTP/2 a body needs no header: the stream says whether more than headers comes. */
export function mayHaveBody(http: IncomingMessage): boolean {
  const { headers, method, httpVersionMajor } = http;
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') return true;
  if (httpVersionMajor < 2 || headers['content-length'] !== undefined || method === 'GET' || method === 'HEAD') return false;
  return (http as { stream?: { endAfterHeaders?: boolean } }).stream?.endAfterHeaders !== true;
}

/** Each header with its values, but for those of the connection. */
function endToEnd({ headers, rawHeaders }: IncomingMessage): Map<string, string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(',').map((each) => each.trim()));
  const found = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!HOP.has(name) && !named.has(name)) found.set(name, [...(found.get(name) ?? []), rawHeaders[at + 1]!]);
  }
  return found;
}

function one(values: string[]): string | string[] {
  return values.length === 1 ? values[0]! : values;
}
