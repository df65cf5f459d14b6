/**
 * Turns on the one thread that works for all. Seats bound how many requests are under way; turns bound how long one user holds up the others:
 * when a round of the event loop has worked for a slice, whoever comes next waits, the users in turn, one piece of work a round, so that between
 * any two the loop looks for what has come in. Long work takes a new turn between its pieces. While nothing is long, nobody waits.
 */
import type { IncomingMessage } from 'node:http';

/** Long against the cost of a get, short against what a person or a controller would notice. */
const SLICE_MS = 1;
/** Who comes at once, as the requests of one read do, has not worked yet when the next one asks. */
const GRANTS_MOST = 8;
/** Turns that work may take before the user's other work. */
const GO_ON_MOST = 100;

export interface Turns {
  /** undefined: go on. Otherwise when it is the user's turn; what goes on with work that has begun is first among the user's own. */
  take(user: string, how?: { goesOn: boolean }): Promise<void> | undefined;
  /** How many wait. */
  readonly waiting: number;
}

export function createTurns(sliceMs: number = SLICE_MS): Turns {
  /** In turn: the user who was served goes to the end. */
  const users = new Map<string, (() => void)[]>();
  let roundFromMs: number | undefined;
  let grants = 0;
  let waiting = 0;
  const isSpent = (): boolean => {
    const nowMs = performance.now();
    if (roundFromMs !== undefined) return ++grants > GRANTS_MOST || nowMs - roundFromMs > sliceMs;
    roundFromMs = nowMs;
    grants = 1;
    setImmediate(nextRound);
    return false;
  };
  const nextRound = (): void => {
    roundFromMs = undefined;
    const [next] = users;
    if (next === undefined) return;
    const [user, waiters] = next;
    const go = waiters.shift();
    users.delete(user);
    if (waiters.length > 0) users.set(user, waiters);
    waiting -= 1;
    isSpent();
    go?.();
  };
  return {
    take(user, { goesOn } = { goesOn: false }) {
      const waiters = users.get(user);
      if (waiters === undefined && !isSpent()) return undefined;
      waiting += 1;
      return new Promise((go) => {
        if (waiters === undefined) users.set(user, [go]);
        else if (goesOn) waiters.unshift(go);
        else waiters.push(go);
      });
    },
    get waiting() {
      return waiting;
    },
  };
}

/** There is one thread, so there is one of it. */
const turns = createTurns();
const users = new WeakMap<IncomingMessage, string>();

/** Says whose turns the work for a request takes. */
export function workFor(http: IncomingMessage, user: string): void {
  users.set(http, user);
}

export function userOf(http: IncomingMessage): string {
  return users.get(http) ?? '';
}

/** A turn for a piece of the work for a request; undefined when it need not wait. */
export function takeTurn(http: IncomingMessage): Promise<void> | undefined {
  return turns.take(userOf(http));
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
