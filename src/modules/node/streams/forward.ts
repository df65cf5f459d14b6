/** Requests for what runs on another node of this machine go on to its agent, over its socket. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { request as httpRequest } from '../../../base/http.ts';
import type { MachineFacts, Route, RouteRequest } from '../../../sdk/module.ts';
import { NodeKind } from '../kinds.ts';

/** Hop-by-hop, or of HTTP/2. */
const NOT_ON = /^(:|connection$|keep-alive$|transfer-encoding$|authorization$|upgrade$|te$)/i;

export function throughAgents(route: Route, machine: MachineFacts): Route {
  return {
    ...route,
    handle(request) {
      const nodeName = route.kind?.plural === NodeKind.plural ? request.object?.metadata.name : (request.object as Pod | undefined)?.spec?.nodeName;
      const folder = machine.agents;
      if (folder === undefined || nodeName === undefined || nodeName === machine.nodeName || !existsSync(join(folder, nodeName))) return route.handle(request);
      return forward(request, nodeName, join(folder, nodeName, 'agent.sock'));
    },
  };
}

function forward(request: RouteRequest, nodeName: string, socketPath: string): Promise<void> {
  const path = `${request.url.pathname}${request.url.search}`;
  const headers = passedOn(request.http.headers);
  const lost = (error: Error): ApiError => new ApiError('ServiceUnavailable', `the agent of node ${nodeName} does not answer: ${error.message}`);
  if (request.upgrade !== undefined) return forwardUpgrade(request, { path, headers, socketPath, lost });
  return new Promise((resolve, reject) => {
    const call = httpRequest({ socketPath, path, method: request.method, headers, signal: request.signal }, (answer) => {
      request.response!.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
      request.response!.flushHeaders();
      answer.pipe(request.response!);
      answer.once('close', resolve);
    });
    call.once('error', (error) => (request.response!.headersSent || request.signal.aborted ? resolve() : reject(lost(error))));
    request.http.pipe(call);
  });
}

function passedOn(headers: NodeJS.Dict<string | string[]>): NodeJS.Dict<string | string[]> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => !NOT_ON.test(key)));
}

function forwardUpgrade(request: RouteRequest, to: { path: string; headers: NodeJS.Dict<string | string[]>; socketPath: string; lost(error: Error): ApiError }): Promise<void> {
  const { socket, head } = request.upgrade!;
  return new Promise((resolve, reject) => {
    const agent = connect(to.socketPath);
    agent.on('error', (error) => reject(to.lost(error)));
    agent.once('connect', () => {
      const lines = Object.entries(to.headers).flatMap(([key, value]) => [value].flat().map((each) => `${key}: ${each}`));
      agent.write(`${request.method} ${to.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: Upgrade\r\nUpgrade: ${request.http.headers.upgrade ?? 'websocket'}\r\n\r\n`);
      if (head.length > 0) agent.write(head);
      agent.pipe(socket).pipe(agent);
      socket.once('close', () => agent.destroy());
      agent.once('close', () => {
        socket.destroy();
        resolve();
      });
    });
  });
}
