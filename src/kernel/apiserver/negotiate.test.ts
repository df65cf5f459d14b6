import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPretty, negotiate } from './negotiate.ts';

const NONE = new URLSearchParams();
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

test('the first form that can be given wins', () => {
  const protobuf = 'application/vnd.kubernetes.protobuf,application/json';
  assert.deepEqual(negotiate(undefined, NONE, { protobuf: false }), { encoding: 'json', pretty: false });
  assert.deepEqual(negotiate('*/*', NONE, { protobuf: true }), { encoding: 'json', pretty: false });
  assert.deepEqual(negotiate(TABLE, NONE, { protobuf: false }), { encoding: 'json', as: 'Table', version: 'v1', pretty: false });
  assert.equal(negotiate(protobuf, NONE, { protobuf: true }).encoding, 'protobuf');
  assert.equal(negotiate(protobuf, NONE, { protobuf: false }).encoding, 'json');
  const partial = 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json';
  for (const each of [true, false]) assert.deepEqual(negotiate(partial, NONE, { protobuf: each }), { encoding: 'protobuf', as: 'PartialObjectMetadata', version: 'v1', pretty: false });
  assert.equal(negotiate(partial.replace('PartialObjectMetadata', 'Table'), NONE, { protobuf: true }).encoding, 'json');
  assert.equal(negotiate('application/json;q=0.5,application/yaml', NONE, { protobuf: true }).encoding, 'yaml');
  assert.equal(negotiate('application/json', new URLSearchParams('pretty=true'), { protobuf: true }).pretty, true);
  assert.deepEqual(['application/json; pretty=1', 'unrecognized/stuff,application/json;pretty=1', 'application/json;pretty=0'].map((accept) => negotiate(accept, NONE, { protobuf: true }).pretty), [true, true, false]);
});

test('texts are laid out for who asks so, and for programs that people read', () => {
  const [curl, browser] = ['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64)'];
  for (const [query, reader, pretty] of [
    ['', {}, false], ['', { userAgent: 'kubectl/v1.36.0' }, false], ['', { userAgent: curl }, true], ['', { userAgent: 'Wget/1.21' }, true], ['', { userAgent: browser }, true],
    ['', { userAgent: browser, isList: true }, false], ['', { userAgent: curl, isList: true }, true], ['pretty=', { userAgent: curl }, true], ['pretty=', {}, false],
    ['pretty=false', { userAgent: curl }, false], ['pretty=no', { userAgent: curl }, false], ['pretty=1', {}, true], ['pretty=T', { isList: true }, true],
  ] as const) assert.equal(isPretty(new URLSearchParams(query), reader), pretty, `${query} ${JSON.stringify(reader)}`);
  assert.deepEqual(negotiate(undefined, NONE, { protobuf: true, userAgent: curl }), { encoding: 'json', pretty: true });
});

test('what nobody can give is refused', () => {
  assert.throws(() => negotiate('text/html', NONE, { protobuf: true }), { reason: 'NotAcceptable' });
  assert.throws(() => negotiate('application/vnd.kubernetes.protobuf', NONE, { protobuf: false }), { reason: 'NotAcceptable' });
  assert.throws(() => negotiate('application/json;as=Table;v=v9;g=meta.k8s.io', NONE, { protobuf: true }), { reason: 'NotAcceptable' });
});
