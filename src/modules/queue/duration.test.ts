import assert from 'node:assert/strict';
import { it } from 'node:test';
import { durationSeconds } from './duration.ts';

const CASES: readonly [string, number | undefined][] = [
  ['90', 90], ['90s', 90], ['1.5', 1.5], ['15m', 900], ['2h30m', 9_000], ['2h30', 7_230], ['1d', 86_400], ['250ms', 0.25], ['1.5h', 5_400],
  ['', undefined], ['0', undefined], ['0s', undefined], ['-5m', undefined], ['5 m', undefined], ['m', undefined], ['1.52.5', undefined], ['1w', undefined], ['1e3', undefined], ['Infinity', undefined], ['9'.repeat(33), undefined],
];
for (const [text, seconds] of CASES) it(`${JSON.stringify(text)} is ${seconds ?? 'none'}`, () => assert.equal(durationSeconds(text), seconds));

it('digits that end in no unit are refused at once: whoever writes an annotation must not hold up everybody', () => {
  for (let number = 0; number < 1_000; number++) assert.equal(durationSeconds(`${String(number).padStart(31, '1')}x`), undefined);
});
