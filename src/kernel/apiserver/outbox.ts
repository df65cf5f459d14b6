/**
 * Outboxes: what watchers are to be sent, gathered, and sent in turns of the event loop. An event of many watchers does not hold the loop until
 * the last has it; and where events come faster than they go out, a watcher gets several in one write, which costs hardly more than one.
 */
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

const due = new Set<() => void>();
let isScheduled = false;

export function createOutbox({ send, emptied }: OutboxOptions): Outbox & { drained(): void } {
  let frames: Buffer[] = [];
  let bytes = 0;
  let isBlocked = false;
  let isFull = false;

  function flush(): void {
    due.delete(flush);
    if (frames.length === 0) return;
    const all = frames;
    frames = [];
    bytes = 0;
    isBlocked = !send(all.length === 1 ? (all[0] as Buffer) : joined(all));
    if (!isBlocked) tell();
  }

  function tell(): void {
    if (!isFull) return;
    isFull = false;
    emptied();
  }

  return {
    put(frame) {
      frames.push(frame);
      bytes += frame.length;
      if (!isBlocked) schedule(flush);
      isFull = isBlocked || bytes >= MOST_BYTES;
      return !isFull;
    },
    flush,
    drained() {
      isBlocked = false;
      if (frames.length > 0) schedule(flush);
      else tell();
    },
  };
}

function schedule(flush: () => void): void {
  due.add(flush);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flushSome);
}

function flushSome(): void {
  isScheduled = false;
  const untilMs = performance.now() + TURN_MS;
  for (const flush of due) {
    flush();
    if (performance.now() > untilMs) break;
  }
  if (due.size === 0 || isScheduled) return;
  isScheduled = true;
  setImmediate(flushSome);
}

/** What was joined last: watchers of the same objects wait for the same frames, one after another. */
let last: { frames: readonly Buffer[]; bytes: Buffer } | undefined;

function joined(frames: readonly Buffer[]): Buffer {
  if (last === undefined || last.frames.length !== frames.length || !frames.every((frame, at) => frame === last?.frames[at])) last = { frames, bytes: Buffer.concat(frames) };
  return last.bytes;
}
