/**
 * A day of usage on the disk, a point a minute and series: a file an hour, the oldest removed, so that its size is bounded (10 bytes a point; 1,000 containers are 14 MB).
 * `<hour>.points` has a block a minute: u32 minute, u16 count, then count times u16 series, u32 thousandths of a core, u32 KiB; `<hour>.names` has the name of a series a line.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

export interface RingPoint { minute: number; cpuMillis: number; memoryBytes: number }

export interface UsageRing {
  /** What was used in the minute that ends at `minute` (minutes since the epoch), by the name of the series. Names hold no line break. */
  add(minute: number, points: ReadonlyMap<string, { cpuMillis: number; memoryBytes: number }>): void;
  /** The points by the name of their series, in order of time; those whose name `wanted` does not want are passed over. */
  read(wanted: (name: string) => boolean): Map<string, RingPoint[]>;
}

export const RING_HOURS = 24;
const MOST_SERIES = 5_000;
const HEAD_BYTES = 6;
const POINT_BYTES = 10;

export function usageRing(folder: string): UsageRing {
  mkdirSync(folder, { recursive: true });
  let hour = -1;
  let names = new Map<string, number>();

  function turnTo(next: number): void {
    if (next === hour) return;
    hour = next;
    cutTorn(join(folder, `${hour}.points`), hour);
    names = new Map(namesOf(folder, hour).map((name, index) => [name, index]));
    for (const file of readdirSync(folder)) if (!(Number.parseInt(file, 10) > hour - RING_HOURS - 1 && Number.parseInt(file, 10) <= hour)) rmSync(join(folder, file), { force: true });
  }

  /** Undefined beyond the most of an hour. */
  function numberOf(name: string, fresh: string[]): number | undefined {
    const known = names.get(name);
    if (known !== undefined || names.size >= MOST_SERIES) return known;
    names.set(name, names.size);
    fresh.push(`${name}\n`);
    return names.size - 1;
  }

  return {
    add(minute, points) {
      turnTo(Math.floor(minute / 60));
      const fresh: string[] = [];
      const rows = [...points].flatMap(([name, point]) => {
        const series = numberOf(name, fresh);
        return series === undefined ? [] : [{ series, ...point }];
      });
      const block = Buffer.alloc(HEAD_BYTES + rows.length * POINT_BYTES);
      block.writeUInt32LE(minute, 0);
      block.writeUInt16LE(rows.length, 4);
      rows.forEach((row, index) => {
        const at = HEAD_BYTES + index * POINT_BYTES;
        block.writeUInt16LE(row.series, at);
        block.writeUInt32LE(bounded(row.cpuMillis), at + 2);
        block.writeUInt32LE(bounded(row.memoryBytes / 1_024), at + 6);
      });
      if (fresh.length > 0) appendFileSync(join(folder, `${hour}.names`), fresh.join(''));
      appendFileSync(join(folder, `${hour}.points`), block);
    },
    read(wanted) {
      const found = new Map<string, RingPoint[]>();
      for (const each of hoursIn(folder)) readHour(folder, each, wanted, found);
      for (const points of found.values()) points.sort((a, b) => a.minute - b.minute);
      return found;
    },
  };
}

function bounded(value: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.round(value)));
}

function hoursIn(folder: string): number[] {
  return readdirSync(folder).filter((name) => name.endsWith('.points')).map((name) => Number.parseInt(name, 10)).filter((hour) => !Number.isNaN(hour)).sort((a, b) => a - b);
}

function namesOf(folder: string, hour: number): string[] {
  const file = join(folder, `${hour}.names`);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

/** Gives each whole block of an hour's file, as far as they are sound. */
function* blocksOf(bytes: Buffer, hour: number): Generator<{ minute: number; from: number; end: number }> {
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const [minute, count] = [bytes.readUInt32LE(at), bytes.readUInt16LE(at + 4)];
    const end = at + HEAD_BYTES + count * POINT_BYTES;
    if (Math.floor(minute / 60) !== hour || end > bytes.length) return;
    yield { minute, from: at + HEAD_BYTES, end };
    at = end;
  }
}

/** Takes away a block that a crash cut short, so that others can follow. */
function cutTorn(file: string, hour: number): void {
  if (!existsSync(file)) return;
  const bytes = readFileSync(file);
  let sound = 0;
  for (const { end } of blocksOf(bytes, hour)) sound = end;
  if (sound < bytes.length) truncateSync(file, sound);
}

function readHour(folder: string, hour: number, wanted: (name: string) => boolean, into: Map<string, RingPoint[]>): void {
  const names = namesOf(folder, hour);
  const chosen = names.map((name) => wanted(name));
  const bytes = readFileSync(join(folder, `${hour}.points`));
  for (const { minute, from, end } of blocksOf(bytes, hour)) {
    for (let row = from; row < end; row += POINT_BYTES) {
      const series = bytes.readUInt16LE(row);
      if (chosen[series] !== true) continue;
      const point = { minute, cpuMillis: bytes.readUInt32LE(row + 2), memoryBytes: bytes.readUInt32LE(row + 6) * 1_024 };
      const name = names[series]!;
      const points = into.get(name);
      if (points === undefined) into.set(name, [point]);
      else points.push(point);
    }
  }
}
