/** The door of a further node: the routes of its module on a socket in the run folder, which only the first node's routes talk to (upstream: the kubelet's API). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { chmodSync, rmSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { Node } from '../api/core/node.ts';
import { Pod } from '../api/core/pod.ts';
import { ApiError } from '../api/errors.ts';
import { createServer } from '../base/http.ts';
import type { Log } from '../base/log.ts';
import type { Client } from '../sdk/client.ts';
import type { Route, RouteRequest } from '../sdk/module.ts';

const PATH = /^\/api\/v1\/(?:namespaces\/([^/]+)\/(pods)|(nodes))\/([^/]+)\/([a-z]+)(?:\/(.*))?$/;

export async function serveAgent(socketFile: string, options: { client: Client; routes: readonly Route[]; log: Log }): Promise<() => void> {
  rmSync(socketFile, { force: true });
  const server = createServer((http, response) => void answer(options, http, { response }));
  server.on('upgrade', (http: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {}); // close follows
    void answer(options, http, { upgrade: { socket, head } });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketFile, resolve));
  chmodSync(socketFile, 0o600);
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

async function answer({ client, routes, log }: { client: Client; routes: readonly Route[]; log: Log }, http: IncomingMessage, way: Pick<RouteRequest, 'response' | 'upgrade'>): Promise<void> {
  const ending = new AbortController();
  (way.response ?? way.upgrade!.socket).once('close', () => ending.abort());
  try {
    const url = new URL(http.url ?? '/', 'http://agent');
    const match = PATH.exec(url.pathname);
    const [, namespace, pods, , name = '', subresource, rest = ''] = match ?? [];
    const kind = pods === undefined ? Node : Pod;
    const route = match === null ? undefined : routes.find((each) => each.subresource === subresource && each.kind?.plural === kind.plural);
    if (route === undefined) throw new ApiError('NotFound', `the node does not serve ${url.pathname}`);
    const object = kind === Pod ? await client.get(Pod, name, { namespace }) : undefined;
    await route.handle({ method: http.method ?? 'GET', url, user: { name: 'llmos', groups: [] }, namespace, name, rest, object, http, ...way, signal: ending.signal });
  } catch (error) {
    const failure = error instanceof ApiError ? error : new ApiError('InternalError', (error as Error).message);
    if (!(error instanceof ApiError)) log.warn('a request to the node failed', { url: http.url, error: error as Error });
    refuse(failure, way);
  }
}

function refuse(error: ApiError, { response, upgrade }: Pick<RouteRequest, 'response' | 'upgrade'>): void {
  const body = JSON.stringify(error.toStatus());
  if (response !== undefined && !response.headersSent) writeStatus(response, error.code, body);
  else if (response !== undefined) response.destroy();
  else upgrade?.socket.end(`HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

function writeStatus(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(body);
}
