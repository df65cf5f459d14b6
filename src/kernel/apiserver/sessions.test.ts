/** Connections that resume, break off, or ask too much. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectH2, constants } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ConfigMap } from '../../api/kinds.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';
import { eventually } from '../../sdk/testing/eventually.ts';

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

test('watches that are given up before their turn has come leave nothing behind', async () => {
  const { caPem, admin } = door.identity;
  const before = door.store.stats().watches;
  const session = connectH2(`https://127.0.0.1:${door.listener.port}`, { ca: caPem, cert: admin.certificatePem, key: admin.keyPem });
  session.on('error', () => {});
  await once(session, 'connect');
  // Long work, behind which the watches wait.
  const documents = Array.from({ length: 4 }, () => session.request({ ':path': '/openapi/v2' }));
  const watches = Array.from({ length: 500 }, () => session.request({ ':path': '/api/v1/configmaps?watch=1&resourceVersion=0' }));
  for (const stream of [...documents, ...watches]) stream.on('error', () => {}).resume();
  setImmediate(() => watches.forEach((watch) => watch.close(constants.NGHTTP2_CANCEL)));
  await Promise.all(documents.map((each) => once(each, 'close')));
  const last = await door.call('GET', '/api/v1/namespaces');
  assert.equal(last.status, 200);
  await eventually(async () => door.store.stats().watches === before, { what: 'the end of the watches' });
  session.destroy();
});

test('connections that break off under a watch harm nobody', async () => {
  const { caPem, admin } = door.identity;
  const before = door.store.stats().watches; // the door's own
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
  await eventually(async () => door.store.stats().watches === before, { what: 'the end of the watches' });
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
});

/** Of a thread of its own, which reads while the server still writes: several connections; posts how many requests of each were answered with 201. */
const HASTY_CLIENTS = `
  const { parentPort, workerData: { options, request, most } } = require('node:worker_threads');
  const run = () => new Promise((done) => {
    const socket = require('node:tls').connect(options, () => socket.write(request));
    let [answers, left] = [0, -1];
    socket.on('error', () => {});
    socket.on('close', () => done(answers));
    socket.on('data', (chunk) => {
      if (left < 0) {
        const head = chunk.toString('latin1');
        if (!head.startsWith('HTTP/1.1 201')) return socket.destroy();
        left = head.indexOf('\\r\\n\\r\\n') + 4 + Number(/content-length: (\\d+)/i.exec(head)?.[1]);
      }
      if ((left -= chunk.length) > 0) return;
      left = -1;
      if ((answers += 1) === most) socket.destroy();
      else socket.write(request);
    });
  });
  Promise.all([run(), run(), run(), run()]).then((answers) => parentPort.postMessage(answers));`;

test('clients that go on with the last byte of a long answer are read on', async () => {
  const { caPem, admin } = door.identity;
  const body = JSON.stringify({ metadata: { name: 'long' }, data: { filler: 'x'.repeat(300_000) } });
  const request = `POST /api/v1/namespaces/default/configmaps?dryRun=All HTTP/1.1\r\nHost: llmos\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const options = { host: '127.0.0.1', port: door.listener.port, ca: caPem, cert: admin.certificatePem, key: admin.keyPem, ALPNProtocols: ['http/1.1'] };
  const clients = new Worker(HASTY_CLIENTS, { eval: true, workerData: { options, request, most: 30 } });
  const answers = await new Promise((resolve, reject) => clients.once('message', resolve).once('error', reject));
  await clients.terminate();
  assert.deepEqual(answers, [30, 30, 30, 30]);
});

test('metrics count what was asked', async () => {
  await door.call('GET', '/api/v1/namespaces');
  const { text } = await door.call('GET', '/metrics');
  assert.match(text, /apiserver_request_total\{verb="LIST",group="",version="v1",resource="namespaces",[^}]*code="200"\} [1-9]/);
  assert.match(text, /^llmos_store_revision \d+$/m);
});
