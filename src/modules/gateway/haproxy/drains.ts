/**
 * What is under way at endpoints that left goes on, and is ended when the drain of their Service is over (`llmos.dev/drain`), in whatever process of HAProxy it is,
 * and though llmos was started anew in between.
 */
import type { Log } from '../../../base/log.ts';
import { createDepartures, type Departure } from '../../../sdk/haproxy/departures.ts';
import { endConnections, leftovers } from '../../../sdk/haproxy/leftover.ts';
import type { Line } from '../../../sdk/haproxy/line.ts';
import { askedFor, keyOf, type Endpoint, type Slots } from './slots.ts';

export interface DrainsInput {
  /** HAProxy's. */
  folder: string;
  /** Conversations with all processes that may still serve, as far as they can be had. */
  lines(): readonly Line[];
  /** How long connections to an endpoint of a backend may go on; undefined: to their end. */
  drainMsOf(backend: string): number | undefined;
  /** Whether a backend, or any (undefined), has the endpoint again. */
  has(backend: string | undefined, endpoint: Endpoint): boolean;
  log: Log;
  signal: AbortSignal;
}

export interface Drains {
  /** Takes in who left: is in `before`, and not wanted. */
  compare(before: Slots, wanted: ReadonlyMap<string, readonly Endpoint[]>): void;
  /** Goes on with those of an earlier llmos. */
  resume(): void;
}

export function createDrains({ folder, lines, drainMsOf, has, log, signal }: DrainsInput): Drains {
  const departures = createDepartures(folder);

  function schedule({ name, address, port, untilMs }: Departure): void {
    setTimeout(() => {
      // It came again, and left again later.
      if (signal.aborted || departures.untilOf(name, { address, port }) !== untilMs) return;
      departures.end(name, { address, port });
      void end(name, { address, port });
    }, Math.max(0, untilMs - Date.now())).unref();
  }

  async function end(backend: string, endpoint: Endpoint): Promise<void> {
    if (has(backend, endpoint)) return;
    for (const line of lines()) {
      try {
        for (const session of sessionsAt(backend, endpoint, await line.ask('show sess all'))) await line.ask(`shutdown session ${session}`);
      } catch (error) {
        log.warn('connections to an endpoint that left a gateway could not be ended', { error });
      }
    }
    // Whose connections these are cannot be asked there.
    if (has(undefined, endpoint) || departures.all().some((each) => each.address === endpoint.address && each.port === endpoint.port)) return;
    const left = await endConnections(await leftovers(folder, lines()), endpoint);
    if (left > 0) log.warn('connections to an endpoint that left a gateway could not be ended: the kernel does not (CONFIG_INET_DIAG_DESTROY)', { connections: left, endpoint: keyOf(endpoint) });
  }

  return {
    compare(before, wanted) {
      const leaving: Departure[] = [];
      for (const [name, endpoints] of wanted) {
        const kept = new Set(endpoints.map((each) => keyOf(askedFor(each))));
        for (const { address, port } of endpoints) departures.end(name, { address, port });
        const drainMs = drainMsOf(name);
        if (drainMs === undefined) continue;
        for (const each of before.get(name) ?? []) {
          if (each === undefined || kept.has(keyOf(askedFor(each)))) continue;
          leaving.push({ name, ...askedFor(each), untilMs: Date.now() + drainMs });
        }
      }
      departures.add(leaving);
      for (const each of leaving) schedule(each);
    },
    resume() {
      for (const each of departures.all()) schedule(each);
    },
  };
}

/** Of the answer to `show sess all`: those of a backend that are at an endpoint, whatever its slot is now. */
function sessionsAt(backend: string, { address, port }: Endpoint, answer: string): string[] {
  const name = new Set([backend, `${backend}:tries`]);
  return answer.split(/^(?=0x[0-9a-f]+: )/m).flatMap((text) => {
    const at = /^ {2}server=\S+ \(id=\d+\) addr=(\S+):(\d+)/m.exec(text);
    return name.has(/^ {2}backend=(\S+) /m.exec(text)?.[1] ?? '') && at?.[1] === address && Number(at[2]) === port ? [text.slice(0, text.indexOf(':'))] : [];
  });
}
