/** Each request has its line, whatever clients choose to say in it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { listenForLines, type Lines } from '../access-log.ts';
import { parseAccess, type Access } from '../access.ts';
import type { Door } from '../plan.ts';
import { createProxy, type Proxy } from './proxy.ts';

const ADDRESS = `127.${160 + (process.pid % 90)}.${(process.pid >> 7) % 250}.5`;
const DOOR: Door = {
  owner: 'shop/edge', port: 80, secure: false, tlsEntries: [], listeners: [{ name: 'http', hostname: '', certificates: [], takes: 'requests' }],
  entries: [{
    listener: 'http', hostname: '', match: { path: { type: 'PathPrefix', value: '/' }, headers: [], queryParams: [] }, age: '', key: 'shop/web', at: [0, 0],
    action: { id: 'HTTPRoute:shop:web:0', filters: [], targets: [{ weight: 1, backend: { serviceKey: 'shop/web', portName: '', protocol: 'http' }, filters: [] }], grpc: false, timeoutMs: 5_000 },
  }],
};

describe('lines of requests', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const stop = new AbortController();
  const lines: string[] = [];
  let folder: string;
  let server: Server;
  let listening: Lines;
  let proxy: Proxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-lines-'));
    server = createServer({ maxHeaderSize: 64 * 1024 }, (asked, response) => void asked.resume().on('end', () => response.end('hello')));
    await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
    const takeLine = (line: string): void => void lines.push(line);
    listening = await listenForLines({ gatewayIp: ADDRESS, file: join(folder, 'lines.port'), take: takeLine, log: silentLog });
    const { port } = server.address() as AddressInfo;
    proxy = createProxy({ program: 'haproxy', folder: join(folder, 'haproxy'), linesPort: listening.port, takeLine, tellsAll: true, gatewayIp: ADDRESS, endpointsOf: () => [{ address: ADDRESS, port }], log: silentLog, signal: stop.signal });
    assert.equal((await proxy.carry([DOOR])).size, 0);
  });

  after(async () => {
    await proxy.carry([]);
    stop.abort('down');
    listening.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** As it is, since no client of HTTP would say such things. */
  async function told(head: string): Promise<Access> {
    const before = lines.length;
    await new Promise<void>((settle, fail) => {
      const socket = connect({ host: ADDRESS, port: proxy.portOf({ owner: 'shop/edge', port: 80 })! });
      socket.on('error', fail).on('close', () => settle()).resume().write(`${head}\r\nconnection: close\r\n\r\n`);
    });
    await eventually(async () => lines.length > before, { what: 'its line' });
    const access = parseAccess(lines[before]!);
    assert.ok(access !== undefined, lines[before]!.slice(0, 300));
    return access;
  }

  it('what is too long is cut, and hides nothing of the rest', async () => {
    const long = 'x'.repeat(6_000);
    const heads: [string, string, string, string][] = [
      ['GET /a HTTP/1.1\r\nhost: shop.example', 'GET', 'shop.example', '/a'],
      [`GET /${'a'.repeat(3_000)} HTTP/1.1\r\nhost: shop.example`, 'GET', 'shop.example', `/${'a'.repeat(1_000)}`],
      [`GET /${'a'.repeat(9_000)} HTTP/1.1\r\nhost: shop.example`, 'GET', 'shop.example', '/'],
      [`GET /b HTTP/1.1\r\nhost: ${long}`, 'GET', 'x'.repeat(255), '/b'],
      [`${long.toUpperCase()} /c HTTP/1.1\r\nhost: shop.example`, '<BADREQ>', 'shop.example', '<BADREQ>'],
      [`GET /d HTTP/1.1\r\nhost: shop.example\r\ntraceparent: ${long}`, 'GET', 'shop.example', '/d'],
    ];
    for (const [head, method, host, path] of heads) {
      const access = await told(head);
      assert.deepEqual([access.kind, access.name, access.gateway, access.client, access.traceparent.length], ['HTTPRoute', 'web', 'shop/edge:80', access.client, 55], head.slice(0, 80));
      assert.match(access.client, /^127\./);
      assert.ok(access.method.startsWith(method) && access.host === host && access.path.startsWith(path), `${head.slice(0, 80)}: ${access.method.slice(0, 20)} ${access.host.slice(0, 20)} ${access.path.slice(0, 20)} of ${access.path.length}`);
    }
  });
});
