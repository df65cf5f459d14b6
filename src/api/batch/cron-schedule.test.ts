import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSchedule } from './cron-schedule.ts';
import { formatInZone } from './wall-time.ts';

function next(text: string, after: string, timeZone = 'UTC', count = 1): string {
  const schedule = parseSchedule(text, timeZone);
  let atMs: number | undefined = Date.parse(after);
  for (let index = 0; index < count && atMs !== undefined; index++) atMs = schedule.next(atMs);
  return atMs === undefined ? 'never' : formatInZone(atMs, timeZone);
}

test('schedules come when cron says', () => {
  const table: [string, string, string][] = [
    ['* * * * *', '2026-11-21T22:00:00Z', '2026-11-21T22:01:00Z'],
    ['* * * * *', '2026-11-21T22:00:59Z', '2026-11-21T22:01:00Z'],
    ['*/15 * * * *', '2026-11-21T22:45:00Z', '2026-11-21T23:00:00Z'],
    ['5/20 * * * *', '2026-11-21T22:06:00Z', '2026-11-21T22:25:00Z'],
    ['0 9-17/4 * * MON-FRI', '2026-11-21T22:00:00Z', '2026-11-23T09:00:00Z'],
    ['0 0 1 jan *', '2026-11-21T22:00:00Z', '2027-01-01T00:00:00Z'],
    ['0 0 13 * 5', '2026-11-21T22:00:00Z', '2026-11-27T00:00:00Z'], // either day is enough
    ['0 0 */2 * 5', '2026-11-21T22:00:00Z', '2026-11-23T00:00:00Z'],
    ['0 0 ? * 0', '2026-11-21T22:00:00Z', '2026-11-22T00:00:00Z'],
    ['0 0 29 2 *', '2026-11-21T22:00:00Z', '2028-02-29T00:00:00Z'],
    ['59 23 31 2 *', '2026-11-21T22:00:00Z', 'never'],
    ['@daily', '2026-11-21T22:00:00Z', '2026-11-22T00:00:00Z'],
    ['@yearly', '2026-11-21T22:00:00Z', '2027-01-01T00:00:00Z'],
    ['@every 1h30m', '2026-11-21T22:00:00.5Z', '2026-11-21T23:30:00Z'],
    ['1,2,40-42 3 * * *', '2026-11-21T03:02:00Z', '2026-11-21T03:40:00Z'],
  ];
  for (const [text, after, wanted] of table) assert.equal(next(text, after), wanted, text);
});

test('a time zone is kept through changes of the clock', () => {
  assert.equal(next('0 9 * * *', '2026-11-21T22:00:00Z', 'Europe/Berlin'), '2026-11-22T09:00:00+01:00');
  assert.equal(next('0 9 * * *', '2026-03-28T22:00:00Z', 'Europe/Berlin'), '2026-03-29T09:00:00+02:00');
  assert.equal(next('30 2 * * *', '2026-03-28T22:00:00Z', 'Europe/Berlin'), '2026-03-30T02:30:00+02:00', 'there is no 02:30 on that day');
  assert.equal(next('30 2 * * *', '2026-10-24T22:00:00Z', 'Europe/Berlin', 2), '2026-10-25T02:30:00+01:00', 'it comes twice');
  assert.equal(next('0 0 * * *', '2026-11-21T22:00:00Z', 'Asia/Kathmandu'), '2026-11-23T00:00:00+05:45');
  assert.equal(next('TZ=Asia/Tokyo 0 9 * * *', '2026-11-21T22:00:00Z'), '2026-11-22T00:00:00Z');
});

test('what is no schedule is refused with the reason', () => {
  const table: [string, RegExp][] = [
    ['', /empty spec string/], ['* * * *', /expected exactly 5 fields, found 4: \[\* \* \* \*\]/], ['60 * * * *', /end of range \(60\) above maximum \(59\): 60/],
    ['* * 0 * *', /beginning of range \(0\) below minimum \(1\): 0/], ['5-2 * * * *', /beginning of range \(5\) beyond end of range \(2\): 5-2/], ['*/0 * * * *', /step of range should be a positive number: \*\/0/],
    ['a * * * *', /failed to parse int from a/], ['1-2-3 * * * *', /too many hyphens: 1-2-3/], ['*/2/3 * * * *', /too many slashes/], ['@sometimes', /unrecognized descriptor: @sometimes/],
    ['@every x', /failed to parse duration @every x/], ['-5 * * * *', /failed to parse int from/], ['* * * * 7', /end of range \(7\) above maximum \(6\): 7/],
  ];
  for (const [text, message] of table) assert.throws(() => parseSchedule(text, 'UTC'), message, text);
});
