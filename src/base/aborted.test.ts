import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { it } from 'node:test';
import { aborted, untilAborted } from './aborted.ts';

const NEVER = new Promise<never>(() => {});

it('a signal is waited for, and one that has aborted before is not', async () => {
  const ending = new AbortController();
  let isOver = false;
  const waiting = aborted(ending.signal).then(() => { isOver = true; });
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  ending.abort();
  await waiting;
  await aborted(ending.signal);
});

it('work is waited for until the signal aborts, also where it has aborted before', async () => {
  const ending = new AbortController();
  await untilAborted(Promise.resolve(), ending.signal);
  await assert.rejects(untilAborted(Promise.reject(new Error('what was asked')), ending.signal), /what was asked/);
  assert.equal(getEventListeners(ending.signal, 'abort').length, 0);
  const waiting = untilAborted(NEVER, ending.signal);
  ending.abort();
  await waiting;
  await untilAborted(NEVER, ending.signal);
  await untilAborted(Promise.reject(new Error('too late')), ending.signal);
});
