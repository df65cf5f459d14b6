/** Clients that vanish without a word: nothing of them comes any more, not even the end of their connection. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect as connectHttp2 } from 'node:http2';
import { after, afterEach, before, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { openDoor, type OpenDoor } from '../../src/kernel/apiserver/testing/open-door.ts';
import { eventually } from '../fixtures/instance.ts';

const PATH = '/api/v1/namespaces/default/configmaps?watch=true';

let door: OpenDoor;
before(async () => {
  door = await openDoor({ limits: { probeAfterMs: 1_000, unacknowledgedMs: 1_500, stalledMs: 1_000 } });
});
afterEach(() => {
  execFileSync('nft', ['-f', '-'], { input: 'table inet vanished\ndelete table inet vanished\n' });
});
after(() => door.close());

const credentials = (): object => ({ ca: door.identity.caPem, cert: door.identity.admin.certificatePem, key: door.identity.admin.keyPem });

/** Sends a watch; gives the port and the way to go. */
async function watchOver(protocol: 'http/1.1' | 'h2'): Promise<{ port: number; destroy(): void; pause(): void }> {
  const at = { host: '127.0.0.1', port: door.listener.port, ...credentials() };
  if (protocol === 'h2') {
    const session = connectHttp2(`https://127.0.0.1:${door.listener.port}`, credentials());
    const stream = session.request({ ':path': PATH });
    stream.on('error', () => {}).resume();
    session.on('error', () => {});
    await new Promise((resolve) => stream.once('response', resolve));
    return { port: session.socket.localPort!, destroy: () => session.destroy(), pause: () => stream.pause() };
  }
  const socket: TLSSocket = connect({ ...at, ALPNProtocols: ['http/1.1'] }, () => socket.write(`GET ${PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('data', resolve));
  return { port: socket.localPort!, destroy: () => socket.destroy(), pause: () => socket.pause() };
}

/** Cuts the way between them and the door, in both directions. */
function cut(clients: readonly { port: number }[]): void {
  const ports = clients.map(({ port }) => port).join(', ');
  const rules = ['table inet vanished {', 'chain cut {', 'type filter hook input priority 0;', `tcp sport { ${ports} } drop`, `tcp dport { ${ports} } drop`, '}', '}', ''];
  execFileSync('nft', ['-f', '-'], { input: rules.join('\n') });
}

/** With what was sent and not confirmed, TCP itself would try again for a quarter of an hour, and asks nobody whether he is there. */
const CONFIRMED_MS = 1_000;

it('watches whose clients vanished are let go', { timeout: 90_000 }, async () => {
  await door.call('GET', '/api/v1/namespaces');
  const before = door.store.stats().watches;
  const clients = [await watchOver('http/1.1'), await watchOver('h2')];
  await eventually(async () => door.store.stats().watches === before + 2, { what: 'the watches run' });
  await new Promise((resolve) => setTimeout(resolve, CONFIRMED_MS));
  cut(clients);
  const cutMs = performance.now();
  for (const client of clients) client.destroy();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(door.store.stats().watches === before + 2 || performance.now() - cutMs > CONFIRMED_MS, 'nobody has heard that they went');
  await eventually(async () => door.store.stats().watches === before, { timeoutMs: 60_000, what: 'the watches are let go' });
});

it('watches whose clients vanished with events under way are let go as well, and others stay', { timeout: 90_000 }, async () => {
  const before = door.store.stats().watches;
  const clients = [await watchOver('http/1.1'), await watchOver('h2')];
  const witness = await watchOver('http/1.1');
  await eventually(async () => door.store.stats().watches === before + 3, { what: 'the watches run' });
  cut(clients);
  const fromMs = performance.now();
  assert.equal((await door.call('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: 'unheard' } } })).status, 201);
  for (const client of clients) client.destroy();
  await eventually(async () => door.store.stats().watches === before + 1, { timeoutMs: 60_000, what: 'the watches are let go' });
  assert.ok(performance.now() - fromMs > 1_000, 'what is on its way gets its time');
  witness.destroy();
  await eventually(async () => door.store.stats().watches === before, { what: 'who says that he goes is gone' });
});

it('a watch whose client is there but does not read is let go when its events do not fit', { timeout: 90_000 }, async () => {
  const before = door.store.stats().watches;
  for (const protocol of ['http/1.1', 'h2'] as const) {
    await door.call('DELETE', '/api/v1/namespaces/default/configmaps');
    const client = await watchOver(protocol);
    client.pause();
    await eventually(async () => door.store.stats().watches === before + 1, { what: 'the watch runs' });
    for (let n = 0; n < 40 && door.store.stats().watches > before; n += 1) await door.call('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { generateName: 'big-' }, data: { a: 'x'.repeat(900_000) } } });
    await eventually(async () => door.store.stats().watches === before, { timeoutMs: 60_000, what: `the watch over ${protocol} is let go` });
    client.destroy();
  }
});
