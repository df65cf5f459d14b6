/** What conmon is told while its container runs, by the fifo in its bundle. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Does `before`, and then writes the line. Gives false, and does neither, when the monitor was killed: a fifo that nobody reads holds up who opens it. */
export function tellMonitor(bundle: string, line: string, before: () => void = () => {}): boolean {
  let fd: number;
  try {
    fd = openSync(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENXIO', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  try {
    before();
    writeSync(fd, `${line}\n`);
    return true;
  } finally {
    closeSync(fd);
  }
}
