import type { ServerResponse } from 'node:http';

/** Settles when the client has read what it was sent, or is gone. Nobody listens on afterwards: a log may be followed for days by who reads more slowly than it is written. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
