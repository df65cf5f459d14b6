/** With what the gateway is tried to its limits: load, backends that are ill, HAProxy's process. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { runAny } from '../../../src/base/sys/run.ts';
import { eventually } from '../../fixtures/instance.ts';
import { get, running, type Body } from '../cluster.ts';
import { amid, ask, INFRA, prefix, route, to, V1, world } from './world.ts';

export const H2LOAD = existsSync('/usr/bin/h2load') ? false : "needs h2load (Debian's nghttp2-client)";

/** As a behaviour, with a name of our own. */
export function tried(name: string, objects: () => Body[], run: () => Promise<void>, skip: string | false = false): void {
  it(name, { timeout: 120_000, skip }, async () => {
    await world();
    podIp = (await get(`/api/v1/namespaces/${INFRA}/pods/${V1}`)).status.podIP;
    await amid(objects(), run);
  });
}

export const haproxyPid = (): number => Number(readFileSync(join(running().run, 'gateway/haproxy/haproxy.pid'), 'utf8').trim());

/** Asks until it is stopped, `streams` at once; gives what was answered, by status or error. */
export function load(address: string, path: string, streams = 4, timeoutMs?: number): () => Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let going = true;
  const stream = async (): Promise<void> => {
    while (going) {
      const key = await ask(address, { path, ...(timeoutMs === undefined ? {} : { timeoutMs }) }).then(({ status }) => String(status), (error: NodeJS.ErrnoException) => error.code ?? error.message);
      counts[key] = (counts[key] ?? 0) + 1;
    }
  };
  const all = Promise.all(Array.from({ length: streams }, stream));
  return async () => {
    going = false;
    await all;
    return counts;
  };
}

interface Loaded { total: number; succeeded: number; failed: number; ok: number; text: string }

/** h2load, which speaks HTTP/2: `clients` connections, each with `streams` requests at once. */
export function h2load(url: string, { address, clients = 4, streams = 5, requests, seconds, more = [] }: { address: string; clients?: number; streams?: number; requests?: number; seconds?: number; more?: string[] }): Promise<Loaded> {
  const amount = seconds === undefined ? ['-n', String(requests)] : ['-D', String(seconds)];
  const { port, protocol } = new URL(url);
  return runAny('h2load', ['-c', String(clients), '-m', String(streams), ...amount, `--connect-to=${address}:${port || (protocol === 'https:' ? '443' : '80')}`, ...more, url], { timeoutMs: 50_000 }).then(({ stdout: text, code, stderr }) => {
    const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN);
    assert.equal(code, 0, stderr);
    return { total: number(/requests: (\d+) total/), succeeded: number(/(\d+) succeeded/), failed: number(/(\d+) failed/), ok: number(/status codes: (\d+) 2xx/), text };
  });
}

const gatewayIp = async (): Promise<string> => ((await get(`/api/v1/namespaces/${INFRA}/pods/${V1}`)).status.podIP as string).replace(/\.\d+$/, '.1');

/** A server on the gateway's address; gives what ends it. */
export async function listenAt(port: number, serve: (socket: Socket) => void): Promise<() => void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => { sockets.add(socket); socket.on('error', () => {}).on('close', () => sockets.delete(socket)); serve(socket); });
  const address = await gatewayIp();
  await new Promise<void>((settle, fail) => server.once('error', fail).listen(port, address, () => settle()));
  return () => {
    server.close();
    for (const each of sockets) each.destroy();
  };
}

export let podIp = '';

/** A Service with one backend that is well and one that is ill, at `port` of the gateway's address; and its route. */
export function illBackend(name: string, port: number, rule: object, addressOfIll = (ip: string): string => ip.replace(/\.\d+$/, '.1')): Body[] {
  const slice = (which: string, address: string, at: number): Body => ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: INFRA, name: `${name}-${which}`, labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: 'http', port: at }] });
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name }, spec: { ports: [{ name: 'http', port: 8080, targetPort: 3000 }] } }, slice('well', podIp, 3000), slice('ill', addressOfIll(podIp), port),
    route(name, ['same-namespace'], [{ matches: [prefix(`/${name}`)], backendRefs: [to(name)], ...rule }]),
  ];
}

/** Settles when the route is there, whatever comes of a request. */
export function expectOne(address: string, path: string): Promise<boolean> {
  return eventually(async () => ask(address, { path, method: 'POST' }).then(({ status }) => status !== 404, () => true), { what: 'the route' });
}
