import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIndexes, countCommon, countIndexes, formatIndexes, hasIndex, lowestOutside, parseIndexes, withIndexes } from './indexes.ts';

test('sets of indexes are read and written', () => {
  const table: [string, number, string, number][] = [['', 9, '', 0], ['1,3-5,7', 9, '1,3-5,7', 5], ['0,1,2', 9, '0-2', 3], ['0,1', 9, '0,1', 2], ['1-8', 4, '1-3', 3], ['7', 4, '', 0], ['x', 4, '', 0]];
  for (const [text, completions, written, count] of table) {
    const indexes = parseIndexes(text, completions);
    assert.equal(formatIndexes(indexes), written, text);
    assert.equal(countIndexes(indexes), count, text);
  }
});

test('sets are joined, and what they lack is found', () => {
  const some = parseIndexes('1,3-5', 10);
  assert.equal(formatIndexes(withIndexes(some, [2, 9, 4])), '1-5,9');
  assert.deepEqual([0, 1, 2, 4].map((each) => hasIndex(some, each)), [false, true, false, true]);
  assert.deepEqual(lowestOutside(some, 3, 8), [0, 2, 6]);
  assert.deepEqual(lowestOutside(some, 9, 7), [0, 2, 6]);
  assert.equal(countCommon(some, parseIndexes('0-3,5', 10)), 3);
});

test('a text of indexes is judged', () => {
  assert.deepEqual(checkIndexes('0,2-4', 5), { total: 4 });
  const table: [string, string][] = [
    ['5', 'too large index: "5"'], ['2,1', 'non-increasing order, previous: 2, current: 1'], ['3-3', 'non-increasing order, previous: 3, current: 3'],
    ['a', 'cannot convert string to integer for index: "a"'], ['1-2-3', `the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`],
  ];
  for (const [text, error] of table) assert.deepEqual(checkIndexes(text, 5), { error }, text);
});
