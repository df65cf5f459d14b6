import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { Json } from '../meta.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';

const applies: [string, Json, Json, Json][] = [
  ['add a field', { a: 1 }, [{ op: 'add', path: '/b', value: { c: 2 } }], { a: 1, b: { c: 2 } }],
  ['add at an index', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['add at the end', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
  ['remove', { a: [1, 2], b: 1 }, [{ op: 'remove', path: '/a/0' }, { op: 'remove', path: '/b' }], { a: [2] }],
  ['replace', { a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
  ['escaped keys', { 'a/b': 1, 'c~d': 2 }, [{ op: 'replace', path: '/a~1b', value: 3 }, { op: 'remove', path: '/c~0d' }], { 'a/b': 3 }],
  ['move', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/b' }], { a: {}, c: { b: 1 } }],
  ['copy', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }, { op: 'add', path: '/b/-', value: 2 }], { a: [1], b: [1, 2] }],
  ['test then change', { a: { x: [1, { y: 2 }] } }, [{ op: 'test', path: '/a', value: { x: [1, { y: 2 }] } }, { op: 'remove', path: '/a' }], {}],
  ['test of what is absent', {}, [{ op: 'test', path: '/a', value: null }], {}],
];

for (const [name, target, patch, expected] of applies) {
  test(`json patch: ${name}`, () => {
    const before = JSON.stringify(target);
    assert.deepEqual(jsonPatch(target, patch), expected);
    assert.equal(JSON.stringify(target), before);
  });
}

const fails: [string, Json, Json, number, RegExp][] = [
  ['no list', {}, { op: 'add' }, 400, /list of operations/],
  ['operation is no object', {}, ['x'], 400, /operation 0/],
  ['unknown operation', {}, [{ op: 'put', path: '/a' }], 422, /Unexpected kind: put/],
  ['failed test', { a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 422, /testing value \/a failed: test failed/],
  ['missing parent', {}, [{ op: 'add', path: '/a/b', value: 1 }], 422, /doc is missing path: "\/a\/b"/],
  ['replace what is absent', {}, [{ op: 'replace', path: '/a', value: 1 }], 422, /doc is missing key: \/a/],
  ['remove what is absent', {}, [{ op: 'remove', path: '/a' }], 422, /Unable to remove nonexistent key: a/],
  ['index beyond the end', { a: [] }, [{ op: 'add', path: '/a/1', value: 1 }], 422, /invalid index: 1/],
  ['move into itself', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b' }], 422, /lies within/],
  ['copies of copies without end', { a: { b: 'x'.repeat(1000) } }, Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/c${index}` })), 422, /exceeding the limit 3145728/],
  ['too many', {}, Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a' })), 413, /10000, got 10001/],
];

for (const [name, target, patch, code, message] of fails) {
  test(`json patch refuses: ${name}`, () => {
    assert.throws(() => jsonPatch(target, patch), (error) => error instanceof ApiError && error.code === code && message.test(error.message));
  });
}

test('json patch does not reach the prototype', () => {
  jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { bad: true } }]);
  assert.equal(({} as Record<string, unknown>).bad, undefined);
});

test('merge patch (the table of RFC 7386)', () => {
  const table: [Json, Json, Json][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b' }, { a: null }, {}], [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }], [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], ['c', 'd'], ['c', 'd']], [{ a: 'foo' }, null, null], [{ e: null }, { a: 1 }, { e: null, a: 1 }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, expected] of table) assert.deepEqual(mergePatch(target, patch), expected);
});
