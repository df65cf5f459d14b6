/** Copies of folders: blocks are shared where the file system can (Btrfs, XFS), else copied. What is written meanwhile may be in the copy or not. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { run } from '../../base/sys/run.ts';

const TIMEOUT_MS = 30 * 60_000;

/** There whole or not at all; left alone when it is there. */
export async function copyFolder(from: string, to: string): Promise<void> {
  if (existsSync(to)) return;
  const partial = `${to}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o777 });
  await run('cp', ['--archive', '--reflink=auto', `${from}/.`, partial], { timeoutMs: TIMEOUT_MS });
  renameSync(partial, to);
}
