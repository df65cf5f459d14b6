/**
 * The past: what lived at an older revision. A key that has not changed since is as it is now; of one that has, the first change since names the
 * state before it. So a list at an older revision costs as much as has changed since, and chunks of one list share the work.
 */
import { endOf } from './keys.ts';
import type { LiveObjects } from './live-objects.ts';
import type { RevisionLog, Row } from './revision-log.ts';
import { StoreError, type ListOptions, type StoredList } from './store.ts';
import type { StoredObject } from './stored-object.ts';

/** For each key that changed after `revision` and up to `upTo`: the revision of its state back then, or 0 when it did not exist. */
interface Changed {
  prefix: string;
  revision: number;
  upTo: number;
  states: Map<string, number>;
}

export interface PastSource {
  readonly revision: number;
  readonly live: LiveObjects;
  readonly revisions: RevisionLog;
  stored(row: Row): StoredObject;
}

/** Lists of this many pasts at once share their work over chunks. */
const REMEMBERED = 4;

export function createPast(source: PastSource): (prefix: string, revision: number, options: ListOptions) => StoredList {
  const remembered: Changed[] = [];

  function changedSince(prefix: string, revision: number): Map<string, number> {
    let changed = remembered.find((each) => each.prefix === prefix && each.revision === revision);
    if (changed === undefined) {
      changed = { prefix, revision, upTo: revision, states: new Map() };
      remembered.unshift(changed);
      remembered.length = Math.min(remembered.length, REMEMBERED);
    }
    const span = { after: changed.upTo, upTo: source.revision, from: prefix, to: endOf(prefix) };
    for (const change of source.revisions.changes(span)) if (!changed.states.has(change.key)) changed.states.set(change.key, change.previous);
    changed.upTo = source.revision;
    return changed.states;
  }

  return function listPast(prefix, revision, options) {
    const states = changedSince(prefix, revision);
    const start = options.startAfter ?? '';
    const limit = options.limit ?? Infinity;
    const inRange = [...states.keys()].filter((key) => key > start).sort();
    const then = inRange.filter((key) => states.get(key) !== 0);
    const ranges = source.live.ranges(prefix, options.startAfter);
    const unchanged = ranges.reduce((sum, range) => sum + range.to - range.from, 0) - inRange.filter((key) => source.live.get(key) !== undefined).length;

    const items: StoredObject[] = [];
    for (const stored of merged(walk(ranges), then, states)) {
      if (items.length >= limit) break;
      items.push(stored);
    }
    const remaining = unchanged + then.length - items.length;
    return { items, revision, remaining, ...(remaining > 0 ? { last: items.at(-1)?.key } : {}) };
  };

  /** The items that live now and have not changed, with those that have, as they were: in the order of keys. */
  function* merged(now: Iterable<StoredObject>, then: readonly string[], states: ReadonlyMap<string, number>): Generator<StoredObject> {
    let place = 0;
    for (const stored of now) {
      if (states.has(stored.key)) continue;
      for (let key = then[place]; key !== undefined && key < stored.key; key = then[++place]) yield stateAt(states.get(key) as number);
      yield stored;
    }
    for (const key of then.slice(place)) yield stateAt(states.get(key) as number);
  }

  function stateAt(revision: number): StoredObject {
    const row = source.revisions.rowAt(revision);
    if (row === undefined) throw new StoreError('compacted', `revision ${revision} was forgotten meanwhile: list again`);
    return source.stored(row);
  }
}

const STEP = 500;

function* walk(ranges: ReturnType<LiveObjects['ranges']>): Generator<StoredObject> {
  for (const range of ranges) for (let from = range.from; from < range.to; from += STEP) yield* range.items.slice(from, Math.min(from + STEP, range.to));
}
