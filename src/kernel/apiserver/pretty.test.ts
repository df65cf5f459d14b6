/** What people read of the door with curl, Wget or a browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const CURL = { 'user-agent': 'curl/8.5.0' };

let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

test('all that is JSON is laid out for curl, and the same as for others', async () => {
  const empty = await door.call('GET', `${MAPS}?labelSelector=none`, { headers: CURL });
  assert.equal(empty.text, `${JSON.stringify(empty.json, undefined, 2)}\n`);
  for (const name of ['one', 'two']) await door.call('POST', MAPS, { body: { metadata: { name }, data: { lines: 'a\n  ]\n}\n', slashes: '"\\n"' } } });
  for (const path of [MAPS, `${MAPS}?limit=1`, '/api/v1', '/apis', '/version']) {
    const [plain, pretty] = [await door.call('GET', path), await door.call('GET', path, { headers: CURL })];
    assert.equal(pretty.status, 200);
    assert.deepEqual({ ...pretty.json, metadata: null }, { ...plain.json, metadata: null }, path);
    assert.equal(pretty.text, `${JSON.stringify(pretty.json, undefined, 2)}\n`, path);
  }
  const missing = await door.call('GET', `${MAPS}/missing`, { headers: CURL });
  assert.deepEqual([missing.status, missing.text], [404, `${JSON.stringify(missing.json, undefined, 2)}\n`]);
  assert.equal((await door.call('GET', `${MAPS}/missing?pretty=false`, { headers: CURL })).text.trim().includes('\n'), false);
  const made = await door.call('POST', MAPS, { body: { metadata: { name: 'three' } }, headers: CURL });
  assert.equal(made.text, `${JSON.stringify(made.json, undefined, 2)}\n`);
  assert.equal((await door.call('DELETE', `${MAPS}/three`, { headers: CURL })).text.includes('\n  "kind": "Status"'), true);
});

test('a watch has one event a line for everybody', async () => {
  const watch = await door.watch(`${MAPS}?watch=true&pretty=true`, CURL);
  await door.call('POST', MAPS, { body: { metadata: { name: 'seen' } } });
  for (let line = await watch.next(); line?.object.metadata.name !== 'seen'; line = await watch.next()) assert.notEqual(line, undefined);
  watch.close();
});

test('a browser has objects laid out, and no lists, which pages read', async () => {
  const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' };
  assert.equal((await door.call('GET', '/api/v1/namespaces/default', { headers })).text.startsWith('{\n  "'), true);
  assert.equal((await door.call('GET', '/api/v1/namespaces', { headers })).text.includes('\n  '), false);
});
