import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../../base/log.ts';
import { listenForLines, type Lines } from '../access-log.ts';
import type { Door } from '../plan.ts';
import type { Action } from '../rules.ts';
import { createSignals } from '../signals.ts';
import { countsOf, newCounts, type Counted } from './counts.ts';
import { createProxy, type Proxy } from './proxy.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';

const TABLE = `# table: counts:shop:edge:80, type: integer, size:102400, used:4
0x7f1: key=98200 use=0 exp=0 shard=0 http_req_cnt=5 bytes_in_cnt=80 bytes_out_cnt=800
0x7f2: key=99200 use=0 exp=0 shard=0 http_req_cnt=1 bytes_in_cnt=5 bytes_out_cnt=50
0x7f3: key=111200 use=0 exp=0 shard=0 http_req_cnt=1 bytes_in_cnt=5 bytes_out_cnt=50
0x7f4: key=126404 use=0 exp=0 shard=0 http_req_cnt=1 bytes_in_cnt=1 bytes_out_cnt=2
`;

test('a table tells of backends, statuses and durations; only what is new is taken', () => {
  const before = new Map<string, Counted>();
  const counted = countsOf(TABLE, new Map([[7, 'HTTPRoute:shop:web:0:0']]));
  assert.deepEqual(counted.map(({ backend, frontend, status, buckets, bytesOut }) => [backend, frontend, status, buckets[0], buckets[1], buckets[13], bytesOut]), [['HTTPRoute:shop:web:0:0', 'shop:edge:80', '200', 5, 1, 1, 900]]);
  assert.equal(newCounts(counted, before).length, 1);
  assert.deepEqual(newCounts(counted, before), []);
  const grown = countsOf(TABLE.replace('http_req_cnt=5', 'http_req_cnt=8').replace('bytes_in_cnt=80', 'bytes_in_cnt=90'), new Map([[7, 'HTTPRoute:shop:web:0:0']]));
  assert.deepEqual(newCounts(grown, before).map(({ buckets, bytesIn }) => [buckets[0], buckets[13], bytesIn]), [[3, 0, 10]]);
});

/** As /proc/net/tcp has them. */
const [ESTABLISHED, CLOSE_WAIT] = ['01', '08'];
const ADDRESS = `127.${160 + (process.pid % 90)}.${(process.pid >> 7) % 250}.1`;

