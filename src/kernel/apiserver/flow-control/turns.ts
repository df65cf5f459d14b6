/**
 * Turns on the one thread that works for all. Seats bound how many requests are under way; turns bound how long one user holds up the others:
 * when a round of the event loop has worked for a slice, whoever comes next waits for the next round, so that in between the loop looks for what has
 * come in. Of those that wait, who has used the thread least of late goes first; who has hardly used it need not wait at all. Long work takes a
 * new turn between its pieces. Slices are wide while one user is alone, since every round of the loop costs, and writes that share a round share
 * a sync of the disk; they are narrow while there are others.
 */
import type { IncomingMessage } from 'node:http';
import { createReading, READ_MS } from './reading.ts';

/** Of a round while there are several users: short against what a person or a controller would notice. */
const SLICE_MS = 0.3;
/** While one is alone, only what is no request waits: timers, modules, events. */
const ALONE_SLICE_MS = 3;
/** Who was seen so long ago is not there any more. */
const ABOUT_MS = 500;
/** What was used so long ago counts half. */
const HALF_LIFE_MS = 250;
/** Who used less than this part of all that was used goes at once. */
const LIGHT_PART = 0.25;
/** So many in a round. */
const LIGHT_MOST = 16;
/** Who comes at once, as the requests of one read do, has not worked yet when the next one asks. */
const AT_ONCE_MOST = 16;
/** While there are others, and for who is not light: a group of writes comes back at once, and each answer is a tenth of a millisecond. */
const AT_ONCE_AMONG_OTHERS = 4;
/** Turns that work may take before the user's other work. */
const GO_ON_MOST = 100;
/** Users that are remembered at most. */
const USERS_MOST = 1_000;

export interface Turns {
  /**
   * undefined: go on. Otherwise when it is the user's turn; what goes on with work that has begun is first among the user's own. `laterMs` is what
   * will be worked for it in the next round, about: it is of this one's slice.
   */
  take(user: string, how?: { goesOn?: boolean; laterMs?: number }): Promise<void> | undefined;
  /** A turn that is always waited for: after it there will be work of so many ms, in this round. */
  wait(user: string, how: { laterMs: number }): Promise<void>;
  /** Work that was no turn's, as far as it is known. */
  charge(user: string, ms: number): void;
  /** Whether there are others whom the user could hold up: it is not alone, and has used the thread more than a little. */
  isHeavy(user: string): boolean;
  /** The round of the loop that this is. */
  readonly round: number;
  /** How many wait. */
  readonly waiting: number;
}

/** Time used, in ms, of which the older part counts less. */
interface Use {
  ms: number;
  atMs: number;
}

interface Waiter {
  /** What will be worked for it after its turn, in ms. */
  laterMs: number;
  go(): void;
}

interface User {
  use: Use;
  /** First in, first out. */
  waiters: Waiter[];
}

