import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../../api/generated/batch-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { excessJobs, tallyJobs } from './active.ts';
import { dueTime, scheduleOf, untilNextMs } from './due.ts';
import { jobOfTime } from './job.ts';

const NOW_MS = Date.parse('2026-11-21T22:30:20Z');

function cron(schedule: string, spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    metadata: { name: 'tick', namespace: 'default', uid: 'c1', creationTimestamp: '2026-11-21T20:00:30Z' },
    spec: { schedule, timeZone: 'Etc/UTC', jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template: {} } }, successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1, ...spec }, status,
  };
}

test('what was missed last is due, within the deadline', () => {
  const table: [string, CronJob, string | undefined, boolean][] = [
    ['none yet', cron('0 23 * * *'), undefined, false],
    ['one', cron('0 22 * * *'), '22:00:00', false],
    ['the last of several', cron('*/10 * * * *'), '22:30:00', false],
    ['after the last one', cron('*/10 * * * *', {}, { lastScheduleTime: '2026-11-21T22:30:00Z' }), undefined, false],
    ['more than a hundred', cron('* * * * *'), '22:30:00', true],
    ['not more since the deadline', cron('* * * * *', { startingDeadlineSeconds: 200 }), '22:30:00', false],
    ['too late', cron('0 * * * *', { startingDeadlineSeconds: 60 }), undefined, false],
    ['every', cron('@every 1h'), '22:00:30', false],
  ];
  for (const [why, of, wanted, tooManyMissed] of table) {
    const due = dueTime(of, scheduleOf(of), NOW_MS);
    assert.deepEqual([due.atMs === undefined ? undefined : rfc3339(due.atMs).slice(11, 19), due.tooManyMissed], [wanted, tooManyMissed], why);
  }
  const never = cron('0 0 31 2 *');
  assert.throws(() => dueTime(never, scheduleOf(never), NOW_MS), /time difference between two schedules is less than 1 second/);
});

test('it looks again when the schedule comes next', () => {
  const next = (of: CronJob): number | undefined => untilNextMs(of, scheduleOf(of), NOW_MS);
  assert.equal(next(cron('*/10 * * * *', {}, { lastScheduleTime: '2026-11-21T22:30:00Z' })), 580_100);
  assert.equal(next(cron('0 23 * * *')), 1_780_100);
  assert.equal(next(cron('*/10 * * * *', {}, { lastScheduleTime: '2026-11-21T22:40:00Z' })), 1_180_100, 'a clock may go back a little');
  assert.equal(next(cron('*/10 * * * *', {}, { lastScheduleTime: '2026-11-22T22:30:00Z' })), 580_100, 'what ran tomorrow was of a wrong clock');
});

test('a job bears the minute in its name, and the time in its zone', () => {
  const { metadata } = jobOfTime(cron('* * * * *', { timeZone: 'Europe/Berlin' }), Date.parse('2026-11-21T22:30:00Z'));
  assert.equal(metadata.name, `tick-${Date.parse('2026-11-21T22:30:00Z') / 60_000}`);
  assert.deepEqual([metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], metadata.labels], ['2026-11-21T23:30:00+01:00', { a: 'b' }]);
});

test('finished jobs leave the list of active ones, and the oldest go', () => {
  const job = (name: string, type?: 'Complete' | 'Failed', hour = 10): Job => ({
    metadata: { name, uid: name }, status: { startTime: `2026-11-21T${hour}:00:00Z`, ...(type === undefined ? {} : { completionTime: `2026-11-21T${hour}:05:00Z`, conditions: [{ type, status: 'True' }] }) },
  });
  const of = cron('* * * * *', {}, { active: ['runs', 'done', 'gone'].map((name) => ({ name, uid: name })) });
  const jobs = [job('runs'), job('done', 'Complete', 12), job('older', 'Complete', 11), job('bad', 'Failed'), job('stranger')];
  const { status, events, missing } = tallyJobs(of, jobs);
  assert.deepEqual(status, { active: [{ name: 'runs', uid: 'runs' }, { name: 'gone', uid: 'gone' }], lastSuccessfulTime: '2026-11-21T12:05:00Z' });
  assert.deepEqual([events.map(({ reason }) => reason), missing.map(({ name }) => name)], [['SawCompletedJob', 'UnexpectedJob'], ['gone']]);
  assert.deepEqual(excessJobs(of, jobs).map(({ metadata }) => metadata.name), ['older']);
});
