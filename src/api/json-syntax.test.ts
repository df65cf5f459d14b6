/** The words of Go's encoding/json (decode_test.go, scanner_test.go). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonSyntaxError } from './json-syntax.ts';
import { randomOf } from './testing/random.ts';

test('what is wrong with a text', () => {
  const invalid = (character: string, where: string): string => `invalid character '${character}' ${where}`;
  const table: [string, string | undefined][] = [
    ['{}', undefined], ['[]', undefined], [' [1, {"a": [null, true, false, "x\\u00e4\\n", -0.5e+10]} ] ', undefined], ['0', undefined], ['"a"', undefined],
    ['', 'unexpected end of JSON input'], ['{', 'unexpected end of JSON input'], ['[1, 2', 'unexpected end of JSON input'], ['{"a":', 'unexpected end of JSON input'], ['tru', 'unexpected end of JSON input'], ['"ab', 'unexpected end of JSON input'],
    ['invalid json patch', invalid('i', 'looking for beginning of value')], ['nope', invalid('o', "in literal null (expecting 'u')")], ['\u0001 false', invalid('\\x01', 'looking for beginning of value')], ['[,]', invalid(',', 'looking for beginning of value')],
    ['[1, 2, 3+]', invalid('+', 'after array element')], ['[1,]', invalid(']', 'looking for beginning of value')], ['{"X":12x}', invalid('x', 'after object key:value pair')], ['{"X": "foo", "Y"}', invalid('}', 'after object key')],
    ['{"X": "foo" "Y": "bar"}', invalid('"', 'after object key:value pair')], ['{"F3": -}', invalid('}', 'in numeric literal')], ['{"a":1,}', invalid('}', 'looking for beginning of object key string')], ['{a:1}', invalid('a', 'looking for beginning of object key string')],
    ['1 false', invalid('f', 'after top-level value')], ['{}}', invalid('}', 'after top-level value')], ['01', invalid('1', 'after top-level value')], ['1.x', invalid('x', 'after decimal point in numeric literal')], ['1e+x', invalid('x', 'in exponent of numeric literal')],
    ['"a\nb"', invalid('\\n', 'in string literal')], ['"\\q"', invalid('q', 'in string escape code')], ['"\\u00x0"', invalid('x', 'in \\u hexadecimal character escape')], ["{'a': 1}", invalid("\\'", 'looking for beginning of object key string')], ['[ä]', invalid('Ã', 'looking for beginning of value')],
    [`${'['.repeat(100_000)}`, 'unexpected end of JSON input'],
  ];
  for (const [text, expected] of table) assert.equal(jsonSyntaxError(text), expected, text.slice(0, 40));
});

test('finds something wrong just where the runtime does', () => {
  const random = randomOf(7);
  const pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"', '1', '-', '0', '.5', 'e1', 'true', 'nul', 'null', ' ', '\\u0041', '\n', 'x'];
  let valid = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + random.int(6) }, () => random.pick(pieces)).join('');
    let isValid = true;
    try {
      JSON.parse(text);
    } catch {
      isValid = false;
    }
    valid += Number(isValid);
    assert.equal(jsonSyntaxError(text) === undefined, isValid, JSON.stringify(text));
  }
  assert.ok(valid > 100, String(valid));
});
