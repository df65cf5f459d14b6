/** What the load writes, and what can be told of it afterwards. */
import assert from 'node:assert/strict';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Store } from '../../src/kernel/store/index.ts';

export const KEYS = 16;

export const keyOf = (index: number): string => `/core/configmaps/default/k${index}`;
/** The writes of a key whose number is divisible by 4 delete it, when it is there. */
export const isDeletion = (number: number): boolean => number % 4 === 0;

interface Numbered extends KubeObject {
  data: { number: string; text: string };
}

export function objectOf(index: number, number: number): KubeObject {
  const text = String.fromCharCode(97 + (number % 26)).repeat(number % 7 === 0 ? 9_000 : 500 + ((number * 37) % 900));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `k${index}`, namespace: 'default' }, data: { number: String(number), text } } as KubeObject;
}

export const numberOf = (object: KubeObject): number => Number((object as Numbered).data.number);

/** What was heard from the load: the newest number sent and acknowledged of each key, and the newest revision acknowledged. */
export interface Heard {
  tried: number[];
  acknowledged: number[];
  revision: number;
}

export const nothingHeard = (): Heard => ({ tried: new Array<number>(KEYS).fill(0), acknowledged: new Array<number>(KEYS).fill(0), revision: 0 });

export function hear(heard: Heard, line: string): void {
  const [word, key, number, revision] = line.split(' ');
  if (word === 'open') heard.revision = Math.max(heard.revision, Number(key));
  if (word === 'try') heard.tried[Number(key)] = Number(number);
  if (word !== 'ack') return;
  heard.acknowledged[Number(key)] = Number(number);
  heard.revision = Math.max(heard.revision, Number(revision));
}

/** Every acknowledged write is there, or one of the same key that was sent later; every object is whole; the revision is not below what was said. */
export function judge(store: Store, heard: Heard): void {
  assert.ok(store.revision >= heard.revision, `the revision went back from ${heard.revision} to ${store.revision}`);
  for (let index = 0; index < KEYS; index++) {
    const [acknowledged, tried] = [heard.acknowledged[index] ?? 0, heard.tried[index] ?? 0];
    const possible = Array.from({ length: tried - acknowledged + 1 }, (_, after) => acknowledged + after);
    const stored = store.get(keyOf(index));
    if (stored === undefined) {
      assert.ok(possible.some((number) => number === 0 || isDeletion(number)), `k${index} is lost: acknowledged ${acknowledged}, sent ${tried}`);
      continue;
    }
    const number = numberOf(stored.object);
    assert.ok(possible.includes(number), `k${index} is at ${number}: acknowledged ${acknowledged}, sent ${tried}`);
    const { metadata, ...rest } = stored.object;
    assert.deepEqual({ ...rest, metadata: { name: metadata.name, namespace: metadata.namespace } }, objectOf(index, number), `k${index} is half of it`);
    assert.equal(metadata.resourceVersion, String(stored.revision));
  }
}

/** All events of the kept history can be read, and add up to the present. */
export async function judgeHistory(store: Store): Promise<void> {
  const present = new Map(store.list('/', { revision: store.compactedRevision }).items.map(({ key, bytes }) => [key, bytes.toString()]));
  const ending = new AbortController();
  let last = store.compactedRevision;
  const watch = store.watch('/', { signal: ending.signal, fromRevision: store.compactedRevision }, {
    event({ type, key, stored, revision, previous }) {
      assert.ok(revision > last, `revision ${revision} after ${last}`);
      last = revision;
      assert.equal(previous?.bytes.toString(), present.get(key), `what ${key} was before ${revision}`);
      if (type === 'deleted') present.delete(key);
      else present.set(key, stored.bytes.toString());
    },
    error: (error) => assert.fail(error),
  });
  for (let turns = 0; watch.revision < store.revision; turns++) {
    assert.ok(turns < 10_000, 'the history cannot be read');
    await new Promise(setImmediate);
  }
  ending.abort();
  assert.deepEqual([...present].sort(), store.list('/').items.map(({ key, bytes }) => [key, bytes.toString()]).sort());
}