describe('counts of a real HAProxy', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const stop = new AbortController();
  const signals = createSignals();
  let lines = 0;
  const takeLine = (line: string): void => { if (signals.take(line, Date.now())) lines++; };
  let folder: string;
  let server: Server;
  let listening: Lines;
  let proxy: Proxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-counts-'));
    server = createServer((asked, response) => void asked.resume().on('end', () => response.writeHead(asked.url === '/lost' ? 404 : 200).end('hello')));
    await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
    listening = await listenForLines({ gatewayIp: ADDRESS, file: join(folder, 'lines.port'), take: takeLine, log: silentLog });
    const { port } = server.address() as AddressInfo;
    proxy = createProxy({ program: 'haproxy', folder: join(folder, 'haproxy'), linesPort: listening.port, takeLine, gatewayIp: ADDRESS, endpointsOf: () => [{ address: ADDRESS, port }], log: silentLog, signal: stop.signal });
  });

  after(async () => {
    await proxy.carry([]);
    stop.abort('down');
    listening.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  function door(timeoutMs: number): Door {
    const action: Action = { id: 'HTTPRoute:shop:web:0', filters: [], targets: [{ weight: 1, backend: { serviceKey: 'shop/web', portName: '', protocol: 'http' }, filters: [] }], grpc: false, timeoutMs };
    const entry = { listener: 'http', hostname: '', match: { path: { type: 'PathPrefix' as const, value: '/' }, headers: [], queryParams: [] }, action, age: '', key: 'shop/web', at: [0, 0] as const };
    return { owner: 'shop/edge', port: 80, listeners: [{ name: 'http', hostname: '', certificates: [], takes: 'requests' }], secure: false, entries: [entry], tlsEntries: [] };
  }

  async function ask(times: number, path: string): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const port = proxy.portOf({ owner: 'shop/edge', port: 80 })!;
    await Promise.all(Array.from({ length: times }, () => new Promise<void>((resolve, reject) => {
      request({ host: ADDRESS, port, path, agent }, (response) => void response.resume().on('end', resolve)).on('error', reject).end();
    })));
    agent.destroy();
  }

  const told = (code: number): number => Number(new RegExp(`requests_total\\{[^}]*route_name="web"[^}]*code="${code}"\\} (\\d+)`).exec(signals.metrics())?.[1] ?? 0);

  it('every request is counted once, with a line or without, also over a reload', { timeout: 120_000 }, async () => {
    assert.equal((await proxy.carry([door(5_000)])).size, 0);
    await ask(3_000, '/');
    await ask(500, '/lost');
    // The older process counts what it has still to answer; its last counts are read when it is told to stop.
    for (let reloads = 1; reloads <= 8; reloads++) {
      const asking = ask(250, '/');
      assert.equal((await proxy.carry([door(5_000 + reloads)])).size, 0);
      await asking;
    }
    await ask(1_000, '/');
    await eventually(async () => {
      const { recent, inherited } = await proxy.counted();
      assert.deepEqual(inherited, []);
      signals.add(recent, Date.now());
      return told(200) + told(404) >= 6_500;
    }, { timeoutMs: 30_000, what: 'all counts' });
    assert.deepEqual([told(200), told(404)], [6_000, 500]);
    const served = (await proxy.served()).get(ADDRESS) ?? 0;
    assert.ok(served > 4_500 && served <= 6_500, `${served} of 6500 answers: what the older processes end after their last counts is left out`);
    assert.ok(lines < 5_000, `${lines} lines: on a busy door most requests have none`);
    const [view] = signals.routes(Date.now());
    assert.deepEqual([view!.requests, view!.gateway, view!.p50Ms! > 0], [6_500, 'shop/edge:80', true]);
  });

  /** Whether HAProxy still has a connection to there. */
  async function isHeardAt(port: number): Promise<boolean> {
    const place = `${Buffer.from(ADDRESS.split('.').map(Number).toReversed()).toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
    const connections = (await readFile('/proc/net/tcp', 'utf8')).split('\n').slice(1).map((line) => line.trim().split(/\s+/));
    return connections.some(([, , remote, state = '']) => remote === place && [ESTABLISHED, CLOSE_WAIT].includes(state));
  }

  it('rests while nobody takes its lines, and keeps them until somebody does, at the same port', { timeout: 120_000 }, async () => {
    const pid = Number(await readFile(join(folder, 'haproxy/haproxy.pid'), 'utf8'));
    const cpuTicks = async (): Promise<number> => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ').slice(11, 13).reduce((sum, each) => sum + Number(each), 0);
    const { port } = listening;
    // More than one, since of a busy door one of many has its line, too.
    await eventually(async () => {
      const told = lines;
      await ask(4, '/');
      await sleep(100);
      return lines >= told + 4;
    }, { timeoutMs: 30_000, what: 'the door is busy no more, and each request has its line' });
    listening.close();
    await eventually(async () => !(await isHeardAt(port)), { timeoutMs: 30_000, what: 'HAProxy knows: what is said before goes with the connection' });
    const [told, ticks] = [lines, await cpuTicks()];
    await ask(3, '/');
    await sleep(3_000);
    // Of 300 in three seconds.
    const used = (await cpuTicks()) - ticks;
    assert.ok(used < 15, `${used} ticks of its cpu`);
    assert.equal(lines, told);
    listening = await listenForLines({ gatewayIp: ADDRESS, file: join(folder, 'lines.port'), take: takeLine, log: silentLog });
    assert.equal(listening.port, port);
    await eventually(async () => lines >= told + 3, { timeoutMs: 30_000, what: 'the lines of before' });
  });

  it('takes lines from root alone', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
    const before = lines;
    const stranger = connect(listening.port, ADDRESS);
    const ended = once(stranger.resume(), 'close');
    stranger.write('5 hello');
    await ended;
    assert.equal(lines, before);
  });
});
