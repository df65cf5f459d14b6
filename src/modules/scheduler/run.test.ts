import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheEvent, ModuleContext } from '../../sdk/index.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { node, pod } from './framework/fixtures.ts';
import { createProfile } from './profile.ts';
import { runScheduler } from './run.ts';

const BACKOFF_MS = 5;
const START_MS = 1_000;

/** A pod for which there is no node, then one; its back-off ends when the clock has been asked so often. `unread` is a kind that cannot be listed. */
async function boundAfter(asked: number, { unread = '' } = {}): Promise<void> {
  const listeners = new Map<string, (event: CacheEvent<never>) => void>();
  const tell = (kind: string, object: object): void => listeners.get(kind)!({ type: 'added', key: (object as { metadata: { name: string } }).metadata.name, object } as never);
  const [stop, bound] = [new AbortController(), [] as string[]];
  let left = Infinity;
  const context = {
    caches: { of: ({ kind }: { kind: string }) => ({ ready: () => (kind === unread ? new Promise<void>(() => {}) : Promise.resolve()), subscribe: (listener: (event: CacheEvent<never>) => void) => listeners.set(kind, listener) && ((): boolean => listeners.delete(kind)) }) },
    clock: { nowMs: () => START_MS + (left-- > 0 ? 0 : BACKOFF_MS) }, signal: stop.signal, events: { event: () => {} }, log: { warn: () => {} },
    client: { patch: () => Promise.resolve(), createSubresource: (_: unknown, { name }: { name: string }) => Promise.resolve(void bound.push(name)) },
  } as unknown as ModuleContext;
  const ended = runScheduler(context, [createProfile()], { initialBackoffMs: BACKOFF_MS, maxBackoffMs: BACKOFF_MS });
  await eventually(() => Promise.resolve(listeners.has('Pod')));
  tell('Pod', pod('p', { cpu: '1' }));
  await new Promise<void>((resolve) => setImmediate(resolve)); // it was tried
  left = asked;
  tell('Node', node('n'));
  await eventually(() => Promise.resolve(bound.length === 1), { what: `bound, where the back-off ends after the clock was asked ${asked} times` });
  stop.abort();
  await ended;
  assert.deepEqual(bound, ['p']);
}

test('a pod whose back-off ends in whatever moment is tried again', async () => {
  for (let asked = 0; asked < 12; asked++) await boundAfter(asked);
});

test('pods are placed though Services cannot be read', async () => {
  await boundAfter(1, { unread: 'Service' });
});
