import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notFound } from '../../api/errors.ts';
import type { CacheEvent, ModuleContext } from '../../sdk/index.ts';
import { eventually } from '../../sdk/testing/eventually.ts';
import { node, pod } from './framework/fixtures.ts';
import type { Plugin } from './framework/plugin.ts';
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

interface Told { metadata: { uid: string }; status: { nominatedNodeName?: string | null; conditions?: { reason: string; message: string }[] } }

/** A scheduler with one node, and a plugin that holds pods before they are bound; what it tells of pods, in order. */
async function heldBy(permit: NonNullable<Plugin['permit']>, { until, bind = () => Promise.resolve(), unreserve }: { until: (told: readonly string[]) => boolean; bind?: () => Promise<void>; unreserve?: () => void }): Promise<string[]> {
  const listeners = new Map<string, (event: CacheEvent<never>) => void>();
  const tell = (kind: string, object: object): void => listeners.get(kind)!({ type: 'added', key: (object as { metadata: { name: string } }).metadata.name, object } as never);
  const [stop, told] = [new AbortController(), [] as string[]];
  const context = {
    caches: { of: ({ kind }: { kind: string }) => ({ ready: () => Promise.resolve(), subscribe: (listener: (event: CacheEvent<never>) => void) => listeners.set(kind, listener) && ((): boolean => listeners.delete(kind)) }) },
    clock: { nowMs: () => START_MS }, signal: stop.signal, events: { event: (_: unknown, _type: string, reason: string, message: string) => void told.push(`event ${reason}: ${message}`) }, log: { warn: () => {} },
    client: {
      patch: (_: unknown, _name: string, { body: { metadata: { uid }, status: { nominatedNodeName, conditions } } }: { body: Told }) => Promise.resolve(void told.push(`status of ${uid} ${JSON.stringify(nominatedNodeName)} ${conditions?.map(({ reason, message }) => `${reason}: ${message}`).join() ?? ''}`.trim())),
      createSubresource: () => bind().then(() => void told.push('bound')),
    },
  } as unknown as ModuleContext;
  const profile = createProfile();
  const ended = runScheduler(context, [{ ...profile, plugins: [...profile.plugins, { name: 'Waits', permit, ...(unreserve !== undefined && { unreserve }) }] }], { initialBackoffMs: 1e6, maxBackoffMs: 1e6 });
  await eventually(() => Promise.resolve(listeners.has('Pod')));
  tell('Node', node('n'));
  tell('Pod', pod('p', { cpu: '1' }));
  await eventually(() => Promise.resolve(until(told)), { what: `told: ${told.join(' | ')}` });
  stop.abort();
  await ended;
  return told;
}

test('a pod that is held before it is bound says where it will be', async () => {
  const isBound = (told: readonly string[]): boolean => told.some((each) => each.startsWith('event Scheduled'));
  assert.deepEqual(await heldBy(() => Promise.resolve(), { until: isBound }), ['status of p "n"', 'bound', 'event Scheduled: Successfully assigned default/p to n']);
  assert.deepEqual(await heldBy(() => undefined, { until: isBound }), ['bound', 'event Scheduled: Successfully assigned default/p to n'], 'nobody holds it');
});

test('a pod that could not be bound says why, and keeps no node', async () => {
  const isTold = (told: readonly string[]): boolean => told.some((each) => each.includes('SchedulerError'));
  assert.deepEqual(await heldBy(() => Promise.reject(new Error('no volume within 600 s')), { until: isTold }), ['status of p "n"', 'event FailedScheduling: no volume within 600 s', 'status of p null SchedulerError: no volume within 600 s']);
  assert.deepEqual((await heldBy(() => Promise.reject(notFound({ group: '', plural: 'persistentvolumeclaims' }, 'data')), { until: isTold })).at(-1), 'status of p null SchedulerError: persistentvolumeclaims "data" not found', 'and waits for another claim');
  assert.deepEqual(await heldBy(() => undefined, { until: isTold, bind: () => Promise.reject(new Error('the door is shut')) }), ['event FailedScheduling: the door is shut', 'status of p undefined SchedulerError: the door is shut']);
});

test('what is on its way to a pod when the scheduler stops is not taken back', async () => {
  const held: NonNullable<Plugin['permit']> = (_pod, _node, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('the scheduler stops'))));
  let takenBack = 0;
  await heldBy(held, { until: (told) => told.includes('status of p "n"'), unreserve: () => void takenBack++ });
  assert.equal(takenBack, 0);
});

test('a pod whose back-off ends in whatever moment is tried again', async () => {
  for (let asked = 0; asked < 12; asked++) await boundAfter(asked);
});

test('pods are placed though Services cannot be read', async () => {
  await boundAfter(1, { unread: 'Service' });
});
