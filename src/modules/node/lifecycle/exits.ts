/** Notices the end of containers: the monitor writes a file a container into one folder; what died with its monitor is found by looking. */
import { existsSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { isRunning, startTicks } from '../../../base/sys/is-running.ts';
import { namesIn, textOf } from '../read-files.ts';
import type { ContainerRecord } from './record.ts';

export interface ExitWatch {
  /** Calls back once, when the container has ended. */
  follow(record: ContainerRecord, ended: (exit: { exitCode: number; finishedMs: number }) => void): void;
  forget(id: string): void;
  close(): void;
}

/** `pollMs` is how often containers are looked at whose monitor may have died. */
export function watchExits(options: { folder: string; pollMs?: number }): ExitWatch {
  const followed = new Map<string, { record: ContainerRecord; ended: (exit: { exitCode: number; finishedMs: number }) => void; missing: number }>();

  function look(id: string): boolean {
    const entry = followed.get(id);
    if (entry === undefined) return false;
    const exit = readExit(join(options.folder, id));
    if (exit === undefined) return false;
    followed.delete(id);
    entry.ended(exit);
    return true;
  }

  const watcher = watch(options.folder, { persistent: false }, (_event, name) => {
    if (name !== null) look(name);
    else for (const id of followed.keys()) look(id);
  });
  watcher.on('error', () => {}); // the poll goes on

  const timer = setInterval(() => {
    const written = new Set(followed.size === 0 ? [] : namesIn(options.folder)); // one call for all, as nearly all of them run
    for (const [id, entry] of followed) {
      if ((written.has(id) && look(id)) || (entry.record.pid !== undefined && startTicks(entry.record.pid) === entry.record.pidTicks)) continue;
      // The process is gone, and so is its monitor, or it wrote nothing twice in a row: it was killed.
      if ((hasMonitor(entry.record) && ++entry.missing < 2) || look(id)) continue;
      followed.delete(id);
      entry.ended({ exitCode: 137, finishedMs: Date.now() });
    }
  }, options.pollMs ?? 5_000);
  timer.unref();

  return {
    follow(record, ended) {
      followed.set(record.id, { record, ended, missing: 0 });
      look(record.id);
    },
    forget: (id) => void followed.delete(id),
    close() {
      watcher.close();
      clearInterval(timer);
    },
  };
}

function hasMonitor({ bundle }: ContainerRecord): boolean {
  const pid = Number(textOf(join(bundle, 'conmon.pid')));
  return pid > 0 && isRunning(pid);
}

function readExit(file: string): { exitCode: number; finishedMs: number } | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8').trim();
  return /^\d+$/.test(text) ? { exitCode: Number(text), finishedMs: statSync(file).mtimeMs } : undefined;
}
