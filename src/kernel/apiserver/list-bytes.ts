/**
 * The JSON of lists, by runs of some hundred objects: a run is joined once and kept for the next list as long as none of its objects changed.
 * Where a run begins depends on the object alone, so that an object more or less changes one run and not all that follow.
 */
import type { Stored } from '../store/store.ts';

interface Run {
  items: readonly Stored[];
  bytes: Buffer;
}

export interface ListBytes {
  /** The items with commas between them, in pieces to be written one after another; undefined where keeping them is not worth it. */
  of(items: readonly Stored[]): Buffer[] | undefined;
}

export interface ListBytesOptions {
  /** The runs kept take no more, default 8 MiB; a longer list is not kept. */
  keepBytes?: number;
  /** Runs that nobody asked for meanwhile are let go of after so long, default 10 s. */
  keepMs?: number;
}

/** A shorter list is joined as fast as it is looked up. */
const LEAST_BYTES = 64 * 1024;
/** On average; no run is longer than four times that. */
const RUN_ITEMS = 64;
const RUN_MOST = 4 * RUN_ITEMS;
const COMMA = 0x2c;

export function createListBytes({ keepBytes = 8 * 2 ** 20, keepMs = 10_000 }: ListBytesOptions = {}): ListBytes {
  /** By the first item, those asked for last at the end. */
  const runs = new Map<Stored, Run>();
  let keptBytes = 0;
  let asked = false;
  let timer: NodeJS.Timeout | undefined;

  function of(items: readonly Stored[]): Buffer[] | undefined {
    let lengthBytes = 0;
    for (let at = 0; at < items.length; at += 1) lengthBytes += (items[at] as Stored).bytes.length;
    if (lengthBytes < LEAST_BYTES || lengthBytes + items.length > keepBytes) return undefined;
    return runsOf(items).map((run, index) => kept(run, index === 0));
  }

  function kept(items: readonly Stored[], isFirst: boolean): Buffer {
    asked = true;
    const first = items[0] as Stored;
    let run = runs.get(first);
    if (run === undefined || !sameItems(run.items, items)) {
      if (run !== undefined) keptBytes -= run.bytes.length;
      run = { items, bytes: joined(items) };
      keptBytes += run.bytes.length;
    }
    runs.delete(first);
    runs.set(first, run);
    trim();
    // Kept with the comma in front, which the first of a list has none of.
    return isFirst ? run.bytes.subarray(1) : run.bytes;
  }

  function trim(): void {
    for (const [first, { bytes }] of runs) {
      if (keptBytes <= keepBytes) break;
      runs.delete(first);
      keptBytes -= bytes.length;
    }
    timer ??= setInterval(forgetUnused, keepMs).unref();
  }

  function forgetUnused(): void {
    if (asked) {
      asked = false;
      return;
    }
    clearInterval(timer);
    timer = undefined;
    runs.clear();
    keptBytes = 0;
  }

  return { of };
}

function runsOf(items: readonly Stored[]): Stored[][] {
  const runs: Stored[][] = [];
  let from = 0;
  for (let at = 1; at <= items.length; at += 1) {
    if (at < items.length && at - from < RUN_MOST && !beginsRun(items[at] as Stored)) continue;
    runs.push(items.slice(from, at));
    from = at;
  }
  return runs;
}

/** One in RUN_ITEMS does, by a multiplicative hash of what stays the same over all updates of an object. */
function beginsRun({ createRevision }: Stored): boolean {
  return Math.imul(createRevision, 0x9e37_79b1) >>> 0 < 2 ** 32 / RUN_ITEMS;
}

function sameItems(some: readonly Stored[], others: readonly Stored[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}

/** With a comma before each item. */
function joined(items: readonly Stored[]): Buffer {
  let at = 0;
  // Not from the shared pool, and not zeroed: every byte is written.
  const bytes = Buffer.allocUnsafeSlow(items.reduce((sum, each) => sum + each.bytes.length, items.length));
  for (const item of items) {
    bytes[at] = COMMA;
    bytes.set(item.bytes, at + 1);
    at += item.bytes.length + 1;
  }
  return bytes;
}
