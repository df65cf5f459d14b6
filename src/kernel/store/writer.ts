/**
 * The writer: gathers writes into groups, brings each group to the disk, and only then publishes it and settles its promises.
 *
 * One group is under way at a time; what arrives meanwhile is the next one. A write gets its revision, and is checked against the newest
 * state, when it arrives, so two updates of one object in one group cannot both win. When a group fails, so do all writes that wait:
 * they may stand on it; on a full disk those that free room are told from the others, and get there with the help of the reserve. Compaction
 * and checkpoints take their turns between groups.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '../../base/log.ts';
import { databaseError } from './database-error.ts';
import { KEPT_PARTS, keptFrom, withReserve } from './full-disk.ts';
import type { Reserve } from './reserve.ts';
import type { ChangeType, RevisionLog } from './revision-log.ts';
import { DELETED } from './revision-log.ts';
import { isStoreError, StoreError } from './store.ts';
import type { StoredObject } from './stored-object.ts';

export interface Write {
  type: ChangeType;
  stored: StoredObject;
  previous: StoredObject | undefined;
  /** A deletion whose last state differs from `previous` by its revision only: the log needs no second copy, so it fits a full disk. */
  bare?: boolean;
}

export interface Writer {
  /** The newest state of a key, writes under way included. */
  newest(key: string): StoredObject | undefined;
  /** The keys of the writes under way. */
  pendingKeys(): Iterable<string>;
  /** The revision for the next write. */
  nextRevision(): number;
  /** Throws `failed` or `closed` when nothing can be written. */
  check(): void;
  /** Takes writes that belong together: all of them are in one group. Settles when they are on the disk. */
  submit(writes: readonly Write[]): Promise<void>;
  /** Runs a short synchronous change of the database between two groups; it is run again while it finds no room and the reserve has some. */
  between(work: () => void): Promise<void>;
  settled(): Promise<void>;
  /** As `settled`, but rejects when a write that was under way failed. */
  confirmed(): Promise<void>;
  readonly pending: number;
  readonly figures: { writes: number; groups: number; syncMs: number };
  /** Brings what waits to the disk and takes nothing more. */
  close(): Promise<void>;
}

interface Unit {
  writes: readonly Write[];
  resolve(): void;
  reject(error: StoreError): void;
}

/** A bigger group would hold the event loop for more than about a millisecond. */
const MAX_GROUP_WRITES = 256;
const MAX_GROUP_BYTES = 2 * 1_024 * 1_024;
/** Of the write-ahead log. A checkpoint of 2 MiB takes about a millisecond of the loop. While the disk has no room the log is kept from growing. */
const CHECKPOINT_BYTES = 2 * 1_024 * 1_024;
const SHORT_CHECKPOINT_BYTES = 128 * 1_024;

