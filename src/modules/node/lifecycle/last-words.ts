/** The termination message of a container: its file, or the end of its log (core/v1 terminationMessagePolicy). */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { messageOf } from '../logs/line.ts';
import type { ContainerRecord } from './record.ts';

const MOST_BYTES = 4_096;
const MOST_LOG_BYTES = 2_048;
const MOST_LOG_LINES = 80;

export function lastWords(record: ContainerRecord, policy: string | undefined): string {
  const text = tail(record.terminationLog, MOST_BYTES).toString('utf8');
  if (text !== '' || policy !== 'FallbackToLogsOnError' || record.exit?.exitCode === 0) return text;
  const lines = tail(record.logPath, MOST_LOG_BYTES * 4).toString('utf8').split('\n').slice(-MOST_LOG_LINES - 1);
  return lines.map(messageOf).join('').slice(-MOST_LOG_BYTES);
}

function tail(file: string, mostBytes: number): Buffer {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.size === 0) return Buffer.alloc(0);
  const buffer = Buffer.alloc(Math.min(mostBytes, stat.size));
  const fd = openSync(file, 'r');
  try {
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, stat.size - buffer.length));
  } finally {
    closeSync(fd);
  }
}
