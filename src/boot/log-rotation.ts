/**
 * Keeps the log file bounded: when it has grown too large its text moves to FILE.1 and it begins anew. Works on whatever file standard
 * error is; a terminal, a pipe or journald are left alone.
 */
import { copyFileSync, fstatSync, ftruncateSync, readlinkSync } from 'node:fs';
import type { Log } from '../base/log.ts';

const STDERR = 2;
const MOST_BYTES = 16 * 1024 * 1024;
const EVERY_MS = 60_000;

/** Looks now and then; never keeps the process alive. */
export function rotateLog(log: Log): void {
  setInterval(() => {
    try {
      rotateFile(STDERR, MOST_BYTES);
    } catch (error) {
      log.warn('the log could not be rotated', { error });
    }
  }, EVERY_MS).unref();
}

/** Gives whether the file behind the descriptor, opened for appending, was larger and has been moved to FILE.1. */
export function rotateFile(descriptor: number, mostBytes: number): boolean {
  const stat = fstatSync(descriptor);
  if (!stat.isFile() || stat.size <= mostBytes) return false;
  const file = readlinkSync(`/proc/self/fd/${descriptor}`);
  copyFileSync(file, `${file}.1`);
  ftruncateSync(descriptor, 0);
  return true;
}
