/** Periods of UTC: hours, days, months, and the windows that people ask for. Pure. */
import { rfc3339 } from '../../base/clock.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The end is not in it. */
export interface Period {
  startMs: number;
  endMs: number;
}

export function hourOf(timeMs: number): Period {
  const startMs = Math.floor(timeMs / HOUR_MS) * HOUR_MS;
  return { startMs, endMs: startMs + HOUR_MS };
}

export function dayOf(timeMs: number): Period {
  const startMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
  return { startMs, endMs: startMs + DAY_MS };
}

export function monthOf(timeMs: number): Period {
  const date = new Date(timeMs);
  return { startMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth()), endMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) };
}

/** How long two periods are one, in ms. */
export function overlapMs(left: Period, right: Period): number {
  return Math.max(0, Math.min(left.endMs, right.endMs) - Math.max(left.startMs, right.startMs));
}

/** The period in parts of at most `stepMs`, the first beginning with it. */
export function stepsOf({ startMs, endMs }: Period, stepMs: number): Period[] {
  const steps: Period[] = [];
  for (let from = startMs; from < endMs; from += stepMs) steps.push({ startMs: from, endMs: Math.min(endMs, from + stepMs) });
  return steps;
}

export const CALENDAR = ['hour', 'day', 'week', 'month', 'quarter'] as const;

/** The hours, days, ... that are in the period, whole or in part; what is of the first and the last goes no further than the period. */
export function calendarOf(period: Period, unit: (typeof CALENDAR)[number]): Period[] {
  const parts: Period[] = [];
  for (let part = around(period.startMs, unit); part.startMs < period.endMs; part = around(part.endMs, unit)) parts.push({ startMs: Math.max(part.startMs, period.startMs), endMs: Math.min(part.endMs, period.endMs) });
  return parts;
}

function around(timeMs: number, unit: (typeof CALENDAR)[number]): Period {
  if (unit === 'hour') return hourOf(timeMs);
  if (unit === 'day') return dayOf(timeMs);
  if (unit === 'month') return monthOf(timeMs);
  const date = new Date(timeMs);
  if (unit === 'quarter') return { startMs: Date.UTC(date.getUTCFullYear(), 3 * Math.floor(date.getUTCMonth() / 3)), endMs: Date.UTC(date.getUTCFullYear(), 3 * Math.floor(date.getUTCMonth() / 3) + 3) };
  const startMs = dayOf(timeMs).startMs - date.getUTCDay() * DAY_MS;
  return { startMs, endMs: startMs + 7 * DAY_MS };
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };

/** `30m`, `12h`, `7d`, `2w` in ms; throws RangeError. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (unit === undefined || Number(number) === 0) throw new RangeError(`${JSON.stringify(text)} is no duration: write for instance 30m, 12h, 7d or 2w`);
  return Number(number) * UNITS[unit]!;
}

/**
 * OpenCost's windows: today, yesterday, week, lastweek, month, lastmonth; a month such as 2026-11; a duration up to now; two times with a comma between, RFC 3339 or
 * seconds since the epoch. Weeks begin on Sundays, and this one and this month go to now; durations are of whole days, today included: `7d` is today and the six days before,
 * but `7d offset 1d` ended a day ago, to the second. `wholeHours`: hours and minutes are whole ones, too, as OpenCost has them; else they end now. Throws RangeError with what can be written.
 */
export function parseWindow(text: string, nowMs: number, { wholeHours = false } = {}): Period {
  const today = dayOf(nowMs);
  const week = today.startMs - new Date(nowMs).getUTCDay() * DAY_MS;
  const month = monthOf(nowMs);
  const named: Readonly<Record<string, Period>> = {
    today, yesterday: dayOf(nowMs - DAY_MS), week: { startMs: week, endMs: nowMs }, lastweek: { startMs: week - 7 * DAY_MS, endMs: week }, month: { startMs: month.startMs, endMs: nowMs }, lastmonth: monthOf(month.startMs - 1),
  };
  if (Object.hasOwn(named, text)) return named[text]!;
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return monthOf(Date.parse(`${text}-01T00:00:00Z`));
  if (text.includes(',') || /^\d+[-|]\d+$/.test(text)) return pairOf(text);
  const [duration = '', offset] = text.split(' offset ');
  const durationMs = parseDuration(duration);
  if (offset !== undefined) return { startMs: nowMs - parseDuration(offset) - durationMs, endMs: nowMs - parseDuration(offset) };
  const unitMs = /[dw]$/.test(text) ? DAY_MS : text.endsWith('h') ? HOUR_MS : 60_000;
  if (unitMs < DAY_MS && !wholeHours) return { startMs: nowMs - durationMs, endMs: nowMs };
  const endMs = Math.floor(nowMs / unitMs) * unitMs + unitMs;
  return { startMs: endMs - durationMs, endMs };
}

function pairOf(text: string): Period {
  const [startMs = Number.NaN, endMs = Number.NaN, ...more] = text.split(/[,|]|(?<=^\d+)-/).map((each) => (/^\d+$/.test(each) ? Number(each) * 1_000 : Date.parse(each)));
  if (!(endMs > startMs) || more.length > 0 || endMs - startMs > 3_660 * DAY_MS) throw new RangeError(`${JSON.stringify(text)} is no window: write two times, the earlier first, for instance 2026-11-01T00:00:00Z,2026-11-08T00:00:00Z`);
  return { startMs, endMs };
}

/** `2026-11-22t03` for an hour, `2026-11-22` for a day: part of the name of a record. */
export function nameOfPeriod({ startMs, endMs }: Period): string {
  return rfc3339(startMs).slice(0, endMs - startMs >= DAY_MS ? 10 : 13).toLowerCase();
}
