/**
 * Which connections are read. To read a request (decrypt it, parse its head) is work as well, and comes before anybody can say wait: of a user who
 * floods from many connections, a round of the event loop would read one from each. So of users who could hold up others only so many requests are
 * read in a round; the other connections at rest are let wait, and read on in the user's turns. What comes meanwhile stays in the kernel and with the client.
 */
import type { Turns } from './turns.ts';

/** What it takes to read a request and to know whose it is, about. It is over when it can be told, so it cannot be measured. */
export const READ_MS = 0.06;
/** So many are read in a round before connections are let wait, and so many of those that wait are read on in one turn: about a slice of time. */
const AT_ONCE = 4;

/** As a socket. */
export interface Connection {
  pause(): unknown;
  resume(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export interface Reading {
  /** A request of the user came, on this connection if it is not shared. */
  came(user: string, connection?: Connection): void;
  /** The connection has no request any more. */
  rests(user: string, connection: Connection): void;
}

/** Connections without a request, of one user. */
interface AtRest {
  read: Set<Connection>;
  waiting: Set<Connection>;
  /** Whether those that wait are being read on. */
  takesTurns: boolean;
}

export function createReading(turns: Pick<Turns, 'charge' | 'isHeavy' | 'round' | 'wait'>): Reading {
  const byUser = new Map<string, AtRest>();
  /** Those that are forgotten when they close, and where. */
  const users = new WeakMap<Connection, string>();
  let round = 0;
  let reads = 0;

  /** Gives whether it was let wait. */
  function forget(connection: Connection): boolean {
    const name = users.get(connection) ?? '';
    const atRest = byUser.get(name);
    if (atRest === undefined) return false;
    atRest.read.delete(connection);
    const waited = atRest.waiting.delete(connection);
    if (atRest.read.size === 0 && atRest.waiting.size === 0 && !atRest.takesTurns) byUser.delete(name);
    return waited;
  }

  function letWait(name: string, atRest: AtRest): void {
    for (const connection of atRest.read) {
      connection.pause();
      atRest.waiting.add(connection);
    }
    atRest.read.clear();
    if (!atRest.takesTurns && atRest.waiting.size > 0) void readOn(name, atRest);
  }

  /** In turns, until none waits. */
  async function readOn(name: string, atRest: AtRest): Promise<void> {
    atRest.takesTurns = true;
    while (atRest.waiting.size > 0) {
      let some = Math.min(AT_ONCE, atRest.waiting.size);
      await turns.wait(name, { laterMs: READ_MS * some });
      for (const connection of atRest.waiting) {
        if ((some -= 1) < 0) break;
        atRest.waiting.delete(connection);
        atRest.read.add(connection);
        connection.resume();
      }
    }
    atRest.takesTurns = false;
    if (atRest.read.size === 0) byUser.delete(name);
  }

  return {
    came(name, connection) {
      turns.charge(name, READ_MS);
      if (round !== turns.round) [round, reads] = [turns.round, 0];
      reads += 1;
      // Who asks by it may be another than the last time, where somebody impersonates.
      if (connection !== undefined) byUser.get(users.get(connection) ?? '')?.read.delete(connection);
      const atRest = byUser.get(name);
      if (reads >= AT_ONCE && atRest !== undefined && turns.isHeavy(name)) letWait(name, atRest);
    },
    rests(name, connection) {
      if (!users.has(connection)) connection.once('close', () => forget(connection));
      else if (users.get(connection) !== name && forget(connection)) connection.resume();
      users.set(connection, name);
      let atRest = byUser.get(name);
      if (atRest === undefined) byUser.set(name, (atRest = { read: new Set(), waiting: new Set(), takesTurns: false }));
      if (atRest.waiting.has(connection)) return;
      atRest.read.add(connection);
      if (atRest.waiting.size > 0) letWait(name, atRest);
    },
  };
}
