/**
 * Outboxes: what watchers are to be sent, gathered, and sent in turns of the event loop. An event of many watchers does not hold the loop until
 * the last has it; and where events come faster than they go out, a watcher gets several in one write, which costs hardly more than one.
 */
import { collectYoung } from '../../base/collect-young.ts';

/** Where an outbox sends to. */
export interface Receiver {
  /** Sends bytes; false when the client reads more slowly, and then `drained` of the outbox is to be called once it is ready for more. */
  send(bytes: Buffer): boolean;
  /** There is room again, after a `put` that gave false. */
  emptied(): void;
}

/** Frames waiting for one watcher; they are shared with the others, so this bounds the pause of one, not memory. */
const MOST_BYTES = 64 * 1024;
/** So long a turn takes; then others have the loop. */
const TURN_MS = 2;
/** So often in a turn the clock is looked at, which takes half a microsecond. */
const FEW_SENDS = 4;

/** After so many sends it is worth while to look for garbage. */
const MANY_SENDS = 100;

/** Those that have something to send, from the place of the next one on. */
let due: Outbox[] = [];
let next = 0;
let isScheduled = false;
let sends = 0;

/** What one watcher is to be sent. One value with all that an event touches: what lies in closures is spread over the memory, and with a thousand watchers each of them is a wait of the processor. */
export class Outbox {
  private readonly to: Receiver;
  /** Nearly always one, which needs no array. */
  private first: Buffer | undefined;
  private others: Buffer[] | undefined;
  private bytes = 0;
  private isDue = false;
  private isBlocked = false;
  private isFull = false;

  constructor(to: Receiver) {
    this.to = to;
  }

  /** Takes a frame; false when enough waits, and then the receiver is told once there is room. */
  put(frame: Buffer): boolean {
    if (this.first === undefined) this.first = frame;
    else (this.others ??= []).push(frame);
    this.bytes += frame.length;
    if (!this.isBlocked) this.expect();
    this.isFull = this.isBlocked || this.bytes >= MOST_BYTES;
    return !this.isFull;
  }

  /** Sends what waits at once, whether the client reads or not: the end of a stream. */
  flush(): void {
    const { first, others } = this;
    if (first === undefined) return;
    this.first = this.others = undefined;
    this.bytes = 0;
    this.isBlocked = !this.to.send(others === undefined ? first : joined([first, ...others]));
    if (!this.isBlocked) this.tell();
  }

  /** Its turn has come. */
  flushDue(): void {
    this.isDue = false;
    this.flush();
  }

  /** The client is ready for more. */
  drained(): void {
    this.isBlocked = false;
    if (this.first !== undefined) this.expect();
    else this.tell();
  }

  private expect(): void {
    if (this.isDue) return;
    this.isDue = true;
    schedule(this);
  }

  private tell(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.to.emptied();
  }
}

function schedule(outbox: Outbox): void {
  due.push(outbox);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flushSome);
}

function flushSome(): void {
  isScheduled = false;
  const untilMs = performance.now() + TURN_MS;
  while (next < due.length) {
    (due[next++] as Outbox).flushDue();
    sends += 1;
    if (sends % FEW_SENDS === 0 && performance.now() > untilMs) break;
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
