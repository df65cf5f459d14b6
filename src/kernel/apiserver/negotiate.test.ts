import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiate } from './negotiate.ts';

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
});

test('what nobody can give is refused', () => {
  assert.throws(() => negotiate('text/html', NONE, { protobuf: true }), { reason: 'NotAcceptable' });
  assert.throws(() => negotiate('application/vnd.kubernetes.protobuf', NONE, { protobuf: false }), { reason: 'NotAcceptable' });
  assert.throws(() => negotiate('application/json;as=Table;v=v9;g=meta.k8s.io', NONE, { protobuf: true }), { reason: 'NotAcceptable' });
});
