/** Lines of a container's log as the monitor writes them (CRI log format): `TIME stdout|stderr P|F MESSAGE`; P is a part of a longer line. */
export interface LogLine {
  /** RFC 3339 with nanoseconds and zone, as written. */
  time: string;
  timeMs: number;
  stream: 'stdout' | 'stderr';
  partial: boolean;
  message: string;
}

/** Gives undefined for what is no whole line. */
export function parseLine(line: string): LogLine | undefined {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const third = line.indexOf(' ', second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.slice(first + 1, second);
  const timeMs = Date.parse(line.slice(0, first));
  if ((stream !== 'stdout' && stream !== 'stderr') || Number.isNaN(timeMs)) return undefined;
  return { time: line.slice(0, first), timeMs, stream, partial: line.slice(second + 1, third).startsWith('P'), message: line.slice(third + 1) };
}

/** What the program wrote: the message, with its end of line unless it is a part. */
export function messageOf(line: string): string {
  const parsed = parseLine(line);
  return parsed === undefined ? '' : parsed.partial ? parsed.message : `${parsed.message}\n`;
}
