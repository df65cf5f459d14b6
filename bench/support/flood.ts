/** A flood of requests of one user, as a process of its own, so that it does not slow down who measures beside it. At its end it says its requests a second. */
import { runLoad, type Load, type Target } from './load.ts';

export interface Flood {
  target: Omit<Target, 'tls'> & { caPem: string };
  connections: number;
  durationMs: number;
  /** What all of them ask for, over and over; `#` in path and body becomes a number of its own for each. */
  request: { method: string; path: string; body?: string };
}

if (process.argv[1] === import.meta.filename) {
  process.once('message', (flood: Flood) => {
    const { caPem, ...target } = flood.target;
    const { method, path, body } = flood.request;
    const request: Load['request'] = (n) => ({ method, path: path.replace('#', `${process.pid}-${n}`), ...(body === undefined ? {} : { body: body.replace('#', `${process.pid}-${n}`) }) });
    runLoad({ ...target, tls: { ca: caPem, ALPNProtocols: ['http/1.1'] } }, { concurrency: flood.connections, durationMs: flood.durationMs, request, comesAgain: true }).then(({ perSecond }) => {
      process.send?.(perSecond.median);
      process.disconnect();
    }).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
}
