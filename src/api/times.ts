/** Times and durations as Kubernetes writes them, and as seconds and nanoseconds (protobuf). */

export interface Timestamp { seconds: number; nanos: number }

/** Reads RFC 3339 with any fraction and offset; undefined when it is none. */
export function parseTime(text: string): Timestamp | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  return Number.isNaN(ms) ? undefined : { seconds: ms / 1000, nanos: Number((match[2] ?? '').padEnd(9, '0').slice(0, 9)) };
}

/** `2026-01-02T03:04:05Z`, with `digits` of a fraction (0 or 6). */
export function formatTime({ seconds, nanos }: Timestamp, digits: 0 | 6): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return '0001-01-01T00:00:00Z';
  const whole = date.toISOString().replace(/\.\d+Z$/, '');
  return digits === 0 ? `${whole}Z` : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

const MAX_DURATION_LENGTH = 200;
const UNITS: [string, number][] = [['h', 3_600_000_000_000], ['m', 60_000_000_000], ['s', 1_000_000_000], ['ms', 1_000_000], ['us', 1000], ['µs', 1000], ['ns', 1]];

/** Go's duration text (`1m30s`) in nanoseconds; 0 when it is none. */
export function parseDuration(text: string): number {
  let total = 0;
  // Looking for units from every digit on costs more than in proportion; no duration is longer.
  if (text.length > MAX_DURATION_LENGTH) return 0;
  for (const [, number = '0', unit = ''] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)/g)) total += Number(number) * (UNITS.find(([name]) => name === unit)?.[1] ?? 0);
  return Math.round(text.startsWith('-') ? -total : total);
}

/** Nanoseconds as Go writes a duration: `1h0m0s`, `1.5s`, `10ms`. */
export function formatDuration(nanos: number): string {
  if (nanos === 0) return '0s';
  const sign = nanos < 0 ? '-' : '';
  const size = Math.abs(nanos);
  if (size < 1000) return `${sign}${size}ns`;
  if (size < 1_000_000) return `${sign}${size / 1000}µs`;
  if (size < 1_000_000_000) return `${sign}${size / 1_000_000}ms`;
  const [hours, minutes] = [Math.floor(size / 3_600_000_000_000), Math.floor(size / 60_000_000_000) % 60];
  const seconds = (size % 60_000_000_000) / 1_000_000_000;
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
