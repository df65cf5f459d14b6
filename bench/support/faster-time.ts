/**
 * Portable modules of llmos on a cluster, in a time of their own that runs faster: an hour of theirs is a few minutes. Their clock says so, and so do the times in all that they read
 * and write, since they see the cluster through a door that translates them. Nothing else of them is changed: loops, windows and seasons are as they always are.
 *
 *     llmos-node bench/support/faster-time.ts KUBECONFIG BEGAN_MS TIMES MODULE ...
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { realClock, type Clock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { attach } from '../../src/boot/attach.ts';
import { findCluster, type ClusterAccess } from '../../src/sdk/client/kubeconfig.ts';

/** Both begin at `beganMs`. */
interface Pace { beganMs: number; times: number }

const TIME = /"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?Z"/g;

function clockAt({ beganMs, times }: Pace): Clock {
  return { nowMs: () => beganMs + (Date.now() - beganMs) * times, sleep: (delayMs, signal) => realClock.sleep(delayMs / times, signal) };
}

function translated(text: string, { beganMs, times }: Pace): string {
  return text.replace(TIME, (all, _, fraction: string | undefined) => {
    const time = new Date(beganMs + (Date.parse(all.slice(1, -1)) - beganMs) * times).toISOString();
    return JSON.stringify(fraction === undefined ? `${time.slice(0, 19)}Z` : fraction.length > 4 ? `${time.slice(0, 23)}000Z` : time);
  });
}

/** A door to the cluster on this machine. */
async function serveDoor(access: ClusterAccess, pace: Pace): Promise<Server> {
  const { certificatePem, keyPem, token } = await access.credential();
  const agent = new Agent({ ca: access.caPem, cert: certificatePem, key: keyPem, keepAlive: true, ...(access.insecureSkipTlsVerify === true && { rejectUnauthorized: false }) });
  const slower = { ...pace, times: 1 / pace.times };
  const server = createServer(async (asked: IncomingMessage, answered: ServerResponse) => {
    const body = Buffer.concat(await asked.toArray() as Buffer[]).toString();
    const { host: _, 'content-length': _length, connection: _connection, 'accept-encoding': _encoding, ...headers } = asked.headers;
    const sent = request(new URL(asked.url ?? '/', access.server), { agent, method: asked.method, headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) } }, (response) => {
      answered.writeHead(response.statusCode ?? 502, { 'content-type': response.headers['content-type'] ?? 'application/json' });
      answered.flushHeaders();
      let rest = '';
      response.setEncoding('utf8');
      // A line is an event of a watch; a time is never cut in two.
      response.on('data', (part: string) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop()!;
        for (const line of lines) answered.write(`${translated(line, pace)}\n`);
      });
      response.on('end', () => answered.end(translated(rest, pace)));
      response.on('error', () => answered.destroy());
    });
    sent.on('error', () => answered.destroy());
    answered.on('close', () => sent.destroy());
    sent.end(translated(body, slower));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

const [path, began, times, ...modules] = process.argv.slice(2);
const pace: Pace = { beganMs: Number(began), times: Number(times) };
const access = findCluster({ path });
const door = await serveDoor(access, pace);
const abort = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => abort.abort('stop'));
await attach({
  access: { server: `http://127.0.0.1:${(door.address() as AddressInfo).port}`, namespace: access.namespace, headers: {}, credential: async () => ({}) },
  modules, log: createLog(), signal: abort.signal, clock: clockAt(pace),
});
door.closeAllConnections();
door.close();
