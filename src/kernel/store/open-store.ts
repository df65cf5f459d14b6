/** Opens a store: reads what lives, and ties the parts together. The drawing: verbs -> writer -> log, then live objects, window, watches. */
import { join } from 'node:path';
import type { KubeObject } from '../../api/meta.ts';
import type { Clock } from '../../base/clock.ts';
import { creation, deletion, replacement } from './change.ts';
import { compactByAge, compactTo } from './compact.ts';
import { eventWindow } from './event-window.ts';
import { resourceOfPrefix } from './keys.ts';
import { createPast } from './list-past.ts';
import { liveObjects, type LiveObjects } from './live-objects.ts';
import { openReserve } from './reserve.ts';
import { ADDED, DELETED, openRevisionLog, type RevisionLog, type Row } from './revision-log.ts';
import { UNSEALED } from './seal.ts';
import { copyWhole, createSnapshots } from './snapshots.ts';
import { StoreError, type ListOptions, type Store, type Stored, type StoredList, type StoreEvent, type StoreOptions } from './store.ts';
import { ParsedObjects, StoredObject } from './stored-object.ts';
import { createWatches } from './watch.ts';
import { createWriter, type Write } from './writer.ts';

const DEFAULT_MAX_OBJECT_BYTES = 1.5 * 1_024 * 1_024;
const DEFAULT_PARSED_BYTES = 16 * 1_024 * 1_024;
/** Objects that nobody used for so long, or up to twice that, are no longer kept parsed: a burst of work leaves a store that rests small. */
const PARSED_TURN_MS = 60_000;
const DEFAULT_KEEP_MS = 5 * 60_000;
const DEFAULT_KEEP_REVISIONS = 50_000;

