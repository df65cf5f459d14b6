/** What objects are in versions that they are not kept in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Stored } from '../../store/store.ts';
import type { Door } from '../door.ts';
import { bytesAs } from './convert.ts';

const door = { kinds: { isShared: () => true } } as unknown as Door;
const kindOf = (version: string): Kind => ({ group: 'example.com', version, kind: 'Thing', plural: 'things' }) as unknown as Kind;

function stored(name: string, fill: string): Stored {
  const object = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name }, fill } as unknown as KubeObject;
  return { key: name, revision: 1, createRevision: 1, object, bytes: Buffer.from(JSON.stringify(object)) };
}

test('what an object is in another version is made once, and not kept of very many', () => {
  const [v1, v2] = [kindOf('v1'), kindOf('v2')];
  const [first, large] = [stored('first', 'a'), 'x'.repeat(1024 * 1024)];
  const made = bytesAs(door, v2, first);
  assert.equal(made.toString(), first.bytes.toString().replace('example.com/v1', 'example.com/v2'));
  assert.equal(bytesAs(door, v2, first), made);
  const others = Array.from({ length: 20 }, (_, n) => stored(`other-${n}`, large));
  for (const each of others) assert.equal(bytesAs(door, v1, each), each.bytes, 'as it is kept');
  for (const each of others.slice(0, 10)) bytesAs(door, v2, each);
  assert.equal(bytesAs(door, v2, first), made, 'there is room for ten');
  for (const each of others) bytesAs(door, v2, each);
  assert.notEqual(bytesAs(door, v2, first), made, 'and none for twenty');
  assert.deepEqual(bytesAs(door, v2, first), made);
});
