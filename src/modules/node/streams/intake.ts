/**
 * What clients send faster than the pod takes it: the client is read no further until the pod has caught up, so its own writes wait, as behind kubelet
 * (spdystream reads no next frame). All streams of one connection wait for the slowest.
 */
import type { Writable } from 'node:stream';

/** What may lie here for one stream. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** Each ends the wait: a stream that was ended meanwhile says no more that it drained. */
const TAKEN = ['drain', 'finish', 'close'] as const;

/** The connection of a client. */
export interface Source {
  /** No more is read of it; what was read may still be told. */
  pause(): void;
  resume(): void;
}

export interface Intake {
  /** Passes on what came, and holds the source while more than 1 MiB waits to be taken. */
  write(sink: Writable, data: Buffer): void;
  /** For what nobody takes yet; gives what it is to be told of what came, and what to call once it is passed on or dropped. */
  early(): { came(data: Buffer): void; passed(): void };
}

export function createIntake(source: Source): Intake {
  const full = new Set<object>();
  const hold = (who: object): boolean => {
    if (full.has(who)) return false;
    full.add(who);
    if (full.size === 1) source.pause();
    return true;
  };
  const free = (who: object): void => {
    if (full.delete(who) && full.size === 0) source.resume();
  };
  return {
    write(sink, data) {
      if (sink.destroyed) return;
      sink.write(data);
      if (sink.writableLength <= HIGH_WATER_BYTES || !hold(sink)) return;
      const taken = (): void => {
        for (const event of TAKEN) sink.off(event, taken);
        free(sink);
      };
      for (const event of TAKEN) sink.once(event, taken);
    },
    early() {
      const who = {};
      let bytes = 0;
      return {
        came(data) {
          bytes += data.length;
          if (bytes > HIGH_WATER_BYTES) hold(who);
        },
        passed: () => free(who),
      };
    },
  };
}
