/** A promise that fails while nobody waits for it would end a program of Node.js. Of llmos it is one fault of one module: it is told, and everybody else goes on. */
import type { Log } from '../base/log.ts';

export function tellUnheard(log: Log): void {
  process.on('unhandledRejection', (error) => log.error('something failed that nobody waited for', { error: error instanceof Error ? error.stack : error }));
}
