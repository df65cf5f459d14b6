import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Reader } from '../../api/protobuf/reader.ts';
import type { AggregatedVersion } from '../../sdk/module.ts';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> => door.call('GET', path, { headers });
const protobuf = (version: 2 | 3, sign: string): string => `application/com.github.proto-openapi.spec.v${version}${sign}v1.0+protobuf`;

const other: AggregatedVersion = { group: 'other.example.com', version: 'v1', groupPriority: 1, versionPriority: 1, resources: [], current: true };

/** The first field of a protobuf message, as text. */
function firstText(bytes: Buffer): string {
  const reader = new Reader(bytes);
  assert.equal(reader.varint(), 1 * 8 + 2);
  return reader.bytes().toString();
}

test('documents are given in what the client would rather have, of what there is', async () => {
  for (const [path, version, said] of [['/openapi/v2', 2, '2.0'], ['/openapi/v3/apis/apps/v1', 3, '3.0.0']] as const) {
    for (const accept of ['application/json', '*/*', 'application/*', 'application/yaml, application/json;q=0.1', `${protobuf(version, '.')};q=0.5, application/json`]) {
      const { status, headers, json } = await get(path, { accept });
      assert.deepEqual([status, headers['content-type'], json.swagger ?? json.openapi], [200, 'application/json', said], accept);
    }
    for (const accept of [protobuf(version, '@'), protobuf(version, '.'), `application/yaml, ${protobuf(version, '@')}, application/json;q=0.9`]) {
      const { status, headers, bytes } = await get(path, { accept });
      assert.deepEqual([status, headers['content-type'], firstText(bytes)], [200, protobuf(version, '.'), said], accept);
    }
    for (const accept of ['application/yaml', 'text/html', protobuf(version === 2 ? 3 : 2, '@')]) assert.equal((await get(path, { accept })).status, 406, accept);
  }
});

test('a document has the same ETag in every encoding, and is not sent to who has it', async () => {
  for (const [path, version] of [['/openapi/v2', 2], ['/openapi/v3/apis/batch/v1', 3]] as const) {
    const etag = String((await get(path)).headers['etag']);
    assert.equal((await get(path, { accept: protobuf(version, '.') })).headers['etag'], etag);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const { status, bytes, headers } = await get(path, { 'if-none-match': known });
      assert.deepEqual([status, bytes.length, headers['etag']], [304, 0, etag], known);
    }
    assert.equal((await get(path, { 'if-none-match': '"other"' })).status, 200);
  }
});

test('who asks for a document by a hash that is no more is led to what there is', async () => {
  const url = (await get('/openapi/v3')).json.paths['apis/apps/v1'].serverRelativeURL as string;
  const old = await get('/openapi/v3/apis/apps/v1?hash=OLD');
  assert.deepEqual([old.status, old.headers['location'], old.headers['cache-control']], [301, url, undefined]);
  const now = await get(url);
  assert.equal(now.status, 200);
  assert.match(String(now.headers['cache-control']), /immutable/);
  assert.doesNotMatch(String((await get('/openapi/v3/apis/apps/v1?hash=')).headers['cache-control']), /immutable/, 'no hash is named');
});

test('whatever another server says as its hash is one parameter of the address that is led to', async () => {
  const hash = 'a&hash=b%20#/+';
  door.server.aggregate([{ ...other, openapiV3: { hash, read: () => Promise.resolve({ openapi: '3.0.0' }) } }]);
  const { status, headers } = await get('/openapi/v3/apis/other.example.com/v1?hash=OLD');
  assert.equal(status, 301);
  const led = await get(String(headers['location']));
  assert.deepEqual([led.status, led.json], [200, { openapi: '3.0.0' }]);
  door.server.aggregate([]);
});

test('what changes while a document is made is in every encoding of the next', async () => {
  const documentWith = (resource: string): object => ({ swagger: '2.0', paths: { [`/apis/other.example.com/v1/${resource}`]: { get: { responses: {} } } }, definitions: {} });
  const publish = (openapiV2: () => Promise<unknown>): void => door.server.aggregate([{ ...other, openapiV2 }]);
  publish(() => {
    publish(() => Promise.resolve(documentWith('afterwards')));
    return Promise.resolve(documentWith('before'));
  });
  const paths: string[][] = [];
  for (let count = 0; count < 2; count++) {
    const { bytes } = await get('/openapi/v2', { accept: protobuf(2, '.') });
    paths.push(['before', 'afterwards'].filter((each) => bytes.includes(`/apis/other.example.com/v1/${each}`)));
  }
  assert.deepEqual(paths, [['before'], ['afterwards']]);
  door.server.aggregate([]);
});
