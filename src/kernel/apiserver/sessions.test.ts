/** Connections that resume, break off, or ask too much. */
import assert from 'node:assert/strict';
import { connect as connectH2 } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { ConfigMap } from '../../api/kinds.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

function dial(session?: Buffer): Promise<{ socket: TLSSocket; ask(text: string): Promise<string>; session: Promise<Buffer> }> {
  const { admin, caPem } = door.identity;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: door.listener.port, ca: caPem, cert: admin.certificatePem, key: admin.keyPem, servername: 'localhost', ALPNProtocols: ['http/1.1'], session });
    const kept = new Promise<Buffer>((settle) => socket.once('session', settle));
    socket.on('error', reject);
    socket.on('secureConnect', () => resolve({ socket, session: kept, ask: (text) => new Promise((settle) => {
      socket.once('data', (chunk: Buffer) => settle(chunk.toString()));
      socket.write(text);
    }) }));
  });
}

const GET = 'GET /api/v1/namespaces HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('a resumed TLS session still knows who we are', async () => {
  const first = await dial();
  assert.match(await first.ask(GET), /^HTTP\/1.1 200/);
  const session = await first.session;
  first.socket.destroy();
  const second = await dial(session);
  assert.equal(second.socket.isSessionReused(), true);
  assert.match(await second.ask(GET), /^HTTP\/1.1 200/);
  second.socket.destroy();
});

test('garbage on the wire harms nobody', async () => {
  for (const text of ['NONSENSE\r\n\r\n', 'GET /api/v1/namespaces/%2e%2e%2f HTTP/1.1\r\nHost: x\r\n\r\n', 'GET //api/v1//pods?limit=x&limit=%zz HTTP/1.1\r\nHost: x\r\n\r\n', `GET /${'x'.repeat(60_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{']) {
    const { socket, ask } = await dial();
    const answer = await Promise.race([ask(text), new Promise<string>((resolve) => setTimeout(resolve, 200, 'silent'))]);
    assert.ok(answer === 'silent' || /^HTTP\/1.1 4/.test(answer), `${text.slice(0, 50)}: ${answer.slice(0, 100)}`);
    socket.destroy();
  }
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
});

test('connections that break off under a watch harm nobody', async () => {
  const { caPem, admin } = door.identity;
  for (let round = 0; round < 5; round++) {
    const session = connectH2(`https://127.0.0.1:${door.listener.port}`, { ca: caPem, cert: admin.certificatePem, key: admin.keyPem });
    session.on('error', () => {});
    const watches = Array.from({ length: 10 }, () => session.request({ ':path': '/api/v1/configmaps?watch=1&resourceVersion=0' }));
    for (const watch of watches) watch.on('error', () => {});
    await new Promise((resolve) => watches.at(-1)!.once('response', resolve));
    const writes = Promise.all(Array.from({ length: 30 }, (_, each) => door.client.create(ConfigMap, { metadata: { name: `r${round}-${each}`, namespace: 'default' }, data: { a: 'x'.repeat(10_000) } })));
    setTimeout(() => session.destroy(), round);
    await writes;
  }
  for (let tries = 0; door.store.stats().watches > 0 && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(door.store.stats().watches, 0);
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
});

test('metrics count what was asked', async () => {
  await door.call('GET', '/api/v1/namespaces');
  const { text } = await door.call('GET', '/metrics');
  assert.match(text, /apiserver_request_total\{verb="LIST",group="",version="v1",resource="namespaces",[^}]*code="200"\} [1-9]/);
  assert.match(text, /^llmos_store_revision \d+$/m);
});