/** The slices are in ms; `aloneSliceMs` is that of a user who is alone. */
export function createTurns({ sliceMs, aloneSliceMs }: { sliceMs: number; aloneSliceMs: number } = { sliceMs: SLICE_MS, aloneSliceMs: ALONE_SLICE_MS }): Turns {
  const users = new Map<string, User>();
  const waitingUsers = new Set<User>();
  const all: Use = { ms: 0, atMs: 0 };
  let waiting = 0;
  let roundFromMs: number | undefined;
  let round = 0;
  let lightGrants = 0;
  /** What was let go in this round and will be worked before the next. */
  let laterMs = 0;
  /** Work that was let go and is not over yet, or has begun to wait for something else. */
  let atOnce = 0;
  /** Who asked last, and since when it is the only one. */
  let latest: User | undefined;
  let aloneSinceMs = 0;

  const isAlone = (nowMs: number): boolean => nowMs - aloneSinceMs > ABOUT_MS;
  const isSpent = (nowMs: number): boolean => nowMs - (roundFromMs ?? nowMs) + laterMs > (isAlone(nowMs) ? aloneSliceMs : sliceMs);
  const isLight = ({ use }: User, nowMs: number): boolean => used(use, nowMs) < LIGHT_PART * used(all, nowMs);

  /** In this round, with nobody before it. */
  const fits = (nowMs: number): boolean => waiting === 0 && atOnce < (isAlone(nowMs) ? AT_ONCE_MOST : AT_ONCE_AMONG_OTHERS) && !isSpent(nowMs);
  const goesFirst = (user: User, nowMs: number): boolean => atOnce < AT_ONCE_MOST && isLight(user, nowMs) && ++lightGrants <= LIGHT_MOST;

  function known(name: string, nowMs: number): User {
    const found = users.get(name);
    if (found !== undefined) return found;
    if (users.size >= USERS_MOST) forget(users);
    const user: User = { use: { ms: 0, atMs: nowMs }, waiters: [] };
    users.set(name, user);
    return user;
  }

  /** As the one who asks. */
  function see(name: string, nowMs: number): User {
    const user = known(name, nowMs);
    if (user !== latest) aloneSinceMs = nowMs;
    latest = user;
    return user;
  }

  function openRound(nowMs: number): void {
    roundFromMs = nowMs;
    round += 1;
    lightGrants = 0;
    laterMs = 0;
    setImmediate(nextRound);
  }

  /** What it does now is over when all that it does without waiting is done: microtasks, and after them this tick. */
  function count(user: User, fromMs: number, then?: (nowMs: number) => void): void {
    atOnce += 1;
    queueMicrotask(() => process.nextTick(() => {
      atOnce -= 1;
      const nowMs = performance.now();
      add(user.use, nowMs - fromMs, nowMs);
      add(all, nowMs - fromMs, nowMs);
      then?.(nowMs);
    }));
  }

  function nextRound(): void {
    roundFromMs = undefined;
    if (waiting === 0) return;
    const nowMs = performance.now();
    openRound(nowMs);
    serveNext(nowMs);
  }

  function serveNext(nowMs: number): void {
    const user = leastUsed(waitingUsers, nowMs);
    const waiter = user?.waiters.shift();
    if (user === undefined || waiter === undefined) return;
    if (user.waiters.length === 0) waitingUsers.delete(user);
    waiting -= 1;
    laterMs += waiter.laterMs;
    count(user, nowMs, (thenMs) => {
      if (waiting > 0 && !isSpent(thenMs)) serveNext(thenMs);
    });
    waiter.go();
  }

  function queue(user: User, { goesOn, laterMs: after }: { goesOn: boolean; laterMs: number }): Promise<void> {
    waiting += 1;
    waitingUsers.add(user);
    return new Promise((go) => {
      if (goesOn) user.waiters.unshift({ go, laterMs: after });
      else user.waiters.push({ go, laterMs: after });
    });
  }

  return {
    take(name, { goesOn = false, laterMs: after = 0 } = {}) {
      const nowMs = performance.now();
      const user = see(name, nowMs);
      if (roundFromMs === undefined) openRound(nowMs);
      if (user.waiters.length === 0 && (fits(nowMs) || goesFirst(user, nowMs))) {
        laterMs += after;
        count(user, nowMs);
        return undefined;
      }
      return queue(user, { goesOn, laterMs: after });
    },
    wait(name, how) {
      const nowMs = performance.now();
      if (roundFromMs === undefined) openRound(nowMs);
      return queue(known(name, nowMs), { goesOn: false, ...how });
    },
    charge(name, ms) {
      const nowMs = performance.now();
      add(see(name, nowMs).use, ms, nowMs);
      add(all, ms, nowMs);
    },
    isHeavy(name) {
      const nowMs = performance.now();
      const user = users.get(name);
      return user !== undefined && !isAlone(nowMs) && !isLight(user, nowMs);
    },
    get round() {
      return round;
    },
    get waiting() {
      return waiting;
    },
  };
}

function used({ ms, atMs }: Use, nowMs: number): number {
  return ms * 2 ** ((atMs - nowMs) / HALF_LIFE_MS);
}

function add(use: Use, ms: number, nowMs: number): void {
  use.ms = used(use, nowMs) + ms;
  use.atMs = nowMs;
}

function leastUsed(users: ReadonlySet<User>, nowMs: number): User | undefined {
  if (users.size === 1) for (const user of users) return user;
  let least: User | undefined;
  let leastMs = Infinity;
  for (const user of users) {
    const ms = used(user.use, nowMs);
    if (ms < leastMs) [least, leastMs] = [user, ms];
  }
  return least;
}

/** Those that wait for nothing; what they used is forgotten too early, in their favour. */
function forget(users: Map<string, User>): void {
  for (const [name, { waiters }] of users) if (waiters.length === 0) users.delete(name);
}

/** There is one thread, so there is one of it. */
const turns = createTurns();
const users = new WeakMap<IncomingMessage, string>();

const reading = createReading(turns);

/** Says whose turns the work for a request takes, when it has come. */
export function workFor(http: IncomingMessage, user: string): void {
  users.set(http, user);
  reading.came(user, connectionOf(http));
}

/** Says that a request is over: its connection may have another. */
export function workedFor(http: IncomingMessage): void {
  const user = users.get(http);
  const connection = connectionOf(http);
  if (user !== undefined && connection !== undefined) reading.rests(user, connection);
}

/** Undefined of HTTP/2, where requests share a connection. */
function connectionOf({ httpVersionMajor, socket }: IncomingMessage): IncomingMessage['socket'] | undefined {
  return httpVersionMajor === 1 && !socket.destroyed ? socket : undefined;
}

export function userOf(http: IncomingMessage): string {
  return users.get(http) ?? '';
}

/**
 * A turn for a piece of the work for a request; undefined when it need not wait. Where many requests share a connection, which cannot be let wait, an
 * answer lets the client send its next request, which is read as it comes.
 */
export function takeTurn(http: IncomingMessage, { answers }: { answers: boolean } = { answers: true }): Promise<void> | undefined {
  return turns.take(userOf(http), { laterMs: answers && http.httpVersionMajor === 2 ? READ_MS : 0 });
}

/** Asked between pieces of long work; a promise when others must have their turn first. */
export type Pace = () => Promise<void> | undefined;

/** Work that has begun ends before the user's next begins, unless it is very long. */
export function paceOf(http: IncomingMessage): Pace {
  const user = userOf(http);
  let turnsTaken = 0;
  return () => {
    const turn = turns.take(user, { goesOn: turnsTaken < GO_ON_MOST });
    if (turn !== undefined) turnsTaken += 1;
    return turn;
  };
}
