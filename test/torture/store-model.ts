/** The store as it should be: a list of changes, from which every state and every stream of events follows. Slow and plainly right. */
import type { KubeObject } from '../../src/api/meta.ts';
import type { StoreEvent } from '../../src/kernel/store/index.ts';

export interface ModelChange {
  revision: number;
  type: StoreEvent['type'];
  key: string;
  /** The JSON of the new state; of a deletion the last state, with the deletion's revision. */
  json: string;
  /** The JSON of the state before; undefined for 'added'. */
  previous: string | undefined;
}

export interface ModelState {
  revision: number;
  createRevision: number;
  json: string;
}

/** What a write is answered: the error code, or undefined when it goes through. */
export type Verdict = 'exists' | 'missing' | 'modified' | undefined;

export class StoreModel {
  /** Every change ever, in the order of revisions. */
  readonly changes: ModelChange[] = [];
  /** The newest state with writes under way: what writes are judged by. `token` is the promise's own mark until its revision is known. */
  readonly #newest = new Map<string, { token: number; object: KubeObject }>();
  #tokens = 0;
  readonly #live = new Map<string, ModelState>();

  #floor = 1;

  get revision(): number {
    return Math.max(this.#floor, this.changes.at(-1)?.revision ?? 1);
  }

  /** After the restore of a backup the revision is higher than that of any change. */
  raiseTo(revision: number): void {
    this.#floor = revision;
  }

  newestOf(key: string): { token: number; object: KubeObject } | undefined {
    return this.#newest.get(key);
  }

  judgeCreate(key: string): Verdict {
    return this.#newest.has(key) ? 'exists' : undefined;
  }

  /** `stale` says that the revision given is not the newest one's. */
  judgeChange(key: string, stale: boolean): Verdict {
    return this.#newest.has(key) ? (stale ? 'modified' : undefined) : 'missing';
  }

  begin(key: string, object: KubeObject | undefined): void {
    if (object === undefined) this.#newest.delete(key);
    else this.#newest.set(key, { token: ++this.#tokens, object });
  }

  /** A write is on the disk: the changes come in the order of revisions, or something is wrong. */
  done(type: StoreEvent['type'], key: string, object: KubeObject, revision: number): void {
    if (revision <= this.revision) throw new Error(`revision ${revision} of ${key} came after ${this.revision}`);
    const before = this.#live.get(key);
    const json = JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } });
    this.changes.push({ revision, type, key, json, previous: before?.json });
    if (type === 'deleted') this.#live.delete(key);
    else this.#live.set(key, { revision, createRevision: before?.createRevision ?? revision, json });
  }

  live(key: string): ModelState | undefined {
    return this.#live.get(key);
  }

  liveUnder(prefix: string): [string, ModelState][] {
    return [...this.#live].filter(([key]) => key.startsWith(prefix)).sort(byKey);
  }

  /** What lived under a prefix at a revision, from all changes up to it. */
  stateAt(prefix: string, revision: number): [string, string][] {
    const state = new Map<string, string>();
    for (const change of this.changes) {
      if (change.revision > revision) break;
      if (!change.key.startsWith(prefix)) continue;
      if (change.type === 'deleted') state.delete(change.key);
      else state.set(change.key, change.json);
    }
    return [...state].sort(byKey);
  }

  /** The place in `changes` of the first one after a revision. */
  placeAfter(revision: number): number {
    let [low, high] = [0, this.changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.changes[middle] as ModelChange).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}
