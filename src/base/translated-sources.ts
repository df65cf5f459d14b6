/**
 * The sources as JavaScript, in one file beside Node's compile cache. Node would keep such a translation of each source for as long as the process lives, beside the
 * one that V8 keeps, and read both files at each start; this one is read where V8 wants it. What is not in it, or was changed since, is Node's to translate.
 *
 * Shape: a line of JSON, {name: [size of the source in bytes, its time of change in ms, where it begins after this line in bytes, its length in bytes]}, then the texts.
 */
import { closeSync, openSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Entry = readonly [sizeBytes: number, changedMs: number, offsetBytes: number, lengthBytes: number];

const NEWLINE = 10;
const CHUNK_BYTES = 65_536;

export interface TranslatedSources {
  /** The JavaScript of a source by its name under the folder of sources, such as `boot/machine.ts`; undefined where it has none that is of today. */
  read(name: string): string | undefined;
}

/** undefined where there is no such file. `folder` is that of the sources, with a slash at its end. */
export function openTranslatedSources(file: string, folder: string): TranslatedSources | undefined {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch {
    return undefined;
  }
  const line = firstLine(opened);
  if (line === undefined) return void closeSync(opened);
  const entries = new Map(Object.entries(JSON.parse(line.toString()) as Record<string, Entry>));
  const textsAt = line.length + 1;
  return {
    read(name) {
      const entry = entries.get(name);
      if (entry === undefined) return undefined;
      const [sizeBytes, changedMs, offsetBytes, lengthBytes] = entry;
      const now = statSync(folder + name, { throwIfNoEntry: false });
      if (now?.size !== sizeBytes || now.mtimeMs !== changedMs) return undefined;
      const bytes = Buffer.allocUnsafe(lengthBytes);
      return readSync(opened, bytes, 0, lengthBytes, textsAt + offsetBytes) === lengthBytes ? bytes.toString() : undefined;
    },
  };
}

/** Takes the place of what was there at once: a process that reads goes on with what it opened. */
export function writeTranslatedSources(file: string, folder: string, names: readonly string[], translate: (name: string) => string): void {
  const entries: Record<string, Entry> = {};
  const texts: Buffer[] = [];
  let offsetBytes = 0;
  for (const name of names) {
    const { size, mtimeMs } = statSync(join(folder, name));
    const text = Buffer.from(translate(name));
    entries[name] = [size, mtimeMs, offsetBytes, text.length];
    offsetBytes += text.length;
    texts.push(text);
  }
  writeFileSync(`${file}.${process.pid}`, Buffer.concat([Buffer.from(`${JSON.stringify(entries)}\n`), ...texts]));
  renameSync(`${file}.${process.pid}`, file);
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
