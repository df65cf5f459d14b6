import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNumber } from './signal.ts';

test('signals by their names and numbers', () => {
  const cases: [string, number | undefined][] = [
    ['SIGTERM', 15], ['TERM', 15], ['sigquit', 3], ['9', 9], ['SIGCLD', 17], ['SIGRTMIN', 34], ['SIGRTMIN+3', 37], ['RTMIN+3', 37], ['SIGRTMAX-14', 50], ['SIGRTMAX', 64], ['37', 37],
    ['SIGRTMIN+31', undefined], ['SIGRTMAX+1', undefined], ['SIGFOO', undefined], ['0', undefined], ['65', undefined], ['', undefined],
  ];
  for (const [name, number] of cases) assert.equal(signalNumber(name), number, name);
});
