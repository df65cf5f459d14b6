/** Lists over HTTP: chunks of one snapshot, selectors, forms, versions, compression. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeProtobuf } from '../../api/protobuf/envelope.ts';
import { CONFIG_MAPS, configMap } from './testing/config-maps.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor();
  for (const name of ['one', 'two']) await door.call('POST', CONFIG_MAPS, { body: configMap(name) });
});
after(() => door.close());

test('lists: chunks of one snapshot, selectors, the forms', async () => {
  await door.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'lists' } } });
  const path = '/api/v1/namespaces/lists/configmaps';
  for (const each of ['a', 'b', 'c', 'd', 'e']) await door.call('POST', path, { body: configMap(each, {}, { labels: { odd: String(['a', 'c', 'e'].includes(each)) } }) });
  const first = (await door.call('GET', `${path}?limit=2`)).json;
  assert.equal(first.metadata.remainingItemCount, 3);
  await door.call('DELETE', `${path}/c`);
  const second = (await door.call('GET', `${path}?limit=2&continue=${first.metadata.continue}`)).json;
  assert.deepEqual(second.items.map((each: { metadata: { name: string } }) => each.metadata.name), ['c', 'd']);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const odd = (await door.call('GET', `${path}?labelSelector=odd%3Dtrue&limit=1`)).json;
  assert.deepEqual([odd.items.length, typeof odd.metadata.continue, odd.metadata.remainingItemCount], [1, 'string', undefined]);
  assert.equal((await door.call('GET', `${path}?fieldSelector=metadata.name%3Db`)).json.items[0].metadata.name, 'b');
  const table = (await door.call('GET', path, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })).json;
  assert.deepEqual([table.kind, table.columnDefinitions[0].name, table.rows[0].cells[0], table.rows[0].object.kind], ['Table', 'Name', 'a', 'PartialObjectMetadata']);
  const partial = (await door.call('GET', path, { headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' } })).json;
  assert.deepEqual([partial.kind, Object.keys(partial.items[0]).sort().join()], ['PartialObjectMetadataList', 'apiVersion,kind,metadata']);
  const yaml = await door.call('GET', `${path}/a`, { headers: { accept: 'application/yaml' } });
  assert.match(yaml.text, /^kind: ConfigMap$/m);
  const protobuf = await door.call('GET', `${path}/a`, { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } });
  assert.equal(protobuf.bytes.subarray(0, 4).toString('latin1'), 'k8s\0');
  const missed = await door.call('GET', `${path}/nope`, { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } });
  const told = decodeProtobuf(missed.bytes) as unknown as { reason: string; details: { name: string }; code: number };
  assert.deepEqual([missed.status, missed.headers['content-type'], told.reason, told.details.name, told.code], [404, 'application/vnd.kubernetes.protobuf', 'NotFound', 'nope', 404]);
  assert.equal((await door.call('GET', `${path}/nope`, { headers: { accept: 'application/json,application/vnd.kubernetes.protobuf' } })).json.reason, 'NotFound');
  const posted = await door.call('POST', path, { body: Buffer.from(protobuf.bytes), headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } });
  assert.match(posted.json.message, /resourceVersion should not be set on objects to be created/);
  assert.equal((await door.call('DELETE', `${path}?labelSelector=odd%3Dtrue`)).status, 200);
  assert.equal((await door.call('GET', path)).json.items.length, 2);
});

test('a chunk of a snapshot that is gone is refused with 410', async () => {
  const { metadata } = (await door.call('GET', `${CONFIG_MAPS}?limit=1`)).json;
  await door.call('POST', CONFIG_MAPS, { body: configMap('after-snapshot') });
  await door.store.compact();
  const late = await door.call('GET', `${CONFIG_MAPS}?limit=1&continue=${metadata.continue}`);
  assert.deepEqual([late.status, late.json.reason], [410, 'Expired']);
  const exact = await door.call('GET', `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact`);
  assert.equal(exact.status, 410);
  const early = await door.call('GET', `${CONFIG_MAPS}?resourceVersion=999999&resourceVersionMatch=NotOlderThan`);
  assert.deepEqual([early.status, early.json.details.causes[0].reason], [504, 'ResourceVersionTooLarge']);
});

test('a list with a limit at a version is a list of that version', async () => {
  const first = (await door.call('GET', `${CONFIG_MAPS}?limit=1`)).json.metadata.resourceVersion;
  await door.call('POST', CONFIG_MAPS, { body: configMap('after-that') });
  for (const query of [`resourceVersion=${first}&limit=500`, `resourceVersion=${first}&limit=500&resourceVersionMatch=`]) {
    const { json } = await door.call('GET', `${CONFIG_MAPS}?${query}`);
    assert.deepEqual([json.metadata.resourceVersion, json.items.some((each: { metadata: { name: string } }) => each.metadata.name === 'after-that')], [first, false]);
  }
});

test('a big answer is compressed for who asks', async () => {
  await door.call('POST', CONFIG_MAPS, { body: configMap('big', { a: 'x'.repeat(200_000) }) });
  assert.equal((await door.call('GET', `${CONFIG_MAPS}/big`)).headers['content-encoding'], undefined);
  const packed = await door.call('GET', `${CONFIG_MAPS}/big`, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.ok(packed.bytes.length < 10_000);
});

/** What upstream's TestListOptions says of limit, continue, resourceVersion and resourceVersionMatch; a text is a part of the refusal. */
function listOf({ limit, token, version, match }: { limit: number; token: 'none' | 'valid' | 'invalid'; version: 'none' | '0' | 'old' | 'invalid'; match: string }, all: number): number | string {
  if (version === 'none' && match !== '') return 'resourceVersionMatch is forbidden unless resourceVersion is provided';
  if (token !== 'none' && match !== '') return 'resourceVersionMatch is forbidden when continue is provided';
  if (match === 'InvalidMatch') return 'supported values';
  if (match === 'Exact' && version === '0') return 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
  if (version === 'invalid') return 'Invalid value';
  if (token === 'invalid') return 'continue key is not valid';
  if (token === 'valid' && version === 'old') return 'specifying resource version is not allowed when using continue';
  if (version === 'old' && (match === 'Exact' || (limit > 0 && match === ''))) return 'The resourceVersion for the provided list is too old';
  if (token === 'valid') return Math.min(limit || all, all - 6);
  return limit > 0 ? limit : all;
}

