/**
 * The sockets on which an HAProxy listens, made and held here and inherited by it (`bind fd@`). When it is killed the kernel goes on taking connections in,
 * and the next HAProxy finds them waiting: nobody is refused, and nothing that waits is reset.
 */
import * as net from 'node:net';

export interface Place { address: string; port: number }

/** What a program inherits. */
export interface Inheritance {
  /** In the order of their numbers there, which begin at 3. */
  fds: readonly number[];
  /** undefined where it has to bind by itself. */
  numberOf(place: Place): number | undefined;
}

export interface Listening {
  /** Makes those that are missing; the others stay until {@link keep}. */
  take(places: readonly Place[]): Inheritance;
  /** Lets go of all but these. */
  keep(fds: readonly number[]): void;
  close(): void;
}

interface Handle { fd: number; close(): void }

const FIRST_FD = 3;
/** UV_TCP_REUSEPORT: an HAProxy of before, whose sockets are its own, may listen on the same port. */
const REUSE_PORT = 2;

export function createListening(): Listening {
  const held = new Map<string, Handle>();
  return {
    take(places) {
      const wanted = new Set(places.map(keyOf));
      for (const place of places) {
        if (held.has(keyOf(place))) continue;
        const made = bound(place);
        if (made !== undefined) held.set(keyOf(place), made);
      }
      const own = [...wanted].filter((key) => held.has(key));
      return {
        fds: own.map((key) => held.get(key)!.fd),
        numberOf(place) {
          const index = own.indexOf(keyOf(place));
          return index < 0 ? undefined : FIRST_FD + index;
        },
      };
    },
    keep(fds) {
      for (const [key, handle] of held) if (!fds.includes(handle.fd)) forget(key, handle);
    },
    close() {
      for (const [key, handle] of held) forget(key, handle);
    },
  };

  function forget(key: string, handle: Handle): void {
    held.delete(key);
    handle.close();
  }
}

/** As `bind` says it: inherited, or by address. What an inherited one listens on follows as a comment. */
export function bindLine(place: Place, number: number | undefined, options = ''): string {
  return number === undefined ? `  bind ${keyOf(place)}${options}` : `  bind fd@${number}${options} # ${keyOf(place)}`;
}

function keyOf({ address, port }: Place): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Bound and not listening: HAProxy says listen(2), which is then so for all who hold it. Node has no public way for this. */
function bound({ address, port }: Place): Handle | undefined {
  // oxlint-disable-next-line no-underscore-dangle
  const make = (net as unknown as { _createServerHandle?(address: string, port: number, family: 4 | 6, fd: number, flags: number): Handle | number })._createServerHandle;
  const made = make?.(address, port, address.includes(':') ? 6 : 4, -1, REUSE_PORT);
  return typeof made === 'object' && made.fd >= 0 ? made : undefined;
}
