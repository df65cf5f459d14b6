/** What is under way at endpoints that left goes on, and is ended when the drain of their Service is over (`llmos.dev/drain`), in whatever process of HAProxy it is. */
import type { Log } from '../../../base/log.ts';
import type { Line } from '../../../sdk/haproxy/line.ts';
import { askedFor, keyOf, type Endpoint, type Slots } from './slots.ts';

export interface DrainsInput {
  /** Conversations with all processes that may still serve. */
  lines(): readonly Line[];
  /** How long connections to an endpoint of a backend may go on; undefined: to their end. */
  drainMsOf(backend: string): number | undefined;
  /** Whether a backend has the endpoint again. */
  has(backend: string, endpoint: Endpoint): boolean;
  log: Log;
  signal: AbortSignal;
}

export interface Drains {
  /** Takes in who left: is in `before`, and not wanted. */
  compare(before: Slots, wanted: ReadonlyMap<string, readonly Endpoint[]>): void;
}

export function createDrains({ lines, drainMsOf, has, log, signal }: DrainsInput): Drains {
  async function end(backend: string, endpoint: Endpoint): Promise<void> {
    if (signal.aborted || has(backend, endpoint)) return;
    for (const line of lines()) {
      try {
        for (const session of sessionsAt(backend, endpoint, await line.ask('show sess all'))) await line.ask(`shutdown session ${session}`);
      } catch (error) {
        log.warn('connections to an endpoint that left a gateway could not be ended', { error });
      }
    }
  }

  return {
    compare(before, wanted) {
      for (const [backend, endpoints] of wanted) {
        const drainMs = drainMsOf(backend);
        if (drainMs === undefined) continue;
        const kept = new Set(endpoints.map(keyOf));
        for (const endpoint of before.get(backend) ?? []) {
          if (endpoint === undefined || kept.has(keyOf(endpoint))) continue;
          setTimeout(() => void end(backend, endpoint), drainMs).unref();
        }
      }
    },
  };
}

/** Of the answer to `show sess all`: those of a backend that are at an endpoint, whatever its slot is now. */
export function sessionsAt(backend: string, endpoint: Endpoint, answer: string): string[] {
  const { address, port } = askedFor(endpoint);
  const name = new Set([backend, `${backend}:tries`]);
  return answer.split(/^(?=0x[0-9a-f]+: )/m).flatMap((text) => {
    const at = /^ {2}server=\S+ \(id=\d+\) addr=(\S+):(\d+)/m.exec(text);
    return name.has(/^ {2}backend=(\S+) /m.exec(text)?.[1] ?? '') && at?.[1] === address && Number(at[2]) === port ? [text.slice(0, text.indexOf(':'))] : [];
  });
}
