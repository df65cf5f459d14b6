/** When a CronJob is due (upstream: cronjob/utils.go). Pure. */
import type { CronJob } from '../../../api/generated/batch-v1.ts';
import { parseSchedule, type Schedule } from '../../../api/batch/cron-schedule.ts';

/** So late after the time, so that clocks which differ a little do not make it early. */
const MARGIN_MS = 100;
const MANY = 100;
/** A time so far ahead is of a clock that was wrong and was set back: it is no reason to wait. */
const AHEAD_MS = 600_000;

export interface Due {
  /** The last time that was missed; undefined when none is due. */
  atMs: number | undefined;
  /** More were missed than can be right. */
  tooManyMissed: boolean;
}

/** The zone of the machine is that of schedules that name none. */
export function zoneOf({ spec }: CronJob): string {
  return spec?.timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function scheduleOf(cronJob: CronJob): Schedule {
  return parseSchedule(cronJob.spec?.schedule ?? '', zoneOf(cronJob));
}

/** What is due now. Throws Error when the schedule never comes. */
export function dueTime(cronJob: CronJob, schedule: Schedule, nowMs: number): Due {
  const { atMs, missed } = lastMissed(cronJob, schedule, nowMs, { withDeadline: true });
  return { atMs, tooManyMissed: missed > MANY };
}

/** Ms until the schedule comes next. */
export function untilNextMs(cronJob: CronJob, schedule: Schedule, nowMs: number): number | undefined {
  let fromMs: number;
  try {
    const { earliestMs, atMs, missed } = lastMissed(cronJob, schedule, nowMs, { withDeadline: false });
    fromMs = atMs ?? (missed === 0 ? earliestMs : nowMs);
  } catch {
    fromMs = nowMs;
  }
  const nextMs = schedule.next(fromMs);
  return nextMs === undefined ? undefined : Math.max(1, nextMs + MARGIN_MS - nowMs);
}

function lastMissed({ metadata, spec, status }: CronJob, schedule: Schedule, nowMs: number, { withDeadline }: { withDeadline: boolean }): { earliestMs: number; atMs: number | undefined; missed: number } {
  let earliestMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? '');
  if (earliestMs - nowMs > AHEAD_MS) earliestMs = nowMs;
  const deadline = spec?.startingDeadlineSeconds;
  if (withDeadline && deadline !== undefined) earliestMs = Math.max(earliestMs, nowMs - Number(deadline) * 1000);
  const first = schedule.next(earliestMs);
  const second = first === undefined ? undefined : schedule.next(first);
  if (first === undefined || second === undefined) throw new Error('time difference between two schedules is less than 1 second');
  if (nowMs < first) return { earliestMs, atMs: undefined, missed: 0 };
  if (nowMs < second) return { earliestMs, atMs: first, missed: 0 };
  const missed = Math.floor((nowMs - first) / (second - first)) + 1;
  // Near the end by steps of the first interval, and from there exactly: intervals may differ.
  let atMs: number | undefined;
  for (let each = schedule.next(first + (missed - 2) * (second - first)); each !== undefined && each <= nowMs; each = schedule.next(each)) atMs = each;
  return { earliestMs, atMs, missed };
}
