/** A real HAProxy of gateways whose endpoints leave: on loopback, so without a network of its own. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import type { Door } from '../plan.ts';
import { createProxy, type Proxy } from './proxy.ts';
import type { Endpoint } from './slots.ts';

const net = (last: number): string => `127.${70 + (process.pid % 80)}.${(process.pid >> 7) % 250}.${last}`;

describe('drains of a real HAProxy', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const stop = new AbortController();
  const servers: Server[] = [];
  let folder: string;
  let proxy: Proxy;
  let endpoints: Endpoint[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-drains-'));
    proxy = createProxy({ program: 'haproxy', folder: join(folder, 'haproxy'), logSocket: join(folder, 'access.sock'), takeLine: () => {}, gatewayIp: net(1), endpointsOf: () => endpoints, drainMsOf: () => 2_000, log: silentLog, signal: stop.signal });
  });

  after(async () => {
    await proxy.carry([]);
    stop.abort('down');
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
    await rm(folder, { recursive: true, force: true });
  });

  /** Its answers begin and do not end, as those of streams do. */
  async function serve(last: number): Promise<Endpoint> {
    const server = createServer((_asked, response) => void response.writeHead(200).write(String(last)));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, net(last), resolve));
    return { address: net(last), port: (server.address() as AddressInfo).port };
  }

  function door(timeoutMs: number): Door {
    const entry = { listener: 'http', hostname: '', match: { path: { type: 'PathPrefix' as const, value: '/' }, headers: [], queryParams: [] }, action: { id: 'HTTPRoute:shop:web:0', filters: [], targets: [{ weight: 1, backend: { serviceKey: 'shop/web', portName: '', protocol: 'http' as const }, filters: [] }], grpc: false, timeoutMs }, age: '', key: 'shop/web', at: [0, 0] as const };
    return { owner: 'shop/edge', port: 80, listeners: [{ name: 'http', hostname: '', certificates: [], takes: 'requests' }], secure: false, entries: [entry], tlsEntries: [] };
  }

  /** A stream that goes on; settles when its first byte came. `closed` gives when it ended. */
  async function stream(): Promise<{ from: string; socket: Socket; closed: Promise<number> }> {
    const socket = connect(proxy.portOf({ owner: 'shop/edge', port: 80 })!, net(1), () => void socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    const closed = new Promise<number>((resolve) => socket.on('error', () => {}).on('close', () => resolve(performance.now())));
    let text = '';
    const from = await new Promise<string>((resolve) => socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [, found] = /\r\n\r\n\w+\r\n(\d+)\r\n/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    }));
    return { from, socket, closed };
  }

  for (const where of ['the process that runs', 'one that a reload left behind'] as const) {
    it(`ends streams to an endpoint that left when its drain is over, in ${where}`, { timeout: 60_000 }, async () => {
      const first = where === 'the process that runs' ? 10 : 20;
      const [stays, leaves] = await Promise.all([serve(first), serve(first + 1)]) as [Endpoint, Endpoint];
      endpoints = [leaves];
      assert.equal((await proxy.carry([door(first * 1_000)])).size, 0);
      await proxy.refresh();
      const going = await stream();
      assert.equal(going.from, String(first + 1));
      if (where !== 'the process that runs') assert.equal((await proxy.carry([door(first * 1_000 + 1)])).size, 0);
      endpoints = [stays];
      const leftAt = performance.now();
      await proxy.refresh();
      const other = await stream();
      assert.equal(other.from, String(first), 'what is new goes to the one that stays');
      const took = (await going.closed) - leftAt;
      assert.ok(took >= 1_500 && took < 20_000, `it ended after ${took} ms`);
      assert.equal(other.socket.destroyed, false, 'others go on');
      other.socket.destroy();
    });
  }
});