test('every combination of limit, continue, resourceVersion and its match is answered or refused as upstream does it', async () => {
  const { json: oldest } = await door.call('POST', CONFIG_MAPS, { body: configMap('option-0') });
  for (let index = 1; index < 12; index++) await door.call('POST', CONFIG_MAPS, { body: configMap(`option-${index}`) });
  await door.store.compact();
  const all = (await door.call('GET', CONFIG_MAPS)).json.items.length as number;
  const valid = (await door.call('GET', `${CONFIG_MAPS}?limit=6`)).json.metadata.continue as string;
  const tokens = { none: '', valid, invalid: 'invalidContinueToken' };
  const versions = { none: '', 0: '0', old: oldest.metadata.resourceVersion as string, invalid: 'invalid' };
  for (const limit of [0, 6]) for (const token of ['none', 'valid', 'invalid'] as const) for (const version of ['none', '0', 'old', 'invalid'] as const) for (const match of ['', 'NotOlderThan', 'Exact', 'InvalidMatch']) {
    const query = new URLSearchParams(Object.entries({ limit: String(limit || ''), continue: tokens[token], resourceVersion: versions[version], resourceVersionMatch: match }).filter(([, value]) => value !== ''));
    const { status, json } = await door.call('GET', `${CONFIG_MAPS}?${query.toString()}`);
    const wanted = listOf({ limit, token, version, match }, all);
    const what = `limit ${limit}, continue ${token}, version ${version}, match ${match}: ${json.message ?? ''}`;
    if (typeof wanted === 'number') assert.deepEqual([status, json.items?.length], [200, wanted], what);
    else assert.ok(status >= 400 && json.message.includes(wanted), `${what}, not ${wanted}`);
  }
});
