/** A variable of a file in a volume (core/v1 FileKeySelector; KEP 3721): lines of NAME='value', in which nothing is escaped; blank lines and those that begin with # are passed over. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

const MOST_BYTES = 64 * 1024;
const LINE = /^[ \t]*(?:#[^\n]*|([A-Za-z_][A-Za-z0-9_.-]*)='([^']*)'[ \t]*(?:#[^\n]*)?)?(?:\r?\n|$)/;

/** Undefined when the file has no such variable. Throws on what is no such line. Pure. */
export function envFileValue(text: string, key: string): string | undefined {
  let found: string | undefined;
  for (let rest = text; rest !== '';) {
    const match = LINE.exec(rest);
    if (match === null || match[0] === '') throw new Error(`invalid line in the environment file: ${JSON.stringify(rest.split('\n')[0]!.slice(0, 100))}; write NAME='value'`);
    if (match[1] === key) found = match[2];
    rest = rest.slice(match[0].length);
  }
  return found;
}

/** The text of a file within a volume; undefined when there is none. Throws when a link leads out of the volume. */
export function volumeFile(volume: string, path: string): string | undefined {
  const file = join(volume, path);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  if (!realpathSync(file).startsWith(`${realpathSync(volume)}/`)) throw new Error(`the environment file ${path} leaves its volume through a link`);
  if (statSync(file).size > MOST_BYTES) throw new Error(`the environment file ${path} has more than ${MOST_BYTES} bytes`);
  return readFileSync(file, 'utf8');
}
