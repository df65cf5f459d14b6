/** Plain text tables: columns as wide as their widest cell, three spaces apart, as kubectl prints them. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()).join('\n');
}

/** Three decimals, or as many more as show two digits of what is little; at most six. */
export function amountText(value: number): string {
  if (value === 0) return '0';
  const more = Math.abs(value) >= 0.1 ? 3 : 1 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(3, more)));
}
