/** Recorded load of a service, read from CSV (gzip or plain) with a header row: a column of times and one of requests. */
import { basename } from 'node:path';
import { numberOf, readRows, type Row } from '../csv.ts';

/** One value a step of the loop. */
export interface LoadTrace {
  readonly name: string;
  /** Ms since the epoch; traces that tell no date begin on Monday, 1 January 2024. */
  readonly startMs: number;
  /** What is asked for, in replicas that are wholly busy with it. */
  readonly load: Float64Array;
}

export const STEP_SECONDS = 15;
/** A replica that is busier than that answers late. */
export const LIMIT_UTILISATION = 0.8;
const MEAN_REPLICAS = 20;
const NO_DATE_MS = Date.UTC(2024, 0, 1);
const TIME_COLUMNS = ['time_utc', 'time_local', 'time_offset_s'];

/**
 * Between the recorded values the load is interpolated, and scaled so that its mean keeps 20 replicas busy up to the limit. `mostDays` takes the first days alone.
 * Throws an Error that names what is missing.
 */
export function readLoadTrace(path: string, { mostDays = Infinity }: { mostDays?: number } = {}): LoadTrace {
  const rows = readRows(path);
  const columns = Object.keys(rows[0] ?? {});
  const timeColumn = TIME_COLUMNS.find((column) => columns.includes(column));
  const loadColumn = columns.find((column) => column !== timeColumn);
  if (timeColumn === undefined || loadColumn === undefined) throw new Error(`${path} needs a column of times (one of ${TIME_COLUMNS.join(', ')}) and one of load; it has ${columns.join(', ') || 'none'}`);
  const timeOf = (row: Row, index: number): number => (timeColumn === 'time_offset_s' ? NO_DATE_MS + numberOf(row, timeColumn, path, index) * 1_000 : dateOf(row[timeColumn]!, path, index));
  const points = rows.map((row, index) => ({ atMs: timeOf(row, index), value: numberOf(row, loadColumn, path, index) }));
  for (const [index, { atMs }] of points.entries()) if (index > 0 && atMs <= points[index - 1]!.atMs) throw new Error(`${path}, row ${index + 1}: times must go up`);
  return { name: basename(path).replace(/^req_/, '').replace(/\.csv(\.gz)?$/, ''), startMs: points[0]!.atMs, load: scaled(interpolate(points, mostDays)) };
}

function dateOf(text: string, path: string, index: number): number {
  const atMs = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  if (Number.isNaN(atMs)) throw new Error(`${path}, row ${index + 1}: '${text}' is no time`);
  return atMs;
}

function interpolate(points: readonly { atMs: number; value: number }[], mostDays: number): Float64Array {
  const [first, last] = [points[0]!, points.at(-1)!];
  const steps = Math.floor(Math.min(last.atMs - first.atMs, mostDays * 86_400_000) / (STEP_SECONDS * 1_000)) + 1;
  let index = 0;
  return Float64Array.from({ length: steps }, (_, step) => {
    const atMs = first.atMs + step * STEP_SECONDS * 1_000;
    while (index + 1 < points.length && points[index + 1]!.atMs <= atMs) index++;
    const [before, after] = [points[index]!, points[index + 1] ?? points[index]!];
    return after === before ? before.value : before.value + ((after.value - before.value) * (atMs - before.atMs)) / (after.atMs - before.atMs);
  });
}

/** So that `mean / limit` is the mean number of replicas. */
export function scaled(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean === 0 ? values : values.map((value) => (value * MEAN_REPLICAS * LIMIT_UTILISATION) / mean);
}
