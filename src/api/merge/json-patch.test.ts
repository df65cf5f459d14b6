import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../errors.ts';
import type { Json } from '../meta.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';

/** Lists in lists, so many levels. */
function nested(levels: number): Json {
  let value: Json = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

const numbers = (count: number): number[] => Array.from({ length: count }, () => 1);

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

test('json patch: many changes of a long list where few are moved', () => {
  const steps = Array.from({ length: 10_000 }, (_, index) => ({ op: index % 2 === 0 ? 'add' : 'remove', path: index % 2 === 0 ? '/a/-' : '/a/200000', value: 2 }));
  assert.deepEqual(jsonPatch({ a: numbers(200_000) }, steps), { a: numbers(200_000) });
});

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
  ['copies of what is deep', { a: nested(700), b: {} }, Array.from({ length: 2_300 }, (_, index) => ({ op: 'copy', from: '/a', path: `/b/${index}` })), 422, /the accumulated size increase of copy is 3145800, exceeding/],
  ['what is deep within what is deep', {}, [{ op: 'add', path: '/a', value: nested(600) }, { op: 'add', path: `/a${'/0'.repeat(600)}`, value: nested(600) }], 422, /nested deeper than 1000 levels/],
  ['deep enough to end the stack', {}, Array.from({ length: 60 }, (_, index) => ({ op: 'add', path: `/a${'/0'.repeat(900 * index)}`, value: nested(901) })), 422, /nested deeper than 1000 levels/],
  ['a copy of what became deep', {}, [...Array.from({ length: 60 }, (_, index) => ({ op: 'add', path: `/a${'/0'.repeat(900 * index)}`, value: nested(901) })), { op: 'copy', from: '/a', path: '/b' }], 422, /nested deeper than 1000 levels/],
  ['a long list that is moved for each of many', { a: numbers(200_000) }, Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/a/0', value: 1 })), 413, /maximum of elements .* is 1000000000/],
  ['a long list that is taken off at the front', { a: numbers(200_000) }, Array.from({ length: 10_000 }, () => ({ op: 'move', from: '/a/0', path: '/a/-' })), 413, /maximum of elements .* is 1000000000/],
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
