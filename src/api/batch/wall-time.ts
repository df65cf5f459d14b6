/** What a clock on the wall shows in a time zone, and back. Pure. */

export interface WallTime {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  /** 0 is Sunday. */
  weekday: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

export function wallTimeOf(atMs: number, timeZone: string): WallTime {
  const shown = new Date(atMs + offsetMs(atMs, timeZone));
  return { year: shown.getUTCFullYear(), month: shown.getUTCMonth() + 1, day: shown.getUTCDate(), hour: shown.getUTCHours(), minute: shown.getUTCMinutes(), weekday: shown.getUTCDay() };
}

/** A day or month beyond the last counts on; a wall time that does not exist gives one beside it. */
export function instantOf({ year, month, day, hour, minute }: Omit<WallTime, 'weekday'>, timeZone: string): number {
  const shownMs = Date.UTC(year, month - 1, day, hour, minute);
  const guessMs = shownMs - offsetMs(shownMs, timeZone);
  return shownMs - offsetMs(guessMs, timeZone);
}

/** RFC 3339 with the offset of the zone: `2026-11-21T23:00:00+01:00`. */
export function formatInZone(atMs: number, timeZone: string): string {
  const offset = offsetMs(atMs, timeZone);
  const shown = new Date(atMs + offset).toISOString().slice(0, 19);
  if (offset === 0) return `${shown}Z`;
  const minutes = Math.abs(offset) / 60_000;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${shown}${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function offsetMs(atMs: number, timeZone: string): number {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return 0;
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en', { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)])) as Record<string, number>;
  const shownMs = Date.UTC(parts['year']!, parts['month']! - 1, parts['day'], parts['hour'], parts['minute'], parts['second']);
  return shownMs - Math.floor(atMs / 1000) * 1000;
}
