/**
 * Schedules of CronJobs: the five standard fields of cron with names, lists, ranges and steps, the @ words, and `@every DURATION`, in a
 * time zone (upstream: robfig/cron v3, ParseStandard). Pure. Times are ms since the epoch.
 */
import { parseDuration } from '../times.ts';
import { wallTimeOf, instantOf, type WallTime } from './wall-time.ts';

export interface Schedule {
  /** The first time after `afterMs`; undefined when there is none within five years. */
  next(afterMs: number): number | undefined;
}

interface Bounds {
  least: number;
  most: number;
  names?: readonly string[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const YEARS_AHEAD = 5;

const FIELDS: readonly Bounds[] = [
  { least: 0, most: 59 }, { least: 0, most: 23 }, { least: 1, most: 31 },
  { least: 1, most: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

const WORDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
};

/** Throws Error with upstream's words. `timeZone` is an IANA name; the text may name one itself (`TZ=...`). */
export function parseSchedule(text: string, timeZone: string): Schedule {
  if (text === '') throw new Error('empty spec string');
  const named = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/s.exec(text);
  if (named !== null) return parseSchedule(named[2]!.trim(), checkZone(named[1]!));
  const every = /^@every (.*)$/.exec(text);
  if (every !== null) return everySchedule(text, every[1]!);
  if (text.startsWith('@') && WORDS[text] === undefined) throw new Error(`unrecognized descriptor: ${text}`);
  const fields = (WORDS[text] ?? text).split(/\s+/).filter((each) => each !== '');
  if (fields.length !== FIELDS.length) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute, hour, day, month, weekday] = fields.map((field, index) => parseField(field, FIELDS[index]!)) as [Field, Field, Field, Field, Field];
  return fieldSchedule({ minute, hour, day, month, weekday }, timeZone);
}

/** Gives the zone. Throws Error when there is none of that name. */
export function checkZone(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return timeZone;
  } catch {
    throw new Error(`unknown time zone ${timeZone}`);
  }
}

function everySchedule(text: string, duration: string): Schedule {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)((\d+(\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns))*$/.test(duration)) throw new Error(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`);
  const seconds = Math.max(1, Math.floor(parseDuration(duration) / 1e9));
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + seconds * 1000 };
}

interface Field {
  values: ReadonlySet<number>;
  /** Says `*` or `?`: for days, the other field decides. */
  any: boolean;
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter((each) => each !== '')) any = addRange(part, bounds, values) || any;
  return { values, any };
}

/** Gives whether the part is a star of step 1. */
function addRange(text: string, bounds: Bounds, values: Set<number>): boolean {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [first = '', last, ...moreEnds] = range.split('-');
  const star = first === '*' || first === '?';
  if (moreEnds.length > 0) throw new Error(`too many hyphens: ${text}`);
  const start = star ? bounds.least : numberOf(first, bounds);
  let end = star ? bounds.most : last === undefined ? start : numberOf(last, bounds);
  if (moreSteps.length > 0) throw new Error(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : numberOf(stepText, { least: 0, most: 0 });
  // `N/step` means from N to the end.
  if (stepText !== undefined && last === undefined) end = bounds.most;
  if (start < bounds.least) throw new Error(`beginning of range (${start}) below minimum (${bounds.least}): ${text}`);
  if (end > bounds.most) throw new Error(`end of range (${end}) above maximum (${bounds.most}): ${text}`);
  if (start > end) throw new Error(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new Error(`step of range should be a positive number: ${text}`);
  for (let value = start; value <= end; value += step) values.add(value);
  return star && step === 1;
}

function numberOf(text: string, { names, least }: Bounds): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + least;
  if (/^-\d+$/.test(text)) throw new Error(`negative number (${Number(text)}) not allowed: ${text}`);
  if (!/^\+?\d+$/.test(text)) throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

interface Fields {
  minute: Field;
  hour: Field;
  day: Field;
  month: Field;
  weekday: Field;
}

/** Steps through instants, so that a wall time which a change of the clock leaves out is left out, and one that comes twice runs twice. */
function fieldSchedule(fields: Fields, timeZone: string): Schedule {
  return {
    next(afterMs) {
      let atMs = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
      let wall = wallTimeOf(atMs, timeZone);
      const lastYear = wall.year + YEARS_AHEAD;
      for (; wall.year <= lastYear; wall = wallTimeOf(atMs, timeZone)) {
        const later = laterStart(fields, wall, atMs, timeZone);
        if (later === undefined) return atMs;
        atMs = later;
      }
      return undefined;
    },
  };
}

/** Where to look next when the wall time does not match: the start of the next month, day, hour, or minute. */
function laterStart(fields: Fields, wall: WallTime, atMs: number, timeZone: string): number | undefined {
  const startOf = (wanted: Pick<WallTime, 'year' | 'month' | 'day'>): number => Math.max(instantOf({ ...wanted, hour: 0, minute: 0 }, timeZone), atMs + MINUTE_MS);
  if (!fields.month.values.has(wall.month)) return startOf({ year: wall.year, month: wall.month + 1, day: 1 });
  if (!matchesDay(fields, wall)) return startOf({ year: wall.year, month: wall.month, day: wall.day + 1 });
  if (!fields.hour.values.has(wall.hour)) return atMs - wall.minute * MINUTE_MS + HOUR_MS;
  return fields.minute.values.has(wall.minute) ? undefined : atMs + MINUTE_MS;
}

/** Where both days are restricted, either is enough. */
function matchesDay({ day, weekday }: Fields, wall: WallTime): boolean {
  const [byDay, byWeekday] = [day.values.has(wall.day), weekday.values.has(wall.weekday)];
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday;
}
