/** Stores in a folder that is gone after the test, and processes that are killed while they write into one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { openStore } from '../open-store.ts';
import type { Store, StoreOptions } from '../store.ts';
import { configMap } from './objects.ts';

const BURST = join(import.meta.dirname, 'burst.ts');
const opened: Store[] = [];

export const key = (name: string | number): string => `/core/configmaps/default/${name}`;
/** One of some 8 KB. */
export const big = (name: string | number) => configMap(String(name), { text: 'x'.repeat(8_000) });

/** It is closed after the test. */
export function open(folder: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ folder, clock: realClock, log: silentLog, ...options });
  opened.push(store);
  return store;
}

/** Closes all that are open, as a disk that is unmounted before the test's end needs. */
export async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close();
}

/** Makes a test of what is done in a folder of its own. */
export function inFolder(body: (folder: string) => Promise<void>) {
  return async (): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
    try {
      await body(folder);
    } finally {
      await closeAll();
      rmSync(folder, { recursive: true });
    }
  };
}

/** A process that writes as fast as it can, and says which of its writes were acknowledged. */
export function burst(folder: string): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', BURST, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Leaves what a process leaves that is killed while it writes. */
export async function killedInBurst(folder: string): Promise<void> {
  const child = burst(folder);
  const exited = once(child, 'exit');
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.kill('SIGKILL');
  await exited;
}
