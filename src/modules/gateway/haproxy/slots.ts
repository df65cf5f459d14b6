/** A server of a backend is a slot: there are more of them than endpoints, so that endpoints come and go by commands, without a reload. Pure. */

export interface Endpoint {
  address: string;
  port: number;
  /** What HAProxy calls its address, where it is spoken to by another. */
  standIn?: string;
  /** Its share among the others, 0 to 256; default 1. */
  weight?: number;
}

/** Free slots weigh 1. */
export const weightOf = (endpoint: Endpoint | undefined): number => endpoint?.weight ?? 1;

/** As HAProxy knows it. */
export const askedFor = ({ address, port, standIn }: Endpoint): Endpoint => ({ address: standIn ?? address, port });

/** By backend; undefined is a free one. */
export type Slots = Map<string, (Endpoint | undefined)[]>;

const SPARE = 4;

/** Slots for these endpoints: those there are, where they suffice, else twice as many as needed. Who had a slot keeps it, since consistent hashing goes by slots. */
export function slotsFor(wanted: ReadonlyMap<string, readonly Endpoint[]>, before: Slots): Slots {
  return new Map([...wanted].map(([backend, endpoints]) => {
    const own = before.get(backend) ?? [];
    const enough = before.has(backend) && endpoints.length <= Math.max(own.length, 1);
    return [backend, placed(endpoints, own, enough ? Math.max(own.length, 1) : endpoints.length + Math.max(SPARE, endpoints.length))];
  }));
}

function placed(endpoints: readonly Endpoint[], before: readonly (Endpoint | undefined)[], size: number): (Endpoint | undefined)[] {
  const missing = new Map(endpoints.map((each) => [keyOf(each), each]));
  const take = (key: string | undefined): Endpoint | undefined => {
    const found = key === undefined ? undefined : missing.get(key);
    if (key !== undefined) missing.delete(key);
    return found;
  };
  const slots = Array.from({ length: size }, (_, index) => take(before[index] === undefined ? undefined : keyOf(before[index])));
  return slots.map((each) => each ?? take(missing.keys().next().value));
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
    const byKey = new Map(endpoints.map((each) => [keyOf(each), each]));
    const missing = endpoints.filter((each) => !known.has(keyOf(each)));
    const leaving = own.flatMap((each, index) => (each === undefined || byKey.has(keyOf(each)) ? [] : [index]));
    const weigh = (index: number, from: Endpoint | undefined, into: Endpoint | undefined): void => {
      if (weightOf(from) !== weightOf(into)) commands.push(`set server ${backend}/s${index} weight ${weightOf(into)}`);
    };
    own.forEach((each, index) => {
      const now = each === undefined ? undefined : byKey.get(keyOf(each));
      if (now === undefined) return;
      weigh(index, each, now);
      own[index] = now;
    });
    const take = (index: number): void => {
      const endpoint = missing.shift();
      if (endpoint === undefined) return;
      commands.push(`set server ${backend}/s${index} addr ${askedFor(endpoint).address} port ${endpoint.port}`);
      weigh(index, undefined, endpoint);
      commands.push(`set server ${backend}/s${index} state ready`);
      own[index] = endpoint;
    };
    own.forEach((each, index) => { if (each === undefined) take(index); });
    for (const index of leaving) {
      commands.push(`set server ${backend}/s${index} state maint`);
      weigh(index, own[index], undefined);
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
