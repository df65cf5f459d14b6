/** Rows of a CSV file, gzip or plain, with a header row and without quotes: recorded traces are tables of numbers and names. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export type Row = Readonly<Record<string, string>>;

export function readRows(path: string): Row[] {
  const bytes = readFileSync(path);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8').trim();
  const [head, ...lines] = text.split(/\r?\n/);
  const columns = head!.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(columns.map((column, index) => [column, fields[index] ?? '']));
  });
}

/** Throws an Error that names file, row and column when the value is no number that is not negative. */
export function numberOf(row: Row, column: string, path: string, index: number): number {
  const value = Number(row[column]);
  if (row[column] === '' || !Number.isFinite(value) || value < 0) throw new Error(`${path}, row ${index + 1}: ${column} is '${row[column]}', and must be a number that is not negative`);
  return value;
}