/** `full` is called whenever the disk had no room, also where the reserve helped. */
export function createWriter(options: { revisions: RevisionLog; reserve: Reserve; get(key: string): StoredObject | undefined; publish(write: Write): void; full(): void; log: Log }): Writer {
  const { revisions, reserve, log } = options;
  const newest = new Map<string, Write>();
  const figures = { writes: 0, groups: 0, syncMs: 0 };
  let units: Unit[] = [];
  const chores: (() => void)[] = [];
  let pending = 0;
  let lastRevision = revisions.lastRevision;
  let running: Promise<void> | undefined;
  let stopped: StoreError | undefined;

  function check(): void {
    if (stopped !== undefined) throw new StoreError(stopped.code, stopped.message, { cause: stopped });
  }

  function submit(writes: readonly Write[]): Promise<void> {
    if (reserve.short && keptFrom(writes) === undefined && !reserve.refill()) return Promise.reject(databaseError({ code: 'ENOSPC' }, revisions.path));
    for (const write of writes) newest.set(write.stored.key, write);
    pending += writes.length;
    return new Promise((resolve, reject) => {
      units.push({ writes, resolve, reject });
      start();
    });
  }

  function start(): void {
    running ??= run().finally(() => {
      running = undefined;
      if (units.length + chores.length > 0) start();
    });
  }

  async function run(): Promise<void> {
    // What arrives in this turn of the event loop belongs to the group.
    await nextTurn();
    while (units.length + chores.length > 0) {
      if (units.length > 0) await commit();
      if (revisions.unwrittenBytes > (reserve.short ? SHORT_CHECKPOINT_BYTES : CHECKPOINT_BYTES)) await checkpoint();
      await chore();
      if (chores.length > 0 && units.length === 0) await nextTurn();
    }
  }

  /** Synced at once: a log never ends with more than one transaction that is not, by which damage can be told from a power cut. */
  async function chore(): Promise<void> {
    const work = chores.shift();
    if (work === undefined) return;
    work();
    await revisions.sync().catch((error: unknown) => fail([], error as StoreError));
  }

  async function commit(): Promise<void> {
    let group = takeGroup();
    let writes = writesOf(group);
    try {
      try {
        append(writes);
      } catch (error) {
        group = appendFromReserve(group, error as StoreError);
        writes = writesOf(group);
      }
      const beforeMs = performance.now();
      await revisions.sync();
      figures.syncMs += performance.now() - beforeMs;
    } catch (error) {
      fail(group, error as StoreError);
      return;
    }
    figures.groups += 1;
    figures.writes += writes.length;
    pending -= writes.length;
    for (const write of writes) publish(write);
    for (const unit of group) unit.resolve();
  }

  function append(writes: readonly Write[]): void {
    if (writes.length > 0) revisions.append(writes.map(rowOf));
  }

  /** After a group found no room: brings those of its writes to the log that the reserve is for, and gives them; the others have failed. */
  function appendFromReserve(group: readonly Unit[], error: StoreError): Unit[] {
    if (!isStoreError(error, 'full')) throw error;
    reserve.found();
    options.full();
    for (const kept of KEPT_PARTS) {
      const left = failAllBut(group, kept, error);
      try {
        withReserve(reserve, kept, () => append(writesOf(left)));
        return left;
      } catch (again) {
        if (!isStoreError(again, 'full')) throw again;
        group = left;
      }
    }
    throw error;
  }

  /** Fails what may not take the reserve down to `kept`, in the group and behind it, with what stands on it: later writes of the same keys, and who asked whether all went well. */
  function failAllBut(group: readonly Unit[], kept: number, error: StoreError): Unit[] {
    const lost = new Set<string>();
    const stays = ({ writes, reject }: Unit): boolean => {
      const keeps = keptFrom(writes);
      if (writes.length === 0 ? lost.size === 0 : keeps !== undefined && keeps <= kept && !writes.some(({ stored }) => lost.has(stored.key))) return true;
      for (const { stored } of writes) lost.add(stored.key);
      reject(error);
      return false;
    };
    const left = group.filter(stays);
    units = units.filter(stays);
    newest.clear();
    const under = writesOf([...left, ...units]);
    for (const write of under) newest.set(write.stored.key, write);
    pending = under.length;
    if (lost.size > 0) log.error('writes found no room on the disk', { writes: lost.size });
    return left;
  }

  function publish(write: Write): void {
    if (newest.get(write.stored.key) === write) newest.delete(write.stored.key);
    options.publish(write);
  }

  function takeGroup(): Unit[] {
    let count = 0;
    let bytes = 0;
    let taken = 0;
    for (const unit of units) {
      count += unit.writes.length;
      for (const write of unit.writes) bytes += write.stored.bytes.length;
      if (taken > 0 && (count > MAX_GROUP_WRITES || bytes > MAX_GROUP_BYTES)) break;
      taken += 1;
    }
    return units.splice(0, taken);
  }

  function fail(group: readonly Unit[], error: StoreError): void {
    log.error('a group of writes failed', { writes: pending, reason: error.code, error });
    if (!isStoreError(error, 'full')) stopped = error;
    const failed = [...group, ...units];
    units = [];
    pending = 0;
    newest.clear();
    for (const unit of failed) unit.reject(error);
  }

  async function checkpoint(): Promise<void> {
    try {
      await revisions.checkpoint((fold) => withReserve(reserve, 0, fold));
    } catch (error) {
      log.error('the write-ahead log could not be folded into the database', { error: error as Error });
      if (!isStoreError(error, 'full')) fail([], error as StoreError);
    }
  }

  function between(work: () => void): Promise<void> {
    check();
    return new Promise((resolve, reject) => {
      chores.push(() => {
        try {
          withReserve(reserve, 0, work);
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      });
      start();
    });
  }

  /** A unit without writes goes the way of all that came before it. */
  function confirmed(): Promise<void> {
    return pending === 0 ? Promise.resolve() : submit([]);
  }

  const settled = (): Promise<void> => confirmed().catch(() => {});

  return {
    newest(key) {
      const write = newest.get(key);
      return write === undefined ? options.get(key) : write.type === DELETED ? undefined : write.stored;
    },
    pendingKeys: () => newest.keys(),
    nextRevision: () => ++lastRevision,
    check, submit, between, settled, confirmed, figures,
    get pending() { return pending; },
    async close() {
      stopped ??= new StoreError('closed', 'the store is closed');
      await settled();
      await running;
    },
  };
}

const writesOf = (units: readonly Unit[]): readonly Write[] => (units.length === 1 ? (units[0] as Unit).writes : units.flatMap((unit) => unit.writes));

const NOTHING = Buffer.alloc(0);

function rowOf(write: Write): { revision: number; type: ChangeType; previous: number; createRevision: number; key: string; bytes: Buffer } {
  const { stored, type, previous } = write;
  const bytes = write.bare === true ? NOTHING : stored.bytes;
  return { revision: stored.revision, type, previous: previous?.revision ?? 0, createRevision: stored.createRevision, key: stored.key, bytes };
}
