/** What lies in a folder or a file that may not be there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Empty when there is no such folder. */
export function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Empty when the file cannot be read. */
export function textOf(file: string): string {
  try { return readFileSync(file, 'utf8'); } catch { return ''; }
}
