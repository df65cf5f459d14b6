/** From lines as the monitor writes them to what is sent: the words of the container, as the options want them. */
import { messageOf, parseLine, type LogLine } from './line.ts';
import type { LogOptions } from './options.ts';

export interface Formatter {
  /** Of whole lines. */
  format(lines: Buffer): Buffer;
  /** As many bytes were given as may be. */
  full(): boolean;
}

export function formatter(options: LogOptions): Formatter {
  const all = options.sinceMs === undefined && options.stream === undefined && !options.timestamps;
  const words = all ? wordsOf : chosenWords(options);
  let left = options.limitBytes ?? Infinity;
  return {
    format(lines) {
      const bytes = words(lines).subarray(0, left);
      left -= bytes.length;
      return bytes;
    },
    full: () => left <= 0,
  };
}

function chosenWords(options: LogOptions): (lines: Buffer) => Buffer {
  let fresh = true;
  const text = (line: LogLine): string => {
    const stamp = options.timestamps && fresh ? `${line.time.replace(/\+00:00$/, 'Z')} ` : '';
    fresh = !line.partial;
    return `${stamp}${line.message}${line.partial ? '' : '\n'}`;
  };
  return (lines) => {
    let all = '';
    for (const each of lines.toString('utf8').split('\n')) {
      const line = parseLine(each);
      if (line === undefined || (options.sinceMs !== undefined && line.timeMs < options.sinceMs) || (options.stream !== undefined && line.stream !== options.stream)) continue;
      all += text(line);
    }
    return Buffer.from(all);
  };
}

const [NEW_LINE, SPACE, PARTIAL, T, S] = [10, 32, 80, 84, 115] as const;
/** The monitor's `2026-11-21T22:00:01.123456789+00:00 stdout F `. */
const HEAD_BYTES = 45;
const [TIME_BYTE, STREAM_BYTE, TAG_BYTE] = [10, 36, 43] as const;

/** All of it, bytes copied and nothing parsed: a container may write millions of lines a second, and others wait meanwhile. */
function wordsOf(lines: Buffer): Buffer {
  const words = Buffer.allocUnsafe(lines.length);
  let length = 0;
  for (let from = 0; from < lines.length;) {
    const found = lines.indexOf(NEW_LINE, from);
    const end = found < 0 ? lines.length : found;
    if (hasHead(lines, from, end)) {
      const withEnd = lines[from + TAG_BYTE] === PARTIAL ? end : end + 1;
      length += lines.copy(words, length, from + HEAD_BYTES, withEnd);
    } else length += words.write(messageOf(lines.toString('utf8', from, end)), length);
    from = end + 1;
  }
  return words.subarray(0, length);
}

function hasHead(lines: Buffer, from: number, end: number): boolean {
  return end - from >= HEAD_BYTES && lines[from + TIME_BYTE] === T && lines[from + STREAM_BYTE - 1] === SPACE && lines[from + STREAM_BYTE] === S && lines[from + TAG_BYTE - 1] === SPACE && lines[from + HEAD_BYTES - 1] === SPACE;
}
