/** What tests of the store have in common: objects, watches that remember, errors. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../../api/meta.ts';
import { isStoreError, type Store, type StoreError, type StoreErrorCode, type StoreEvent, type WatchOptions } from '../store.ts';

export const KEY = '/core/configmaps/default/one';

/** The object that tests of the store make; the store knows nothing of its kind. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { app: 'test' } }, data };
}

/** One of each key, at once. */
export async function make(store: Store, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => store.create(`/core/configmaps/${key}`, configMap(key))));
}

/** What a list gives, without the resource. */
export function names(list: { items: readonly { key: string }[] }): string[] {
  return list.items.map((each) => each.key.slice('/core/configmaps/'.length));
}

/** A watch that keeps what it is given; `answer` says whether it takes more. */
export function collect(store: Store, prefix: string, options: Partial<WatchOptions> = {}, answer: (event: StoreEvent) => boolean = () => true) {
  const ending = new AbortController();
  const got = { events: [] as StoreEvent[], error: undefined as StoreError | undefined, stop: () => ending.abort() };
  const watch = store.watch(prefix, { signal: ending.signal, ...options }, {
    event(event) {
      got.events.push(event);
      return answer(event);
    },
    error(error) { got.error = error; },
  });
  return Object.assign(got, { watch });
}

export async function until(done: () => boolean, timeoutMs = 5_000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!done()) {
    assert.ok(Date.now() < endMs, 'it did not happen in time');
    await sleep(1);
  }
}

/** That it rejects with this StoreError. */
export async function rejects(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => isStoreError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`));
}
