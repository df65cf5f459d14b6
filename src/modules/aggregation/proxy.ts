/** Hands a request to the server behind an APIService, and its answer back: bodies, watches and upgraded connections as they come. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RouteRequest } from '../../sdk/module.ts';
import { forwardedHeaders, mayHaveBody, returnedHeaders } from './headers.ts';
import type { Remote } from './remote.ts';

const REDIRECTED = 'the backend attempted to redirect this request, which is not permitted';

/** `remote` is undefined while the server is not available. Settles when the answer is through. */
export async function proxy(request: RouteRequest, remote: Remote | undefined): Promise<void> {
  if (remote === undefined) return refuse(request, 503, 'service unavailable');
  const send = async (): Promise<ClientRequest> => {
    const { http, user, upgrade, signal } = request;
    const headers = forwardedHeaders(http, user, remote.host);
    if (upgrade !== undefined) Object.assign(headers, { connection: 'Upgrade', upgrade: http.headers.upgrade });
    return remote.open({ method: request.method, path: request.url.pathname + request.url.search, headers, signal, alone: upgrade !== undefined });
  };
  let sent: ClientRequest;
  try {
    sent = await send();
  } catch {
    return refuse(request, 503, 'service unavailable');
  }
  return request.upgrade === undefined ? exchange(request, sent, send) : tunnel(request, sent);
}

async function exchange(request: RouteRequest, first: ClientRequest, again: () => Promise<ClientRequest>): Promise<void> {
  const { http, response, signal } = request;
  const error = await attempt(request, first);
  if (error === undefined) return;
  // The server may close a connection that idled just when it is used again; a body cannot be sent twice.
  if (!first.reusedSocket || mayHaveBody(http) || signal.aborted || response?.headersSent === true) return fail(request, error);
  try {
    const last = await attempt(request, await again());
    if (last !== undefined) fail(request, last);
  } catch {
    refuse(request, 503, 'service unavailable');
  }
}

/** Settles when the answer is through, or with what went wrong before there was one. */
function attempt({ http, response }: RouteRequest, sent: ClientRequest): Promise<Error | undefined> {
  return new Promise((settle) => {
    sent.on('error', settle);
    sent.on('response', (answer) => giveBack(answer, response!, () => settle(undefined)));
    if (mayHaveBody(http)) http.pipe(sent);
    else sent.end();
  });
}

function giveBack(answer: IncomingMessage, response: ServerResponse, settle: () => void): void {
  const code = answer.statusCode ?? 502;
  if (code >= 300 && code <= 399 && answer.headers.location !== undefined) {
    answer.resume();
    plain(response, 502, REDIRECTED);
    return settle();
  }
  response.writeHead(code, returnedHeaders(answer));
  // The first event of a watch may be long in coming: the client must know that the watch stands.
  response.flushHeaders?.();
  answer.pipe(response);
  answer.on('error', () => response.destroy());
  response.on('close', () => {
    answer.destroy();
    settle();
  });
}

function tunnel(request: RouteRequest, sent: ClientRequest): Promise<void> {
  const { socket, head } = request.upgrade!;
  return new Promise((settle) => {
    sent.on('error', (error) => settle(fail(request, error)));
    sent.on('response', (answer) => {
      socket.write(headOf(answer, ['Connection: close']));
      answer.pipe(socket);
      answer.on('close', settle);
    });
    sent.on('upgrade', (answer, other: Duplex, early: Buffer) => {
      socket.write(headOf(answer, []));
      if (early.length > 0) socket.write(early);
      if (head.length > 0) other.write(head);
      settle(join(socket, other));
    });
    sent.end();
  });
}

/** Two connections become one; each ends with the other. */
async function join(one: Duplex, other: Duplex): Promise<void> {
  const pass = (from: Duplex, to: Duplex): Promise<void> => new Promise((settle) => {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      to.destroy();
      settle();
    });
  });
  await Promise.all([pass(one, other), pass(other, one)]);
}

/** The first lines of an answer as they came; of one that is no upgrade without what concerned the other connection. */
function headOf(answer: IncomingMessage, more: readonly string[]): string {
  const lines = [`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`];
  const upgraded = answer.statusCode === 101;
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
    const name = answer.rawHeaders[at]!;
    if (upgraded || !/^(connection|keep-alive|transfer-encoding)$/i.test(name)) lines.push(`${name}: ${answer.rawHeaders[at + 1]!}`);
  }
  return `${[...lines, ...more].join('\r\n')}\r\n\r\n`;
}

function fail(request: RouteRequest, error: Error): void {
  if (request.signal.aborted) return void (request.response ?? request.upgrade!.socket).destroy();
  refuse(request, 503, `error trying to reach service: ${error.message}`);
}

function refuse({ http, response, upgrade }: RouteRequest, code: number, text: string): void {
  http.resume();
  if (response !== undefined) return plain(response, code, text);
  upgrade!.socket.end(`HTTP/1.1 ${code} ${code === 503 ? 'Service Unavailable' : 'Bad Gateway'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text) + 1}\r\nConnection: close\r\n\r\n${text}\n`);
}

function plain(response: ServerResponse, code: number, text: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', 'Content-Length': Buffer.byteLength(text) + 1 });
  response.end(`${text}\n`);
}
