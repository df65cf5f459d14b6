/**
 * Endpoints that left and whose connections may go on until a moment, written down so that the next llmos ends them when it has come.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Departure {
  /** Of the backend or frontend. */
  name: string;
  address: string;
  port: number;
  /** ms since 1970. */
  untilMs: number;
}

export interface Departures {
  /** Those that are under way; at the start those of an earlier llmos. */
  all(): readonly Departure[];
  /** undefined: none is known of it. */
  untilOf(name: string, endpoint: { address: string; port: number }): number | undefined;
  add(departures: readonly Departure[]): void;
  end(name: string, endpoint: { address: string; port: number }): void;
}

/** More than that are not written down. */
const MOST = 20_000;

/** The file is in HAProxy's folder, and goes with it. */
export function createDepartures(folder: string): Departures {
  const file = join(folder, 'departures.json');
  const keyOf = (name: string, { address, port }: { address: string; port: number }): string => `${name} ${address} ${port}`;
  const known = new Map(readDepartures(file).map((each) => [keyOf(each.name, each), each]));
  const write = (): void => {
    try {
      writeFileSync(`${file}.new`, JSON.stringify([...known.values()]), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    } catch {} // the folder is gone, with HAProxy
  };
  return {
    all: () => [...known.values()],
    untilOf: (name, endpoint) => known.get(keyOf(name, endpoint))?.untilMs,
    add(departures) {
      if (departures.length === 0) return;
      for (const each of departures) if (known.size < MOST) known.set(keyOf(each.name, each), each);
      write();
    },
    end(name, endpoint) {
      if (known.delete(keyOf(name, endpoint))) write();
    },
  };
}

function readDepartures(file: string): Departure[] {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Departure[];
    return found.filter(({ name, address, port, untilMs }) => typeof name === 'string' && typeof address === 'string' && Number.isInteger(port) && Number.isFinite(untilMs)).slice(0, MOST);
  } catch {
    return [];
  }
}
