/**
 * A bare Node TLS server: the ceiling for any API server on Node. It answers the same bytes to the same requests, and does nothing else: no
 * authorization, no validation, no store, no disk. Started as a process of its own with an IPC channel, by which it gets its certificate and the
 * bytes: of one object, a list, and an event.
 */
import { createServer } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { fork, type ChildProcess } from 'node:child_process';
import type { Target } from './load.ts';

export interface Bytes {
  object: string;
  list: string;
}

interface Start extends Bytes {
  ca: string;
  cert: string;
  key: string;
}

/** Starts it; it serves `target` with the identity of the server that `like` is. */
export async function startBareServer(identity: { ca: string; cert: string; key: string }, bytes: Bytes): Promise<{ port: number; child: ChildProcess }> {
  const child = fork(import.meta.filename, [], { execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.send({ ...identity, ...bytes } satisfies Start);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', (code) => reject(new Error(`the bare server ended (${code})`)));
  });
  return { port, child };
}

function serve({ ca, cert, key, object, list }: Start): void {
  const [objectBytes, listBytes] = [Buffer.from(object), Buffer.from(list)];
  const watchers = new Set<Socket>();
  const answer = (response: ServerResponse, code: number, body: Buffer): void => {
    response.writeHead(code, { 'Cache-Control': 'no-cache, private', 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.end(body);
  };
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 120_000, noDelay: true }, (request, response) => {
    const { method, url = '' } = request;
    if (method !== 'GET') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        const body = Buffer.concat(parts);
        if (method === 'PUT' && watchers.size > 0) {
          const frame = Buffer.concat([Buffer.from('{"type":"MODIFIED","object":'), body, Buffer.from('}\n')]);
          // Straight to the sockets, as one chunk: less than the answers of Node make of it.
          const chunk = Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, Buffer.from('\r\n')]);
          for (const watcher of watchers) watcher.write(chunk);
        }
        answer(response, method === 'POST' ? 201 : 200, method === 'DELETE' ? Buffer.from('{}') : body);
      });
    } else if (url.includes('watch=')) {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' });
      response.flushHeaders();
      const { socket } = request;
      watchers.add(socket.on('close', () => watchers.delete(socket)));
    } else answer(response, 200, /\/configmaps(\?|$)/.test(url) ? listBytes : objectBytes);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) process.once('message', (message) => serve(message as Start));

/** The target of a server on another port of this machine, for the same client. */
export function withPort(target: Target, port: number): Target {
  return { ...target, port };
}
