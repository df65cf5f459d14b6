/**
 * The store: a log of revisions, and the objects that it adds up to.
 *
 * Every write makes one revision; the revision is the resourceVersion of the whole cluster. All live objects are in memory with their
 * serialized bytes, so a read costs no parse and no query. A write's promise settles when it is on the disk; reads and watches
 * only ever show what is on the disk. The store knows nothing of kinds: keys are `/GROUP-OR-core/PLURAL/NAMESPACE/NAME`
 * (`/core/nodes/n1` for cluster-wide ones), and the first two segments are the resource.
 */
import type { KubeObject } from '../../api/meta.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Seal } from './seal.ts';

/** One state of one object. The same value is given to every reader and watcher. */
export interface Stored<T extends KubeObject = KubeObject> {
  readonly key: string;
  /** The revision of this state: metadata.resourceVersion as a number. */
  readonly revision: number;
  /** The revision at which the object came into being (lives on over updates). */
  readonly createRevision: number;
  /** Deep-frozen; parsed from `bytes` when first asked for. */
  readonly object: T;
  /** The object as JSON in UTF-8, with metadata.resourceVersion. Never change it. */
  readonly bytes: Buffer;
}

export interface ListOptions {
  /** At most so many items; default is all. */
  limit?: number;
  /** Only keys that sort after this one. */
  startAfter?: string;
  /** The state as it was at this revision; default is now. Throws `compacted` or `future`. */
  revision?: number;
}

export interface StoredList {
  /** Sorted by key (code units, as etcd sorts bytes of ASCII keys). */
  items: Stored[];
  /** The revision whose state this is. */
  revision: number;
  /** How many more match after the last item. */
  remaining: number;
  /** The last key given, for `startAfter`; set when `remaining` is above 0. */
  last?: string;
}

/** One change; the same value goes to all watchers. */
export interface StoreEvent {
  readonly type: 'added' | 'modified' | 'deleted';
  readonly key: string;
  /** The new state; of a deletion the last state, with the revision of the deletion. */
  readonly stored: Stored;
  /** The state before; absent for 'added'. */
  readonly previous?: Stored;
  readonly revision: number;
}

/** Where a watch goes. A sink that throws ends its watch. */
export interface WatchSink {
  /** Called in the order of revisions. False pauses the watch until `resume()`; the event itself counts as taken. */
  event(event: StoreEvent): boolean | void;
  /** The watch has ended by itself: `compacted`, `slow`, `closed`, `failed`. Not called after the signal aborted. */
  error(error: StoreError): void;
}

/** A running watch; it ends with its signal. */
export interface Watch {
  /** Every event up to and including this revision has been given: what a bookmark may say. */
  readonly revision: number;
  /** Goes on after a pause. */
  resume(): void;
}

export interface WatchOptions {
  /** Begin after this revision; default: after now. Throws `compacted` or `future` at once. */
  fromRevision?: number;
  signal: AbortSignal;
  /** A paused watch that misses more events than this is dropped with `slow`; default 10,000: it costs nothing but the reading when it goes on. */
  maxBehind?: number;
}

/** What a snapshot differs by from the present. */
export interface SnapshotDifference {
  key: string;
  /** Seen from the snapshot to the present: 'added' exists now only. */
  type: 'added' | 'modified' | 'deleted';
  before?: Stored;
  now?: Stored;
}

export interface SnapshotInfo {
  name: string;
  revision: number;
  /** ms since the epoch. */
  createdMs: number;
  sizeBytes: number;
}

export interface Snapshots {
  /** Keeps the whole state under a name (DNS label); throws `exists`. */
  create(name: string): Promise<SnapshotInfo>;
  list(): SnapshotInfo[];
  /** What changed since, sorted by key; throws `missing`. */
  diff(name: string): Promise<SnapshotDifference[]>;
  /** Goes back: writes every difference as new revisions in one group, so watchers follow. Gives how many objects changed. */
  restore(name: string): Promise<number>;
  delete(name: string): Promise<void>;
}

export interface StoreStats {
  revision: number;
  compactedRevision: number;
  objects: number;
  /** Serialized bytes of the live objects. */
  objectBytes: number;
  /** Size of the database and its write-ahead log on the disk. */
  diskBytes: number;
  watches: number;
  pendingWrites: number;
  /** Since opening. */
  writes: number;
  groups: number;
  /** Time in fdatasync since opening. */
  syncMs: number;
  droppedWatches: number;
}

