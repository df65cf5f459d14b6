/** Keys that changed, gathered for a moment and worked on together, one step after the other. */

/** How long changes are gathered before they are worked on. */
const GATHER_MS = 3;

export interface Gathering {
  /** Keys that nobody has taken yet. */
  readonly dirty: Set<string>;
  /** The key has changed; it is worked on after `delayMs`, by default {@link GATHER_MS}, or with what is due before. */
  mark(key: string, delayMs?: number): void;
  /** Marks the key later; once, however often it is asked for meanwhile. */
  lookAgain(key: string, delayMs: number): void;
  /** Work is due after `delayMs`, by default {@link GATHER_MS}, whether anything is dirty or not; unless some is due already. */
  schedule(delayMs?: number): void;
  /** Keys that are dirty no more, those that came first; what is left is due at once. */
  take(most: number): string[];
  /** Runs a step after those before it; settles when it has, and never rejects. */
  enqueue(step: () => Promise<void>): Promise<void>;
  /** Settles when there is nothing to do, or nothing is done any more. */
  idle(): Promise<void>;
  /** Settles when what is dirty by now was worked on, whatever comes meanwhile, or nothing is done any more. */
  caughtUp(): Promise<void>;
  /** Settles with the last step. */
  settled(): Promise<void>;
  /** No work is begun by itself any more; who waits for some is told. */
  stop(): void;
}

/** `work` takes keys and does what they need. What a step throws is told to `failed`, and does not hold up the next. */
export function createGathering({ work, failed, signal }: { work(): Promise<void>; failed(error: unknown): void; signal: AbortSignal }): Gathering {
  const dirty = new Set<string>();
  const again = new Set<string>();
  /** Who is told when what was seen so far is done. */
  const waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();

  /** It takes all that was seen before it begins; of more than fit into one piece of work, some are told too early. */
  async function workForAll(): Promise<void> {
    const told = waiting.splice(0);
    await work().finally(() => told.forEach((tell) => tell()));
  }

  const enqueue = (step: () => Promise<void>): Promise<void> => (working = working.then(step).catch(failed));
  const schedule = (delayMs = GATHER_MS): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void enqueue(workForAll);
    }, delayMs);
  };
  const mark = (key: string, delayMs?: number): void => {
    dirty.add(key);
    schedule(delayMs);
  };

  return {
    dirty, mark, schedule, enqueue,
    lookAgain(key, delayMs) {
      if (again.has(key)) return;
      again.add(key);
      setTimeout(() => {
        again.delete(key);
        if (!signal.aborted) mark(key);
      }, delayMs).unref();
    },
    take(most) {
      const taken = [...dirty].slice(0, most);
      for (const key of taken) dirty.delete(key);
      if (dirty.size > 0) schedule(0);
      return taken;
    },
    async idle() {
      while (!signal.aborted && (timer !== undefined || dirty.size > 0)) await new Promise((resolve) => setTimeout(resolve, 1));
      await working;
    },
    caughtUp: () => (signal.aborted || (timer === undefined && dirty.size === 0) ? working : new Promise((tell) => void waiting.push(tell))),
    settled: () => working,
    stop() {
      clearTimeout(timer);
      for (const tell of waiting.splice(0)) tell();
    },
  };
}
