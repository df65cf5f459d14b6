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
  let stop: AbortController;
  const servers: Server[] = [];
  let folder: string;
  let proxy: Proxy;
  let endpoints: Endpoint[] = [];
  let drainMs = 1_000;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-drains-'));
    begin();
  });

  /** As a new llmos does, which finds nothing but what is in the folder and in HAProxy. */
  function begin(): void {
    stop = new AbortController();
    proxy = createProxy({ program: 'haproxy', folder: join(folder, 'haproxy'), linesPort: 1_023, takeLine: () => {}, gatewayIp: net(1), endpointsOf: () => endpoints, drainMsOf: () => drainMs, log: silentLog, signal: stop.signal });
  }

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
      assert.ok(took >= 700 && took < 20_000, `it ended after ${took} ms`);
      assert.equal(other.socket.destroyed, false, 'others go on');
      other.socket.destroy();
    });
  }

  for (const [index, when] of ['before llmos ended', 'while there was none', 'before llmos ended, from a process that a reload had left behind'].entries()) {
    it(`ends streams to an endpoint that left ${when} when its drain is over, and not before`, { timeout: 60_000 }, async () => {
      const first = 30 + index * 10;
      const [stays, leaves] = await Promise.all([serve(first), serve(first + 1)]) as [Endpoint, Endpoint];
      [drainMs, endpoints] = [2_000, [leaves]];
      assert.equal((await proxy.carry([door(first * 1_000)])).size, 0);
      await proxy.refresh();
      const going = await stream();
      if (index === 2) assert.equal((await proxy.carry([door(first * 1_000 + 1)])).size, 0);
      endpoints = [stays, ...(index === 1 ? [leaves] : [])];
      const leftAt = performance.now();
      await proxy.refresh();
      const other = await stream();
      stop.abort('killed');
      endpoints = [stays];
      begin();
      assert.equal((await proxy.carry([door(first * 1_000 + 2)])).size, 0);
      const took = (await going.closed) - leftAt;
      assert.ok(took >= 1_700 && took < 30_000, `it ended after ${took} ms`);
      if (index !== 1) assert.equal(other.socket.destroyed, false, 'others go on');
      other.socket.destroy();
      // One that came again has its connections to their end.
      endpoints = [stays, leaves];
      await proxy.refresh();
    });
  }

  it('gives one that came again and leaves again its whole drain', { timeout: 60_000 }, async () => {
    const [stays, leaves] = await Promise.all([serve(60), serve(61)]) as [Endpoint, Endpoint];
    [drainMs, endpoints] = [1_500, [leaves]];
    assert.equal((await proxy.carry([door(60_000)])).size, 0);
    await proxy.refresh();
    const going = await stream();
    const refreshWith = async (next: Endpoint[]): Promise<number> => {
      endpoints = next;
      await proxy.refresh();
      return performance.now();
    };
    await refreshWith([stays]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await refreshWith([stays, leaves]);
    const leftAt = await refreshWith([stays]);
    const took = (await going.closed) - leftAt;
    assert.ok(took >= 1_200 && took < 30_000, `it ended after ${took} ms`);
  });
});
