/** A server of a backend is a slot: there are more of them than endpoints, so that endpoints come and go by commands, without a reload. Pure. */

export interface Endpoint {
  address: string;
  port: number;
  /** What HAProxy calls its address, where it is spoken to by another. */
  standIn?: string;
}

/** As HAProxy knows it. */
export const askedFor = ({ address, port, standIn }: Endpoint): Endpoint => ({ address: standIn ?? address, port });

/** By backend; undefined is a free one. */
export type Slots = Map<string, (Endpoint | undefined)[]>;

const SPARE = 4;

/** Slots for these endpoints: those there are, where they suffice, else twice as many as needed. */
export function slotsFor(wanted: ReadonlyMap<string, readonly Endpoint[]>, before: Slots): Slots {
  return new Map([...wanted].map(([backend, endpoints]) => {
    const size = Math.max(before.get(backend)?.length ?? 0, 1);
    return [backend, padded(endpoints, endpoints.length <= size && before.has(backend) ? size : endpoints.length + Math.max(SPARE, endpoints.length))];
  }));
}

function padded(endpoints: readonly Endpoint[], size: number): (Endpoint | undefined)[] {
  return [...endpoints, ...Array<undefined>(size - endpoints.length)];
}

/**
 * The commands that bring `slots` to what is wanted, where it has room; it is brought along. Who is new comes before others go, as far as slots are free:
 * requests come in between two commands, and find somebody. Requests under way at a slot that is given up are served to their end.
 */
export function commandsFor(wanted: ReadonlyMap<string, readonly Endpoint[]>, slots: Slots): string[] {
  const commands: string[] = [];
  for (const [backend, endpoints] of wanted) {
    const own = slots.get(backend) ?? [];
    const known = new Set(own.flatMap((each) => (each === undefined ? [] : [keyOf(each)])));
    const kept = new Set(endpoints.map(keyOf));
    const missing = endpoints.filter((each) => !known.has(keyOf(each)));
    const leaving = own.flatMap((each, index) => (each === undefined || kept.has(keyOf(each)) ? [] : [index]));
    const take = (index: number): void => {
      const endpoint = missing.shift();
      if (endpoint === undefined) return;
      commands.push(`set server ${backend}/s${index} addr ${askedFor(endpoint).address} port ${endpoint.port}`, `set server ${backend}/s${index} state ready`);
      own[index] = endpoint;
    };
    own.forEach((each, index) => { if (each === undefined) take(index); });
    for (const index of leaving) {
      commands.push(`set server ${backend}/s${index} state maint`);
      own[index] = undefined;
      take(index);
    }
  }
  return commands;
}

export function hasRoom(wanted: ReadonlyMap<string, readonly Endpoint[]>, slots: Slots): boolean {
  return [...wanted].every(([backend, endpoints]) => endpoints.length <= (slots.get(backend)?.length ?? 0));
}

/** As the configuration names it. */
export function keyOf({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
