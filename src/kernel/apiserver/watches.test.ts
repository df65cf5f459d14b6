/** Watches over HTTP: what is said, in which order, and how they end. */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { decodeProtobuf, decodeWatchEvent } from '../../api/protobuf/envelope.ts';
import { openDoor, type OpenDoor, type WatchLine } from './testing/open-door.ts';
import { eventually } from '../../sdk/testing/eventually.ts';

const PATH = '/api/v1/namespaces/default/configmaps';
let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

const put = (name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}): ReturnType<OpenDoor['call']> =>
  door.call('PATCH', `${PATH}/${name}?fieldManager=t&force=true`, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data }, headers: { 'content-type': 'application/apply-patch+yaml' } });
const revision = async (): Promise<string> => (await door.call('GET', PATH)).json.metadata.resourceVersion;

test('a watch says what happens after its revision, in order', async () => {
  const from = await revision();
  const watch = await door.watch(`${PATH}?watch=true&resourceVersion=${from}`);
  await put('w1', {}, { a: '1' });
  await put('w1', {}, { a: '2' });
  await door.call('DELETE', `${PATH}/w1`);
  const lines = [await watch.next(), await watch.next(), await watch.next()];
  watch.close();
  assert.deepEqual(lines.map((line) => `${line?.type} ${line?.object.metadata.name}`), ['ADDED w1', 'MODIFIED w1', 'DELETED w1']);
  const versions = lines.map((line) => Number(line?.object.metadata.resourceVersion));
  assert.ok(versions[0]! < versions[1]! && versions[1]! < versions[2]!, 'a deletion has a revision of its own');
  const again = await door.watch(`${PATH}?watch=true&resourceVersion=${versions[0]}`);
  assert.equal((await again.next())?.type, 'MODIFIED');
  again.close();
});

test('a watch without a revision begins with what is there, a streaming list marks its end', async () => {
  await put('there');
  const watch = await door.watch(`${PATH}?watch=true`);
  assert.equal((await watch.next())?.type, 'ADDED');
  watch.close();
  const stream = await door.watch(`${PATH}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`);
  const types: string[] = [];
  for (let line = await stream.next(); line !== undefined; line = await stream.next()) {
    types.push(line.type);
    if (line.type !== 'BOOKMARK') continue;
    assert.equal(line.object.metadata.annotations?.['k8s.io/initial-events-end'], 'true');
    assert.ok(Number(line.object.metadata.resourceVersion) > 0);
    break;
  }
  stream.close();
  assert.equal(types.at(-1), 'BOOKMARK');
});

test('a change into and out of a selection is an addition and a deletion', async () => {
  const watch = await door.watch(`${PATH}?watch=true&resourceVersion=${await revision()}&labelSelector=color%3Dred`);
  await put('s1', { color: 'blue' });
  await put('s1', { color: 'red' });
  await put('s1', { color: 'red' }, { a: '1' });
  const left = (await put('s1', { color: 'blue' })).json;
  await door.call('DELETE', `${PATH}/s1`);
  await put('s2', { color: 'red' });
  const lines = [await watch.next(), await watch.next(), await watch.next(), await watch.next()];
  watch.close();
  assert.deepEqual(lines.map((line) => `${line?.type} ${line?.object.metadata.name} ${line?.object.metadata.labels?.['color']}`), ['ADDED s1 red', 'MODIFIED s1 red', 'DELETED s1 red', 'ADDED s2 red']);
  assert.equal(lines[2]?.object.metadata.resourceVersion, left.metadata.resourceVersion, 'the deletion bears the revision of the change');
});

test('a watch of one name', async () => {
  const watch = await door.watch(`${PATH}?watch=true&resourceVersion=${await revision()}&fieldSelector=metadata.name%3Dn2`);
  await put('n1');
  await put('n2');
  assert.equal((await watch.next())?.object.metadata.name, 'n2');
  watch.close();
});

test('timeoutSeconds ends a watch, with a last bookmark', async () => {
  const watch = await door.watch(`${PATH}?watch=true&resourceVersion=${await revision()}&timeoutSeconds=1&allowWatchBookmarks=true`);
  assert.equal((await watch.next())?.type, 'BOOKMARK');
  assert.equal(await watch.next(), undefined);
});

