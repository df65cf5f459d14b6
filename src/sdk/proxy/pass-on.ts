/** Hands a request to another server, and its answer back: bodies, watches and upgraded connections as they come. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline, type Duplex } from 'node:stream';
import type { RouteRequest } from '../module.ts';
import { mayHaveBody } from './headers.ts';

/** What the client gets of an answer: its body through these streams, or a text in its place. */
export interface Returned {
  code: number;
  headers: OutgoingHttpHeaders;
  through?: readonly Duplex[];
  text?: string;
}

export interface Onward {
  /** Opens the request to the other server; the body is sent by the caller. May be called twice, when the connection of the first had ended. */
  open(): Promise<ClientRequest>;
  returned(answer: IncomingMessage): Returned;
}

/** Settles when the answer is through. Rejects with what went wrong before there was one; the client has then got nothing. */
export async function passOn(request: RouteRequest, onward: Onward): Promise<void> {
  const sent = await onward.open();
  return request.upgrade === undefined ? exchange(request, sent, onward) : tunnel(request, sent);
}

async function exchange(request: RouteRequest, first: ClientRequest, onward: Onward): Promise<void> {
  const { http, response, signal } = request;
  const error = await attempt(request, first, onward);
  if (error === undefined || signal.aborted) return;
  // The server may close a connection that idled just when it is used again; a body cannot be sent twice.
  const last = !first.reusedSocket || mayHaveBody(http) || response!.headersSent ? error : await attempt(request, await onward.open(), onward);
  if (last === undefined || signal.aborted) return;
  if (response!.headersSent) response!.destroy();
  else throw last;
}

/** Settles when the answer is through, or with what went wrong before there was one. */
function attempt(request: RouteRequest, sent: ClientRequest, onward: Onward): Promise<Error | undefined> {
  const { http } = request;
  return new Promise((settle) => {
    sent.on('error', settle);
    sent.on('response', (answer) => giveBack(request, answer, onward).then(() => settle(undefined), settle));
    if (mayHaveBody(http)) http.pipe(sent);
    else sent.end();
  });
}

async function giveBack({ response }: RouteRequest, answer: IncomingMessage, onward: Onward): Promise<void> {
  const { code, headers, through = [], text } = onward.returned(answer);
  response!.writeHead(code, headers);
  if (text !== undefined) {
    answer.resume();
    return void response!.end(text);
  }
  // The first event of a watch may be long in coming: the client must know that the watch stands.
  response!.flushHeaders?.();
  await new Promise<void>((settle) => {
    pipeline([answer, ...through, response!], (error) => {
      // Cut off on one side is cut off on the other.
      if (error !== undefined && error !== null) response!.destroy();
      settle();
    });
  });
}

function tunnel({ upgrade, signal }: RouteRequest, sent: ClientRequest): Promise<void> {
  const { socket, head } = upgrade!;
  return new Promise((settle, fail) => {
    sent.on('error', (error) => (signal.aborted ? settle() : fail(error)));
    sent.on('response', (answer) => {
      const code = answer.statusCode ?? 0;
      if (code < 400) {
        answer.destroy();
        return fail(new Error(`invalid upgrade response: status code ${code}`));
      }
      socket.write(headOf(answer, ['Connection: close']));
      pipeline(answer, socket, () => settle());
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
    if (from.destroyed) {
      to.destroy();
      settle();
    }
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
