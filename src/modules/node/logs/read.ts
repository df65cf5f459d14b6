/** Reads a container's log from its end or beginning, and follows it while the container runs. */
import { watch, type FSWatcher } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { formatter } from './format.ts';
import { parseLine } from './line.ts';
import type { LogOptions } from './options.ts';

const CHUNK_BYTES = 64 * 1024;
const LOOK_AGAIN_MS = 1_000;
const LOOK_SOON_MS = 50;

export interface FollowOptions {
  signal: AbortSignal;
  /** Whether the container may still write. */
  alive: () => boolean;
}

/** Gives what is to be sent, in pieces. Without `follow` that is what there was when it began, however fast more is written. */
export async function* readLog(file: string, options: LogOptions, follow: FollowOptions): AsyncGenerator<Buffer> {
  let handle = await open(file, 'r');
  let isLast = false;
  try {
    const cut = formatter(options);
    const { size } = await handle.stat();
    const untilByte = options.follow ? Infinity : size;
    let position = options.tailLines === undefined ? 0 : await tailOffset(handle, options.tailLines, size);
    let rest = Buffer.alloc(0);
    for (;;) {
      const wasAlive = follow.alive();
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK_BYTES, untilByte - position), position);
      if (bytesRead === 0) {
        if (!options.follow || follow.signal.aborted) return;
        const next: FileHandle | undefined = isLast ? await reopened(file, handle) : undefined;
        if (next !== undefined) {
          await handle.close();
          [handle, position, rest, isLast] = [next, 0, Buffer.alloc(0), false];
        } else if (!isLast && (await isSetAside(file, handle))) isLast = true; // read what was written to it meanwhile
        else if (!wasAlive) return;
        else await changeOf(file, follow.signal);
        continue;
      }
      position += bytesRead;
      const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      const end = data.lastIndexOf(10) + 1;
      rest = data.subarray(end);
      const piece = cut.format(data.subarray(0, end));
      if (piece.length > 0) yield piece;
      if (cut.full()) return;
    }
  } finally {
    await handle.close();
  }
}

/** Whether the log was set aside, and another begun in its place. */
async function isSetAside(file: string, handle: FileHandle): Promise<boolean> {
  const now = await stat(file).catch(() => undefined);
  return now !== undefined && now.ino !== (await handle.stat()).ino;
}

async function reopened(file: string, handle: FileHandle): Promise<FileHandle | undefined> {
  return (await isSetAside(file, handle)) ? open(file, 'r') : undefined;
}

/** Where the last `lines` lines begin; parts of a line count with their last, and so does one that has no end yet. */
async function tailOffset(handle: FileHandle, lines: number, size: number): Promise<number> {
  if (lines === 0) return size;
  let found = 0;
  let isLast = true;
  let position = size;
  let after = Buffer.alloc(0); // the beginning of what follows, since a line may lie over the edge
  while (position > 0) {
    const length = Math.min(CHUNK_BYTES, position);
    position -= length;
    const buffer = Buffer.alloc(length);
    await handle.read(buffer, 0, length, position);
    const data = Buffer.concat([buffer, after]);
    let end = data.length;
    for (let at = data.lastIndexOf(10, end - 2); ; at = at <= 0 ? -1 : data.lastIndexOf(10, at - 1)) {
      if (at < 0 && position > 0) break;
      const line = parseLine(data.subarray(at + 1, Math.min(end, at + 1 + 100)).toString('latin1'));
      if (line !== undefined && (!line.partial || isLast) && ++found > lines) return position + end;
      if (line !== undefined) isLast = false;
      end = at + 1;
      if (at < 0) return 0;
    }
    after = data.subarray(0, end);
  }
  return 0;
}

/** Settles when the file changed, the signal aborted, or a moment passed. */
function changeOf(file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watcherOf(file);
    const timer = setTimeout(() => done(), watcher === undefined ? LOOK_SOON_MS : LOOK_AGAIN_MS);
    const done = (): void => {
      watcher?.close();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    watcher?.once('change', done).once('error', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Undefined in the moment when a log was set aside and the next is not begun. */
function watcherOf(file: string): FSWatcher | undefined {
  try { return watch(file, { persistent: false }); } catch { return undefined; }
}
