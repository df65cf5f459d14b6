/** RFC 4180: a line a row, null as nothing, quotes where they are needed. Numbers are plain decimals. Pure. */
export function toCsv<C extends string>(columns: readonly C[], rows: readonly Readonly<Record<C, string | number | null>>[]): string {
  return [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))].map((line) => `${line}\r\n`).join('');
}

function cell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'number' ? decimal(value) : value;
  // A text that a spreadsheet would take for a formula comes from names that anybody may choose.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Never with an exponent, which readers of bills stumble over. */
function decimal(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(12).replace(/0+$/, '').replace(/\.$/, '');
}
