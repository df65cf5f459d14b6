/**
 * Outboxes: what watchers are to be sent, gathered, and sent in turns of the event loop. An event of many watchers does not hold the loop until
 * the last has it; and where events come faster than they go out, a watcher gets several in one write, which costs hardly more than one.
 */
import { collectYoung } from '../../base/collect-young.ts';

export interface Outbox {
  /** Takes a frame; false when enough waits, and then `emptied` is called once there is room. */
  put(frame: Buffer): boolean;
  /** Sends what waits at once, whether the client reads or not: the end of a stream. */
  flush(): void;
}

export interface OutboxOptions {
  /** Sends bytes; false when the client reads more slowly, and then `drained` is to be called once it is ready for more. */
  send(bytes: Buffer): boolean;
  emptied(): void;
}

/** Frames waiting for one watcher; they are shared with the others, so this bounds the pause of one, not memory. */
const MOST_BYTES = 64 * 1024;
/** So long a turn takes; then others have the loop. */
const TURN_MS = 2;

/** After so many sends it is worth while to look for garbage. */
const MANY_SENDS = 100;

/** Those that have something to send, from the place of the next one on. */
let due: (() => void)[] = [];
let next = 0;
let isScheduled = false;
let sends = 0;

export function createOutbox({ send, emptied }: OutboxOptions): Outbox & { drained(): void } {
  /** Nearly always one, which needs no array. */
  let first: Buffer | undefined;
  let others: Buffer[] | undefined;
  let bytes = 0;
  let isDue = false;
  let isBlocked = false;
  let isFull = false;

  function flush(): void {
    if (first === undefined) return;
    const all = others === undefined ? first : joined([first, ...others]);
    first = others = undefined;
    bytes = 0;
    isBlocked = !send(all);
    if (!isBlocked) tell();
  }

  function flushDue(): void {
    isDue = false;
    flush();
  }

  function expect(): void {
    if (isDue) return;
    isDue = true;
    schedule(flushDue);
  }

  function tell(): void {
    if (!isFull) return;
    isFull = false;
    emptied();
  }

  return {
    put(frame) {
      if (first === undefined) first = frame;
      else (others ??= []).push(frame);
      bytes += frame.length;
      if (!isBlocked) expect();
      isFull = isBlocked || bytes >= MOST_BYTES;
      return !isFull;
    },
    flush,
    drained() {
      isBlocked = false;
      if (first !== undefined) expect();
      else tell();
    },
  };
}

function schedule(flush: () => void): void {
  due.push(flush);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flushSome);
}

function flushSome(): void {
  isScheduled = false;
  const untilMs = performance.now() + TURN_MS;
  while (next < due.length) {
    (due[next++] as () => void)();
    sends += 1;
    if (performance.now() > untilMs) break;
  }
  if (next === due.length) {
    due = [];
    next = 0;
    if (sends >= MANY_SENDS) setImmediate(tidy);
    return;
  }
  if (next > due.length / 2) {
    due = due.slice(next);
    next = 0;
  }
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flushSome);
}

/**
 * What an event to many left behind is garbage as soon as the writes are done, and cheap to collect then. Left to itself, the collector comes in the
 * midst of the next event, finds its writes under way, and takes them for old; some MiB later the whole heap is looked through for them.
 */
function tidy(): void {
  if (due.length > 0) return;
  sends = 0;
  collectYoung();
}

/** What was joined last: watchers of the same objects wait for the same frames, one after another. */
let last: { frames: readonly Buffer[]; bytes: Buffer } | undefined;

function joined(frames: readonly Buffer[]): Buffer {
  if (last === undefined || last.frames.length !== frames.length || !frames.every((frame, at) => frame === last?.frames[at])) last = { frames, bytes: Buffer.concat(frames) };
  return last.bytes;
}
