/** Who uses an authentication, written to a server that refuses some of it, by a clock whose pauses take no time. */
import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { createCaches } from '../../sdk/caches.ts';
import type { Client } from '../../sdk/index.ts';
import { keepUsers } from './authentication-users.ts';

const MINUTE_MS = 60_000;

const authentication = (name: string, status?: object): KubeObject => ({ metadata: { name, namespace: 'default', resourceVersion: '1' }, ...(status && { status }) }) as KubeObject;
const user = (name: string, ...uses: string[]): KubeObject => ({ metadata: { name, namespace: 'default', resourceVersion: '1' }, spec: { triggers: uses.map((each) => ({ type: 'redis', metadata: {}, authenticationRef: { name: each } })) } }) as KubeObject;

interface Server { objects: Readonly<Record<string, readonly KubeObject[]>>; refuses?: string; listsAfter?: Readonly<Record<string, Promise<void>>> }
interface Write { name: string; atMs: number; users: unknown }

/** Runs until `isOver`; gives the writes that were tried. */
async function writesOf({ objects, refuses, listsAfter = {} }: Server, isOver: (nowMs: number, writes: readonly Write[]) => boolean): Promise<Write[]> {
  const writes: Write[] = [];
  const stopping = new AbortController();
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    async sleep(delayMs, signal) {
      await setImmediate(); // what a cache has to tell is told meanwhile
      if (signal?.aborted !== true) nowMs += delayMs;
      if (isOver(nowMs, writes)) stopping.abort();
    },
  };
  const news = new EventEmitter();
  const client = {
    async list({ kind }: Kind) {
      await listsAfter[kind];
      return { metadata: { resourceVersion: '1' }, items: objects[kind] ?? [] };
    },
    async *watch({ kind }: Kind, { signal }: { signal: AbortSignal }) {
      try {
        for await (const [object] of on(news, kind, { signal })) yield { type: 'MODIFIED', object };
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    async update({ kind }: Kind, object: KubeObject & { status: { scaledobjects?: string } }) {
      const { metadata, status } = object;
      writes.push({ name: metadata.name!, atMs: nowMs, users: status.scaledobjects });
      if (metadata.name === refuses) throw new ApiError('Forbidden', 'a policy does not want it');
      news.emit(kind, { ...object, metadata: { ...metadata, resourceVersion: '2' } });
    },
  } as unknown as Client;
  const { signal } = stopping;
  const caches = createCaches({ client, log: silentLog, signal });
  await keepUsers({ caches, client, clock, log: silentLog, signal });
  await caches.settled();
  return writes;
}

test('one that is refused keeps none of the others, and is tried ever more rarely', async () => {
  const objects = { TriggerAuthentication: ['first', 'refused', 'last'].map((name) => authentication(name)), ScaledObject: [user('web', 'first', 'refused', 'last')] };
  const writes = await writesOf({ objects, refuses: 'refused' }, (nowMs) => nowMs > 15 * MINUTE_MS);
  assert.deepEqual(writes.filter(({ name }) => name !== 'refused').map(({ name, users }) => [name, users]), [['first', 'web'], ['last', 'web']]);
  const times = writes.filter(({ name }) => name === 'refused').map(({ atMs }) => atMs);
  const pauses = times.slice(1).map((atMs, index) => atMs - times[index]!);
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => seconds * 1_000));
});

test('what a server says at its start stays, until all who use it are known', async () => {
  const muchLater = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  };
  const objects = { TriggerAuthentication: [authentication('told', { scaledobjects: 'web' }), authentication('new')], ScaledObject: [user('web', 'told', 'new')] };
  const writes = await writesOf({ objects, listsAfter: { ScaledObject: muchLater() } }, (_, [...all]) => all.some(({ name }) => name === 'new'));
  assert.deepEqual(writes.map(({ name, users }) => [name, users]), [['new', 'web']]);
});