export interface Store {
  /** The newest revision on the disk. */
  readonly revision: number;
  /** List and watch from below this revision throw `compacted`. */
  readonly compactedRevision: number;
  /** As JSON; a larger one is refused as `large`. */
  readonly maxObjectBytes: number;
  get(key: string): Stored | undefined;
  /**
   * The newest state with writes that are not on the disk yet: only to compute the next write of the same key from. Never show it to a
   * client before `settled()`.
   */
  newest(key: string): Stored | undefined;
  /** Throws `failed` or `closed` when nothing can be written any more. */
  check(): void;
  /** Settles when all writes so far are on the disk (or failed). */
  settled(): Promise<void>;
  /**
   * Settles when all writes so far are on the disk, and rejects when one of them did not get there: what was decided by `newest`, or refused
   * (`exists`, `missing`, `modified` are judged with the writes under way), may be told then.
   */
  confirmed(): Promise<void>;
  /** All under a prefix that ends in `/` and names at least the resource (or `/` for everything). */
  list(prefix: string, options?: ListOptions): StoredList;
  /** How many objects are under the prefix. */
  count(prefix: string): number;
  /**
   * The store takes the object over, sets metadata.resourceVersion, and freezes it; give plain JSON that nobody else changes (parts that
   * are frozen already may be shared). Rejects with `exists`.
   */
  create<T extends KubeObject>(key: string, object: T): Promise<Stored<T>>;
  /** Optimistic: rejects with `modified` unless `revision` is the newest, pending writes included; with `missing` when gone. */
  update<T extends KubeObject>(key: string, object: T, options: { revision: number }): Promise<Stored<T>>;
  /** Gives the last state (or `object`, when given) with the revision of the deletion. Without `revision` it deletes any state. */
  delete(key: string, options?: { revision?: number; object?: KubeObject }): Promise<Stored>;
  watch(prefix: string, options: WatchOptions, sink: WatchSink): Watch;
  /** Forgets the history before a revision (default: the newest), in small steps. What lives stays. */
  compact(toRevision?: number): Promise<void>;
  /** Writes a whole copy, mode 0600, while work goes on. `restoreBackup` brings it back. */
  backup(path: string): Promise<void>;
  readonly snapshots: Snapshots;
  stats(): StoreStats;
  /** Settles when pending writes are on the disk and everything is released. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Made with mode 0700 when missing; holds `store.db`, its write-ahead log, and `snapshots/`. One store a folder. */
  folder: string;
  clock: Clock;
  log: Log;
  /** Closes the store when it aborts. */
  signal?: AbortSignal;
  /** Default 1.5 MiB, as etcd. */
  maxObjectBytes?: number;
  /** History is kept for at least this long, default 5 minutes, but for no more than `keepRevisions`, default 50,000. */
  keepMs?: number;
  keepRevisions?: number;
  /** The database may not grow above this; default: as the disk allows. */
  maxDiskBytes?: number;
  /** How objects are written on the disk; default plainly. What is written in another way is written anew when the store is opened. */
  seal?: Seal;
  /** JSON bytes of the objects kept parsed beside their bytes; default 16 MiB. */
  parsedBytes?: number;
}

/**
 * exists, missing, modified: the answer to a write. compacted, future: the revision asked for is gone, or not made yet. large: the object is.
 * full: no room on the disk; earlier data is safe, and writes work again once there is. slow: a watch fell behind. locked: another process has
 * the folder. sealed: no key opens what was written. damaged: the database cannot be read. failed: the disk failed; the store only reads until it is opened anew. closed. invalid: a
 * key, prefix or name that cannot be.
 */
export type StoreErrorCode =
  | 'exists' | 'missing' | 'modified' | 'compacted' | 'future' | 'large' | 'full' | 'slow' | 'locked' | 'sealed' | 'damaged' | 'failed' | 'closed' | 'invalid';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly key: string | undefined;

  constructor(code: StoreErrorCode, message: string, options: { key?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.key = options.key;
  }
}

/** True when `error` is a StoreError with one of the codes. */
export function isStoreError(error: unknown, ...codes: StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code));
}
