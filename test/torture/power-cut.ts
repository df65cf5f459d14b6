/**
 * A disk that loses power: what was synced is there; of what was written since, any sectors may be, in any order, and of the names in a
 * folder that was not synced since, those up to some point (file systems keep the order of names).
 */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DiskEvent } from './disk-record.ts';
import type { Random } from './random.ts';

const SECTOR_BYTES = 512;

type Pending = { at: number; bytes: Buffer } | { size: number };

interface File {
  durable: Image;
  /** Written since, in order; `syncing` of them are covered by a sync under way. */
  pending: Pending[];
}

type NameChange = { path: string; file: File | undefined };

export interface Disk {
  take(event: DiskEvent): void;
  /** Bytes that a power cut now may lose, of files whose name ends so. */
  unsyncedBytes(suffix?: string): number;
  /** Writes what a power cut at this moment may leave into a folder. */
  cut(into: string, random: Random): void;
}

export function createDisk(): Disk {
  const names = new Map<string, File>();
  const durableNames = new Map<string, File>();
  const nameChanges: NameChange[] = [];
  const syncs = new Map<number, { file?: File; count: number; names?: number }>();

  function change(path: string, file: File | undefined): void {
    if (file === undefined) names.delete(path);
    else names.set(path, file);
    nameChanges.push({ path, file });
  }

  function fileAt(path: string): File {
    const file = names.get(path);
    if (file === undefined) throw new Error(`${path} was written before it was made`);
    return file;
  }

  function take(event: DiskEvent): void {
    switch (event.what) {
      case 'create':
        if (!names.has(event.path)) change(event.path, { durable: new Image(Buffer.alloc(0)), pending: [] });
        return;
      case 'unlink': return change(event.path, undefined);
      case 'rename': {
        const file = fileAt(event.path);
        change(event.to, file);
        return change(event.path, undefined);
      }
      case 'write': return void fileAt(event.path).pending.push({ at: event.at, bytes: event.bytes });
      case 'truncate': return void fileAt(event.path).pending.push({ size: event.size });
      case 'sync-begin': {
        const file = names.get(event.path);
        syncs.set(event.sync, file === undefined ? { count: 0, names: nameChanges.length } : { file, count: file.pending.length });
        return;
      }
      case 'sync-end': return synced(event.sync);
      default:
    }
  }

  function synced(sync: number): void {
    const { file, count, names: changed } = syncs.get(sync) as { file?: File; count: number; names?: number };
    syncs.delete(sync);
    if (file !== undefined) {
      for (const pending of file.pending.splice(0, count)) file.durable.apply(pending);
      // Two syncs of one file at a time cover each other's writes once.
      for (const other of syncs.values()) if (other.file === file) other.count = Math.max(0, other.count - count);
    } else for (const each of nameChanges.splice(0, changed)) setName(durableNames, each);
  }

  function cut(into: string, random: Random): void {
    const left = new Map(durableNames);
    for (const each of nameChanges.slice(0, random.int(nameChanges.length + 1))) setName(left, each);
    const chance = random.pick([0, 0, 0.1, 0.5, 0.9, 1, 1]);
    const sectorBytes = random.pick([SECTOR_BYTES, 4_096]);
    for (const [path, file] of left) {
      const image = new Image(file.durable.bytes);
      const prefix = random.chance(0.3) ? random.int(file.pending.length + 1) : undefined;
      file.pending.forEach((pending, index) => {
        if (prefix !== undefined) {
          if (index < prefix) image.apply(pending);
        } else if ('size' in pending) {
          if (random.chance(chance)) image.apply(pending);
        } else for (const part of sectorsOf(pending, sectorBytes)) if (random.chance(chance)) image.apply(part);
      });
      writeFileSync(join(into, basename(path)), image.bytes, { mode: 0o600 });
    }
  }

  function unsyncedBytes(suffix = ''): number {
    let sum = 0;
    for (const [path, { pending }] of names) if (path.endsWith(suffix)) for (const each of pending) sum += 'bytes' in each ? each.bytes.length : 0;
    return sum;
  }

  return { take, unsyncedBytes, cut };
}

function setName(names: Map<string, File>, { path, file }: NameChange): void {
  if (file === undefined) names.delete(path);
  else names.set(path, file);
}

/** Bytes that are changed in place, with room to grow. */
class Image {
  #bytes: Buffer;
  #size: number;

  constructor(from: Buffer) {
    this.#bytes = Buffer.alloc(from.length + 65_536);
    from.copy(this.#bytes);
    this.#size = from.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  apply(pending: Pending): void {
    if ('size' in pending) {
      this.#bytes.fill(0, Math.min(pending.size, this.#size), Math.max(pending.size, this.#size));
      this.#size = pending.size;
      return;
    }
    const end = pending.at + pending.bytes.length;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(end)]);
    pending.bytes.copy(this.#bytes, pending.at);
    this.#size = Math.max(this.#size, end);
  }
}

function* sectorsOf({ at, bytes }: { at: number; bytes: Buffer }, sectorBytes: number): Generator<{ at: number; bytes: Buffer }> {
  for (let from = at; from < at + bytes.length; ) {
    const to = Math.min(at + bytes.length, (Math.floor(from / sectorBytes) + 1) * sectorBytes);
    yield { at: from, bytes: bytes.subarray(from - at, to - at) };
    from = to;
  }
}

