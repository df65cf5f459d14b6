/** A watch of a store beside the model's changes: each event is the next change under its prefix, and it ends for no reason but those that are allowed. */
import assert from 'node:assert/strict';
import type { Store, StoreError, StoreEvent } from '../../src/kernel/store/index.ts';
import type { ModelChange, StoreModel } from './store-model.ts';

export interface ComparedWatch {
  readonly prefix: string;
  /** It takes nothing at the moment. */
  readonly isPaused: boolean;
  /** What ended it. */
  readonly error: StoreError | undefined;
  /** It has seen all up to here. */
  readonly revision: number;
  /** Compares what came since, and why it ended where it did. */
  check(): void;
  /** The next change that it must see, which is taken as seen. */
  following(): ModelChange | undefined;
  resume(): void;
  stop(): void;
}

interface WatchChoices {
  prefix: string;
  /** Undefined: from now on. */
  fromRevision: number | undefined;
  /** So many events it may be behind. */
  maxBehind: number;
  /** Asked after each event. */
  pauses(): boolean;
}

/** Throws StoreError where the store does. */
export function watchBeside(store: Store, model: StoreModel, { prefix, fromRevision, maxBehind, pauses }: WatchChoices): ComparedWatch {
  const ending = new AbortController();
  const got: StoreEvent[] = [];
  let isPaused = false;
  let error: StoreError | undefined;
  /** In the model's changes, of the next that it must see. */
  let place = model.placeAfter(fromRevision ?? store.revision);
  const opened = store.watch(prefix, { fromRevision, signal: ending.signal, maxBehind }, {
    event(event) {
      got.push(event);
      isPaused = pauses();
      return !isPaused;
    },
    error(reason) { error = reason; },
  });

  function following(): ModelChange | undefined {
    for (; place < model.changes.length; place++) {
      const change = model.changes[place] as ModelChange;
      if (!change.key.startsWith(prefix)) continue;
      place += 1;
      return change;
    }
    return undefined;
  }

  const missed = (): number => model.changes.slice(place).filter(({ key }) => key.startsWith(prefix)).length;

  function assertEnd({ code, message }: StoreError): void {
    if (code === 'compacted') assert.ok(opened.revision < store.compactedRevision, `the watch of ${prefix} at ${opened.revision} ended: ${message}`);
    else if (code === 'slow') assert.ok(isPaused && missed() > maxBehind, `the watch of ${prefix} was not slow: ${missed()}`);
    else assert.equal(code, 'closed', message);
  }

  return {
    prefix, following,
    get isPaused() { return isPaused; },
    get error() { return error; },
    get revision() { return opened.revision; },
    check() {
      for (const event of got.splice(0)) assertEvent(event, following());
      if (error !== undefined) assertEnd(error);
    },
    resume() {
      isPaused = false;
      opened.resume();
    },
    stop: () => ending.abort(),
  };
}

function assertEvent(event: StoreEvent, change: ModelChange | undefined): void {
  assert.ok(change !== undefined, `an event of ${event.key} at ${event.revision} that never was`);
  const seen = { revision: event.revision, type: event.type, key: event.key, json: event.stored.bytes.toString(), previous: event.previous?.bytes.toString() };
  const { revision, type, key, json, previous } = change;
  if (seen.revision !== revision || seen.type !== type || seen.key !== key || seen.json !== json || seen.previous !== previous) assert.deepEqual(seen, { revision, type, key, json, previous });
}
