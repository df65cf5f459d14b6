/** Copies of volumes: blocks are shared where the file system can (Btrfs, XFS), else copied. What is written meanwhile may be in the copy or not. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { run } from '../../base/sys/run.ts';

const TIMEOUT_MS = 30 * 60_000;

/** Of a folder or of a file. There whole or not at all; left alone when it is there. */
export async function copyVolume(from: string, to: string): Promise<void> {
  if (statSync(from).isFile()) return copyFile(from, to);
  if (existsSync(to)) return;
  const partial = `${to}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o777 });
  await copyInto(from, partial);
  renameSync(partial, to);
}

/** Into a folder that is there; what a broken-off copy left in it is written over. */
export async function copyInto(from: string, to: string): Promise<void> {
  await run('cp', ['--archive', '--reflink=auto', `${from}/.`, to], { timeoutMs: TIMEOUT_MS });
}

/** Holes stay holes. There whole or not at all; left alone when it is there. */
export async function copyFile(from: string, to: string): Promise<void> {
  if (existsSync(to)) return;
  await run('cp', ['--reflink=auto', '--sparse=always', from, `${to}.partial`], { timeoutMs: TIMEOUT_MS });
  renameSync(`${to}.partial`, to);
}
