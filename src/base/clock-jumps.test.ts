import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { onClockJump } from './clock-jumps.ts';

test('who wants to know hears of a jump of the clock, once, and of nothing else', () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const now = Date.now();
  let offsetMs = 0;
  mock.method(Date, 'now', () => now + offsetMs);
  mock.method(performance, 'now', () => 0);
  try {
    const heard: string[] = [];
    const stops = ['one', 'other'].map((name) => onClockJump(() => heard.push(name)));
    const pass = (jumpMs: number): string[] => {
      offsetMs += jumpMs;
      mock.timers.tick(5_000);
      return heard.splice(0);
    };
    assert.deepEqual(pass(0), []);
    assert.deepEqual(pass(500), [], 'a clock that is put right by a little');
    assert.deepEqual(pass(86_400_000), ['one', 'other']);
    assert.deepEqual(pass(0), []);
    stops[0]!();
    assert.deepEqual(pass(-2 * 86_400_000), ['other']);
    stops[1]!();
    assert.deepEqual(pass(86_400_000), []);
    const again = onClockJump(() => heard.push('again'));
    assert.deepEqual(pass(0), [], 'it jumped while nobody wanted to know');
    again();
  } finally {
    mock.restoreAll();
    mock.timers.reset();
  }
});