test('rows of a table, with columns in the first event only', async () => {
  const watch = await door.watch(`${PATH}?watch=true&resourceVersion=${await revision()}`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  await put('t1');
  await put('t1', {}, { a: '1' });
  const [first, second] = [await watch.next(), await watch.next()] as unknown as { object: { kind: string; columnDefinitions: unknown[]; rows: { cells: unknown[] }[] } }[];
  watch.close();
  assert.deepEqual([first!.object.kind, first!.object.rows[0]!.cells[0], first!.object.columnDefinitions.length > 0, second!.object.columnDefinitions.length], ['Table', 't1', true, 0]);
});

for (const as of ['', ';as=PartialObjectMetadata;v=v1;g=meta.k8s.io']) test(`protobuf frames for who asks${as}`, async () => {
  const name = as === '' ? 'pb' : 'pb-partial';
  const from = await revision();
  const { caPem, admin } = door.identity;
  const frames = await new Promise<Buffer>((resolve, reject) => {
    const http = request({ host: '127.0.0.1', port: door.listener.port, path: `${PATH}?watch=true&resourceVersion=${from}`, ca: caPem, cert: admin.certificatePem, key: admin.keyPem, headers: { accept: `application/vnd.kubernetes.protobuf${as},application/json` } });
    http.on('response', (response) => {
      assert.equal(response.headers['content-type'], 'application/vnd.kubernetes.protobuf;stream=watch');
      response.once('data', (chunk: Buffer) => {
        resolve(chunk);
        http.destroy();
      });
      put(name, {}, { a: '1' }).catch(reject);
    });
    http.on('error', reject);
    http.end();
  });
  assert.equal(frames.readUInt32BE(0), frames.length - 4);
  const { type, object } = decodeWatchEvent(frames.subarray(4));
  assert.deepEqual([type, object.metadata.name, object.kind, 'data' in object], ['ADDED', name, as === '' ? 'ConfigMap' : 'PartialObjectMetadata', as === '']);
});

test('metadata alone as protobuf', async () => {
  const accept = (kind: string): { headers: Record<string, string> } => ({ headers: { accept: `application/vnd.kubernetes.protobuf;as=${kind};v=v1;g=meta.k8s.io` } });
  const list = await door.call('GET', PATH, accept('PartialObjectMetadataList'));
  assert.equal(list.headers['content-type'], 'application/vnd.kubernetes.protobuf');
  const { kind, items } = decodeProtobuf(list.bytes) as unknown as { kind: string; items: { metadata: { name: string } }[] };
  assert.deepEqual([kind, items.some(({ metadata }) => metadata.name === 'pb')], ['PartialObjectMetadataList', true]);
  const one = decodeProtobuf((await door.call('GET', `${PATH}/pb`, accept('PartialObjectMetadata'))).bytes);
  assert.deepEqual([one.kind, one.metadata.name, 'data' in one], ['PartialObjectMetadata', 'pb', false]);
});

test('a revision that is compacted or not there yet ends with an ERROR event', async () => {
  await door.store.compact();
  await put('c1');
  const old = await door.watch(`${PATH}?watch=true&resourceVersion=1`);
  const line = await old.next();
  assert.deepEqual([line?.type, line?.object.code, line?.object.reason], ['ERROR', 410, 'Expired']);
  assert.equal(await old.next(), undefined);
  const early = await door.watch(`${PATH}?watch=true&resourceVersion=99999999`);
  assert.equal((await early.next())?.type, 'ERROR');
});

test('a reader that pauses loses nothing; one that lags behind what is kept is told so', async () => {
  await put('lag', {}, {});
  const writes = 600;
  const write = async (bytes: number): Promise<void> => {
    const data = 'x'.repeat(bytes);
    for (let round = 0; round < writes / 20; round++) await Promise.all(Array.from({ length: 20 }, (_, each) => put(`lag-${each}`, {}, { data: `${data}${round}` })));
  };
  const socket = await rawWatch(`${PATH}?watch=true&resourceVersion=${await revision()}`);
  socket.pause();
  await write(20_000);
  const seen = await readEvents(socket, (events) => events.length === writes);
  assert.equal(seen.length, writes);
  const versions = seen.map((event) => Number(event.object.metadata.resourceVersion));
  assert.deepEqual(versions, versions.toSorted((a, b) => a - b));
  socket.destroy();
  // More than the buffers of the kernel ever take: they grow up to tcp_rmem and tcp_wmem (32 and 4 MiB), when memory is to be had even for one who does not read.
  const slow = await rawWatch(`${PATH}?watch=true&resourceVersion=${await revision()}`);
  slow.pause();
  await write(100_000);
  await door.store.compact();
  const rest = await readEvents(slow, (events) => events.at(-1)?.type === 'ERROR' || events.length === writes);
  slow.destroy();
  assert.deepEqual([rest.at(-1)?.type, rest.at(-1)?.object.code], ['ERROR', 410]);
  assert.ok(rest.length < writes, 'what was sent into the void is bounded');
});

test('watchers that go leave nothing', async () => {
  const before = door.store.stats().watches; // the door's own
  const watches = await Promise.all(Array.from({ length: 20 }, () => door.watch(`${PATH}?watch=true&resourceVersion=0`)));
  for (const watch of watches) watch.close();
  await eventually(async () => door.store.stats().watches === before, { what: 'the end of the watches' });
});

function rawWatch(path: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { admin, caPem } = door.identity;
    const socket = connect({ host: '127.0.0.1', port: door.listener.port, ca: caPem, cert: admin.certificatePem, key: admin.keyPem, servername: 'localhost', ALPNProtocols: ['http/1.1'] }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      socket.once('data', () => resolve(socket));
    });
    socket.on('error', reject);
  });
}

/** Reads chunked lines until `enough`. */
function readEvents(socket: TLSSocket, enough: (events: readonly WatchLine[]) => boolean): Promise<WatchLine[]> {
  return new Promise((resolve) => {
    const events: WatchLine[] = [];
    let rest = '';
    const read = (chunk: Buffer): void => {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{')) events.push(JSON.parse(line) as WatchLine);
      if (!enough(events)) return;
      socket.off('data', read);
      resolve(events);
    };
    socket.on('data', read);
    socket.resume();
  });
}

test('a door that closes ends its watches as a server that has said all: with the last chunk', async () => {
  const closing = await openDoor();
  const { identity, listener } = closing;
  const texts = [0, 1, 2].map(() => {
    const socket = connect({ host: '127.0.0.1', port: listener.port, ca: identity.caPem, cert: identity.admin.certificatePem, key: identity.admin.keyPem, ALPNProtocols: ['http/1.1'] });
    socket.write(`GET ${PATH}?watch=1&resourceVersion=0 HTTP/1.1\r\nHost: x\r\n\r\n`);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).on('error', () => {});
    return { said: () => text, ended: new Promise((resolve) => socket.on('close', resolve)) };
  });
  await eventually(async () => texts.every(({ said }) => said().includes('200 OK')), { what: 'the heads of the watches' });
  await closing.close();
  for (const { said, ended } of texts) {
    await ended;
    assert.match(said(), /\r\n0\r\n\r\n$/);
  }
});
