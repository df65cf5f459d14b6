/**
 * Looks for damage in the middle of a write-ahead log. SQLite takes the first frame that is not whole for the end of the log: right after a
 * power cut, which leaves at most the one transaction half written that was not synced yet, and silent loss of acknowledged writes when it is
 * damage. Whole transactions behind that place tell the two apart (https://www.sqlite.org/fileformat2.html, section 4).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface WalDamage {
  /** Where the first frame that is not whole begins: what is before can be read. */
  byte: number;
  /** Whole transactions behind it. */
  transactions: number;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/** Undefined when there is no log, or one that ends as a log may end. */
export function findWalDamage(path: string): WalDamage | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return damageIn(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function damageIn(file: number, size: number): WalDamage | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (size <= HEADER_BYTES || readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
  const magic = header.readUInt32BE(0);
  const pageBytes = header.readUInt32BE(8);
  const known = (magic & ~1) >>> 0 === MAGIC && pageBytes >= 512 && pageBytes <= 65_536;
  const wholeHeader = known && matches(header, 24, sumOf(header.subarray(0, 24), { bigEndian: (magic & 1) === 1, seed: [0, 0] }));
  if (!wholeHeader) return damageUnderBadHeader(file, size);
  const salts = header.subarray(16, 24);
  return walk(file, size, { pageBytes, salts, bigEndian: (magic & 1) === 1, seed: [header.readUInt32BE(24), header.readUInt32BE(28)] });
}

interface Frames {
  pageBytes: number;
  salts: Buffer;
  bigEndian: boolean;
  seed: Sum;
}

type Sum = [number, number];

/** Each frame is summed from the sum that the one before it bears, so that those behind a bad one can be judged. */
function walk(file: number, size: number, { pageBytes, salts, bigEndian, seed }: Frames): WalDamage | undefined {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
  let before = seed;
  let bad: { byte: number; endsTransaction: boolean } | undefined;
  let transactions = 0;
  for (let at = HEADER_BYTES; at + frame.length <= size; at += frame.length) {
    readSync(file, frame, 0, frame.length, at);
    const ours = frame.subarray(8, 16).equals(salts);
    const whole = ours && matches(frame, 16, sumOf(frame.subarray(FRAME_HEADER_BYTES), { bigEndian, seed: sumOf(frame.subarray(0, 8), { bigEndian, seed: before }) }));
    const endsTransaction = ours && frame.readUInt32BE(4) > 0;
    if (!whole) bad ??= { byte: at, endsTransaction };
    else if (bad !== undefined && endsTransaction) transactions += 1;
    before = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
  }
  // The first end behind it may be that of the very transaction that was not synced.
  return bad === undefined || transactions < (bad.endsTransaction ? 1 : 2) ? undefined : { byte: bad.byte, transactions };
}

/** A header is written and synced before any frame: one that cannot be read in front of frames is damage. */
function damageUnderBadHeader(file: number, size: number): WalDamage | undefined {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  if (readSync(file, frame, 0, FRAME_HEADER_BYTES, HEADER_BYTES) < FRAME_HEADER_BYTES || frame.every((byte) => byte === 0)) return undefined;
  for (const [pageBytes, bigEndian] of [[4_096, false], [4_096, true]] as const) {
    const seed: Sum = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
    const behind = walkFrom(file, size, { pageBytes, bigEndian, seed, salts: Buffer.from(frame.subarray(8, 16)) });
    if (behind > 0) return { byte: 0, transactions: behind };
  }
  return undefined;
}

/** How many whole frames follow the first. */
function walkFrom(file: number, size: number, { pageBytes, salts, bigEndian, seed }: Frames): number {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
  let before = seed;
  let count = 0;
  for (let at = HEADER_BYTES + frame.length; at + frame.length <= size; at += frame.length) {
    readSync(file, frame, 0, frame.length, at);
    if (!frame.subarray(8, 16).equals(salts)) break;
    if (matches(frame, 16, sumOf(frame.subarray(FRAME_HEADER_BYTES), { bigEndian, seed: sumOf(frame.subarray(0, 8), { bigEndian, seed: before }) })) && frame.readUInt32BE(4) > 0) count += 1;
    before = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
  }
  return count;
}

function matches(buffer: Buffer, at: number, [one, other]: Sum): boolean {
  return buffer.readUInt32BE(at) === one && buffer.readUInt32BE(at + 4) === other;
}

function sumOf(bytes: Buffer, { bigEndian, seed }: { bigEndian: boolean; seed: Sum }): Sum {
  let [one, other] = seed;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 8) {
    one = (one + view.getUint32(at, !bigEndian) + other) >>> 0;
    other = (other + view.getUint32(at + 4, !bigEndian) + one) >>> 0;
  }
  return [one, other];
}
