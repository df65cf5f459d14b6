/** Whole numbers of 64 bits, from JSON and to JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { int64Of, isInteger, parseJson } from './int64.ts';
import { cloneJson, deepFreeze, equalJson } from './json.ts';

const SAME = [
  '9223372036854775807', '-9223372036854775808', '9007199254740992', '9007199254740993', '-9007199254740993', '9007199254740991', '-9007199254740991', '1700000000123456789', '0', '1',
  '{"a":9223372036854775807}', '[9223372036854775807,-9223372036854775808]', '{"a":{"b":[1,{"c":9223372036854775806}]}}', '{"text":"9223372036854775807, 9223372036854775807","b":1.5}',
  '{"__proto__":9223372036854775807,"constructor":1}', '{"b":9223372036854775807,"a":1,"2":3}'.replace('"2":3', '"c":3'),
];
for (const text of SAME) {
  const inObject = `{"value":${text}}`;
  test(`as it was: ${text}`, () => {
    assert.equal(JSON.stringify(parseJson(inObject)), inObject);
    assert.equal(JSON.stringify(cloneJson(parseJson(inObject))), inObject);
    assert.equal(JSON.stringify(structuredClone(parseJson(inObject))), inObject);
    assert.ok(equalJson(parseJson(inObject), deepFreeze(parseJson(inObject))));
  });
}

test('wherever a long number stands, it is found', () => {
  for (let before = 0; before < 40; before += 1) {
    for (const more of ['', '123456789012345', '1234567890123456']) {
      const text = `{"a":"${'x'.repeat(before)}${more}","b":${more}1234567,"c":9223372036854775807}`.replace(`"b":${more}`, '"b":');
      assert.equal(JSON.stringify(parseJson(text)), text);
    }
    assert.equal(JSON.stringify(parseJson(`{"${'x'.repeat(before)}":-9007199254740993}`)), `{"${'x'.repeat(before)}":-9007199254740993}`);
  }
});

test('spaces before a number, and a document that is one', () => {
  assert.deepEqual(parseJson('{ "a" :\n\t9223372036854775807 }'), { a: 9223372036854775807n });
  assert.equal(parseJson(' 9223372036854775807'), 9223372036854775807n);
  assert.deepEqual(parseJson('[9223372036854775807, 1]'), [9223372036854775807n, 1]);
});

/** What no int64 holds is a float64, as Go reads it. */
for (const [text, wanted] of [
  ['9223372036854775808', '9223372036854776000'], ['-9223372036854775809', '-9223372036854776000'], ['123456789012345678901234567890', '1.2345678901234568e+29'], ['1e18', '1000000000000000000'],
  ['9007199254740993.0', '9007199254740992'], ['1234567890123456.5', '1234567890123456.5'], ['0.12345678901234567', '0.12345678901234566'], ['-0', '0'],
] as const) {
  test(`a float64: ${text}`, () => {
    const { value } = parseJson(`{"value":${text}}`) as { value: unknown };
    assert.equal(typeof value, 'number');
    assert.equal(JSON.stringify(value), wanted);
  });
}

test('what differs in the last digit differs', () => {
  assert.equal(equalJson(parseJson('{"a":9007199254740993}'), parseJson('{"a":9007199254740992}')), false);
  assert.equal(equalJson(parseJson('{"a":9007199254740993}'), parseJson('{"a":9007199254740993}')), true);
});

test('errors are those of JSON.parse', () => {
  for (const text of ['{"a":01234567890123456789}', '{"a":9223372036854775807', '[,1234567890123456789]']) assert.throws(() => parseJson(text), SyntaxError);
});

test('one form for each value', () => {
  assert.equal(int64Of(5n), 5);
  assert.equal(int64Of(9007199254740991n), 9007199254740991);
  assert.equal(int64Of(9007199254740992n), 9007199254740992n);
  assert.deepEqual([isInteger(5), isInteger(9223372036854775807n), isInteger(1e18), isInteger(1.5), isInteger('5')], [true, true, false, false, false]);
});
