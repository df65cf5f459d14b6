/**
 * The reserve: room on the disk that is held by a file without meaning beside the database, and given back a piece at a time to the writes that
 * free room when there is no other. Without it a disk that is full could not be emptied through the API: a deletion is a write too.
 *
 * A piece is given up right before the write is tried again, in one turn of the event loop, so that others who write to the disk hardly get it.
 * While the reserve is not whole the disk counts as short of room: what grows is refused, so that it cannot eat what deletions freed, until the
 * disk has room to fill the reserve again.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../../base/log.ts';

/** Two checkpoints' worth: deletions need a fraction of it, since the write-ahead log is used again after each. */
const RESERVE_BYTES = 4 * 1_024 * 1_024;
/** At most this part of the file system. */
const DISK_SHARE = 1 / 16;
const PIECE_BYTES = 32 * 1_024;

export interface Reserve {
  /** The disk was full, and has not had the room since to fill the reserve again. */
  readonly short: boolean;
  /** The disk is full: begins the shortage. */
  found(): void;
  /** Gives up a piece; false when then less than `kept` (0 to 1, a part of the whole) were left. */
  give(kept: number): boolean;
  /** Ends the shortage when the disk has the room; gives whether it has. */
  refill(): boolean;
  close(): void;
}

/** The reserve in the file at `path`, filled as far as the disk allows; a disk on which no file can be made has none. */
export function openReserve(path: string, log: Log): Reserve {
  const folder = dirname(path);
  const disk = statfsSync(folder);
  const wholeBytes = piecesOf(Math.min(RESERVE_BYTES, disk.blocks * disk.bsize * DISK_SHARE));
  let file: number | undefined;
  let heldBytes = 0;
  let short = false;

  function begin(): void {
    if (short) return;
    short = true;
    log.warn('the disk of the store is full: what grows is refused, deletions go on', { reserveBytes: heldBytes });
  }

  function fill(): boolean {
    try {
      file ??= openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      heldBytes = fstatSync(file).size;
      const missingBytes = Math.max(0, wholeBytes - heldBytes);
      const { bavail, bsize } = statfsSync(folder);
      // One piece more, so that the write that asked finds room as well.
      if (bavail * bsize < missingBytes + PIECE_BYTES) return false;
      // No zeros: a file system that compresses would hold nothing for them.
      const bytes = randomFillSync(Buffer.allocUnsafe(PIECE_BYTES));
      for (let written = 0; written < missingBytes;) written += writeSync(file, bytes, 0, Math.min(bytes.length, missingBytes - written), heldBytes + written);
      return true;
    } catch {
      // Somebody else took the room meanwhile: what was written is held.
      return false;
    } finally {
      if (file !== undefined) heldBytes = fstatSync(file).size;
    }
  }

  if (!fill()) begin();
  return {
    get short() { return short; },
    found: begin,
    give(kept) {
      if (file === undefined || heldBytes < PIECE_BYTES || heldBytes - PIECE_BYTES < wholeBytes * kept) return false;
      heldBytes -= PIECE_BYTES;
      ftruncateSync(file, heldBytes);
      return true;
    },
    refill() {
      if (!short || !fill()) return !short;
      short = false;
      log.info('the disk of the store has room again', { reserveBytes: heldBytes });
      return true;
    },
    close() {
      if (file !== undefined) closeSync(file);
    },
  };
}

const piecesOf = (bytes: number): number => Math.floor(bytes / PIECE_BYTES) * PIECE_BYTES;
