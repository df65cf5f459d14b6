import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warningHeaders } from './respond.ts';

test('warnings are told in UTF-8, each once, and cut where there is too much of them', () => {
  assert.deepEqual(warningHeaders(['a "b"\n', '', 'a "b"\n']), ['299 - "a \\"b\\" "']);
  assert.equal(Buffer.from(warningHeaders(['名称太长 é'])[0]!, 'latin1').toString(), '299 - "名称太长 é"');
  const [long] = warningHeaders(['x'.repeat(3_000)]);
  assert.equal(long!.length, 3_000 + '299 - ""'.length, 'one may be long');
  const many = warningHeaders(Array.from({ length: 40 }, (_each, index) => `${index} ${'é'.repeat(1_000)}`));
  assert.deepEqual([many.length, Buffer.from(many[0]!, 'latin1').toString()], [16, `299 - "0 ${'é'.repeat(254)}"`]);
});