/** Opens the store in a folder, making it when there is none. Throws `locked`, `sealed`, `damaged`, `full`, `failed`. */
export function openStore(options: StoreOptions): Store {
  const { folder, clock, log } = options;
  const { seal = UNSEALED } = options;
  const revisions = openRevisionLog(join(folder, 'store.db'), { maxDiskBytes: options.maxDiskBytes, seal, reseals: options.seal !== undefined });
  if (revisions.resealed > 0) log.info('objects were written anew, as the configuration of encryption has it', { count: revisions.resealed });
  const parsedObjects = new ParsedObjects(options.parsedBytes ?? DEFAULT_PARSED_BYTES);
  const stored = (row: Row): StoredObject => new StoredObject(parsedObjects, row.key, row.revision, row.createRevision, row.bytes);
  const live = loadLive(revisions, stored);
  const reserve = openReserve(join(folder, 'store.reserve'), log);
  const window = eventWindow({ startRevision: revisions.lastRevision });
  const closing = new AbortController();
  let revision = revisions.lastRevision;
  let forgottenRevision = revisions.compactedRevision;

  const source = {
    window, revisions, live, stored, checkRevision,
    get revision() { return revision; },
    get compactedRevision() { return forgottenRevision; },
  };
  const watches = createWatches(source);
  const listPast = createPast(source);
  const writer = createWriter({ revisions, reserve, log, get: live.get, publish, full: () => void compact().catch(() => {}) });
  const changing = { writer, parsedObjects, maxObjectBytes: options.maxObjectBytes ?? DEFAULT_MAX_OBJECT_BYTES };

  function publish({ type, stored: state, previous }: Write): void {
    if (type === DELETED) live.delete(state.key);
    else live.set(state);
    revision = state.revision;
    const name = type === ADDED ? 'added' : type === DELETED ? 'deleted' : 'modified';
    const event: StoreEvent = { type: name, key: state.key, stored: state, previous, revision };
    window.push(event);
    watches.dispatch(event);
    previous?.superseded();
    // A last state is for the watches alone, and they have it.
    if (type === DELETED) state.superseded();
  }

  function checkRevision(asked: number): void {
    if (closing.signal.aborted) throw new StoreError('closed', 'the store is closed');
    if (asked < forgottenRevision) throw new StoreError('compacted', `revision ${asked} is forgotten, the oldest kept is ${forgottenRevision}: list again`);
    if (asked > revision) throw new StoreError('future', `revision ${asked} is not made yet, the newest is ${revision}`);
  }

  async function write(change: Write): Promise<Stored> {
    await writer.submit([change]);
    return change.stored;
  }

  function list(prefix: string, how: ListOptions = {}): StoredList {
    if (how.revision !== undefined && how.revision !== revision) {
      resourceOfPrefix(prefix);
      checkRevision(how.revision);
      return listPast(prefix, how.revision, how);
    }
    return listNow(live, prefix, how, revision);
  }

  async function compact(toRevision = revision): Promise<void> {
    checkRevision(Math.max(toRevision, forgottenRevision));
    forgottenRevision = Math.max(forgottenRevision, toRevision);
    await compactTo(toRevision, { revisions, writer, signal: closing.signal });
  }

  let copying: Promise<void> = Promise.resolve();
  function backup(path: string): Promise<void> {
    const mine = copying.then(async () => {
      await writer.settled();
      await copyWhole(revisions.db, path);
    });
    copying = mine.catch(() => {});
    return mine;
  }

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    options.signal?.removeEventListener('abort', closeOnAbort);
    await writer.close();
    await copying;
    closing.abort();
    await Promise.all([compacting, turning]);
    watches.closeAll(new StoreError('closed', 'the store was closed'));
    revisions.close();
    reserve.close();
  }

  const compacting = compactByAge({
    keepMs: options.keepMs ?? DEFAULT_KEEP_MS, keepRevisions: options.keepRevisions ?? DEFAULT_KEEP_REVISIONS,
    clock, log, signal: closing.signal, revision: () => revision, compact,
  });
  const turning = turnEach(parsedObjects, clock, closing.signal);
  const closeOnAbort = (): void => void (closed ??= close());
  options.signal?.addEventListener('abort', closeOnAbort, { once: true });

  return {
    get revision() { return revision; },
    get compactedRevision() { return forgottenRevision; },
    maxObjectBytes: changing.maxObjectBytes,
    get: (key) => live.get(key),
    newest: (key) => writer.newest(key),
    check: () => writer.check(),
    settled: () => writer.settled(),
    confirmed: () => writer.confirmed(),
    list,
    count: (prefix) => live.ranges(prefix).reduce((sum, range) => sum + range.to - range.from, 0),
    create: async <T extends KubeObject>(key: string, object: T) => (await write(creation(changing, key, object))) as Stored<T>,
    update: async <T extends KubeObject>(key: string, object: T, how: { revision: number }) => (await write(replacement(changing, key, object, how))) as Stored<T>,
    delete: async (key, how = {}) => write(deletion(changing, key, how)),
    watch: watches.watch,
    compact,
    backup,
    snapshots: createSnapshots(join(folder, 'snapshots'), { ...changing, live, stored, seal, revision: () => revision, copyTo: backup }),
    stats: () => ({
      revision, compactedRevision: forgottenRevision, objects: live.size, objectBytes: live.bytes, diskBytes: revisions.diskBytes(),
      watches: watches.size, droppedWatches: watches.dropped, pendingWrites: writer.pending, ...writer.figures,
    }),
    close: () => (closed ??= close()),
  };
}

function loadLive(revisions: RevisionLog, stored: (row: Row) => StoredObject): LiveObjects {
  try {
    return liveObjects(revisions.live().map(stored));
  } catch (error) {
    revisions.close();
    throw error;
  }
}

function listNow(live: LiveObjects, prefix: string, how: ListOptions, revision: number): StoredList {
  const limit = how.limit ?? Infinity;
  let items: StoredObject[] = [];
  let remaining = 0;
  for (const { items: all, from, to } of live.ranges(prefix, how.startAfter)) {
    const end = Math.min(to, from + limit - items.length);
    if (end > from) {
      const part = all.slice(from, end);
      items = items.length === 0 ? part : items.concat(part);
    }
    remaining += to - Math.max(from, end);
  }
  return { items, revision, remaining, ...(remaining > 0 ? { last: items.at(-1)?.key } : {}) };
}

async function turnEach(parsedObjects: ParsedObjects, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(PARSED_TURN_MS, signal);
    parsedObjects.turn();
  }
}
