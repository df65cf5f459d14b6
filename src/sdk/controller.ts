/**
 * Controller: level-triggered. `reconcile` gets a key and the object as it is now (undefined when gone) and makes the world match;
 * it is never told what changed. What it may touch is declared, and the runner refuses the rest.
 */
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Caches, ObjectKey } from './cache.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './events.ts';

export interface Controller<T extends KubeObject = KubeObject> {
  name: string;
  /** How its events name their source, for instance `deployment-controller`; default that of the module. */
  eventSource?: string;
  /** Each object of this kind is a key to reconcile. */
  for: Kind<T>;
  /** Kinds whose objects have a controller owner of kind `for`: a change reconciles that owner. May be written. */
  owns?: readonly Kind[];
  /** Other kinds to react to: a change reconciles the keys that `keys` gives. Read only unless in `writes`. */
  watches?: readonly Watching[];
  /** Calls `add` with keys to reconcile for a cause that is no object; gives what ends it. */
  follow?(add: (key: ObjectKey) => void, caches: Caches): () => void;
  /** Kinds that are only read, by cache or client. */
  reads?: readonly Kind[];
  /** Kinds that are written beside `for` and `owns`. */
  writes?: readonly Kind[];
  /** Keys worked on at once; default 4. One key is never worked on twice at once. */
  concurrency?: number;
  reconcile(key: ObjectKey, object: T | undefined, context: ReconcileContext): Promise<ReconcileResult | void>;
}

export interface Watching<W extends KubeObject = KubeObject> {
  kind: Kind<W>;
  keys(object: W, caches: Caches): readonly ObjectKey[];
}

/** Keeps the type of the watched kind in `keys`. */
export function watching<W extends KubeObject>(kind: Kind<W>, keys: (object: W, caches: Caches) => readonly ObjectKey[]): Watching {
  return { kind, keys } as unknown as Watching;
}

export interface ReconcileContext {
  client: Client;
  caches: Caches;
  events: EventRecorder;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

export interface ReconcileResult {
  /** Look again after this long, even if nothing changes. */
  requeueAfterMs?: number;
}
