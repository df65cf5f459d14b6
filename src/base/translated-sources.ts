/**
 * The sources as JavaScript, in one file beside Node's compile cache. Node would keep such a translation of each source for as long as the process lives, beside the
 * one that V8 keeps, and read both files at each start; this one is read where V8 wants it. What is not in it, or was changed since, is Node's to translate.
 *
 * Shape: a line of JSON, {name: [size of the source in bytes, when its inode changed in ms, where it begins after this line in bytes, its length in bytes]}, then the texts. Nobody can set
 * when an inode changed: archives and copies give a new version of a source the time of an old one, and the same size by chance.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Entry = readonly [sizeBytes: number, changedMs: number, offsetBytes: number, lengthBytes: number];

const NEWLINE = 10;
const CHUNK_BYTES = 65_536;

export interface TranslatedSources {
  /** The JavaScript of a source by its name under the folder of sources, such as `boot/machine.ts`; undefined where it has none that is of today. */
  read(name: string): string | undefined;
}

/** undefined where there is no such file, or one that cannot be read: llmos starts without it all the same. `folder` is that of the sources, with a slash at its end. */
export function openTranslatedSources(file: string, folder: string): TranslatedSources | undefined {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch {
    return undefined;
  }
  const line = firstLine(opened);
  const entries = line === undefined ? undefined : entriesOf(line);
  if (line === undefined || entries === undefined) return void closeSync(opened);
  const textsAt = line.length + 1;
  return {
    read(name) {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      const [sizeBytes, changedMs, offsetBytes, lengthBytes] = entry;
      const now = statSync(folder + name, { throwIfNoEntry: false });
      if (now?.size !== sizeBytes || now.ctimeMs !== changedMs) return undefined;
      const bytes = Buffer.allocUnsafe(lengthBytes);
      return readSync(opened, bytes, 0, lengthBytes, textsAt + offsetBytes) === lengthBytes ? bytes.toString() : undefined;
    },
  };
}

/** Takes the place of what was there at once, and when it is on the disk: a process that reads goes on with what it opened, and a power cut leaves no part of it. */
export function writeTranslatedSources(file: string, folder: string, names: readonly string[], translate: (name: string) => string): void {
  const entries: Record<string, Entry> = {};
  const texts: Buffer[] = [];
  let offsetBytes = 0;
  for (const name of names) {
    const { size, ctimeMs } = statSync(join(folder, name));
    const text = Buffer.from(translate(name));
    entries[name] = [size, ctimeMs, offsetBytes, text.length];
    offsetBytes += text.length;
    texts.push(text);
  }
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, Buffer.concat([Buffer.from(`${JSON.stringify(entries)}\n`), ...texts]), { flush: true });
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true }); // a full disk would fill up further at each start
    throw error;
  }
}

function entriesOf(line: Buffer): Map<string, Entry> | undefined {
  try {
    return new Map(Object.entries(JSON.parse(line.toString()) as Record<string, Entry>));
  } catch {
    return undefined;
  }
}

function firstLine(file: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readSync(file, chunk);
    const end = chunk.subarray(0, length).indexOf(NEWLINE);
    chunks.push(chunk.subarray(0, end < 0 ? length : end));
    if (end >= 0) return Buffer.concat(chunks);
    if (length === 0) return undefined;
  }
}
