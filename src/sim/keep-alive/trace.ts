/** Recorded invocations of functions or models, by the minute, read from CSV (gzip or plain) with a header row. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { UnitFacts } from '../../base/keep-alive/features.ts';
import { numberOf, readRows } from '../csv.ts';

export interface InvokedUnit {
  readonly id: string;
  readonly facts: UnitFacts;
  /** The minutes in which it was invoked, in order, from 0. */
  readonly minutes: readonly number[];
}

export interface InvocationTrace {
  readonly name: string;
  readonly minutes: number;
  readonly units: readonly InvokedUnit[];
}

const UNIT_COLUMNS = ['function_id', 'model_id'];

/**
 * A trace has a unit (`function_id` or `model_id`) and a time (`minute_offset`, or `arrival_s` in seconds) a row. A file beside it whose name ends in `_meta` in place of `_1min` may tell
 * `trigger`, `app_id` and `app_memory_avg_mb` of each function. Throws an Error that names what is missing.
 */
export function readInvocations(path: string): InvocationTrace {
  const rows = readRows(path);
  const columns = Object.keys(rows[0] ?? {});
  const unitColumn = UNIT_COLUMNS.find((column) => columns.includes(column));
  const bySecond = columns.includes('arrival_s');
  if (unitColumn === undefined || (!bySecond && !columns.includes('minute_offset'))) throw new Error(`${path} needs a column ${UNIT_COLUMNS.join(' or ')} and a column minute_offset or arrival_s; it has ${columns.join(', ') || 'none'}`);
  const byUnit = new Map<string, Set<number>>();
  let [first, last] = [Infinity, 0];
  for (const [index, row] of rows.entries()) {
    const minute = bySecond ? Math.floor(numberOf(row, 'arrival_s', path, index) / 60) : numberOf(row, 'minute_offset', path, index);
    [first, last] = [Math.min(first, minute), Math.max(last, minute)];
    const minutes = byUnit.get(row[unitColumn]!) ?? new Set();
    byUnit.set(row[unitColumn]!, minutes.add(minute));
  }
  const facts = readFacts(path);
  const units = [...byUnit].map(([id, minutes]): InvokedUnit => ({ id, facts: facts.get(id) ?? {}, minutes: [...minutes].map((minute) => minute - first).sort((one, other) => one - other) }));
  return { name: basename(path).replace(/^inv_/, '').replace(/\.csv(\.gz)?$/, ''), minutes: last - first + 1, units };
}

function readFacts(path: string): Map<string, UnitFacts> {
  const beside = path.replace(/_1min(?=\.csv)/, '_meta');
  if (beside === path || !existsSync(beside)) return new Map();
  return new Map(readRows(beside).map((row) => [row['function_id'] ?? '', { trigger: row['trigger'], group: row['app_id'], ...(Number(row['app_memory_avg_mb']) > 0 && { memoryMiB: Number(row['app_memory_avg_mb']) }) }]));
}
