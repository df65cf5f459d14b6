import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { CacheEvent, Caches } from '../../sdk/index.ts';
import { Cluster } from './framework/cluster.ts';
import { node, pod } from './framework/fixtures.ts';
import { podInfoOf } from './framework/pod-info.ts';
import { createQueue, type SchedulingQueue } from './framework/queue.ts';
import { observe } from './observe.ts';
import { createProfile } from './profile.ts';

/** A cluster of one node, a pod that waits for room, and a way to tell of pods. */
function scene(): { cluster: Cluster; queue: SchedulingQueue; tell(type: CacheEvent<Pod>['type'], object: Pod): void; isWoken(): boolean } {
  const listeners = new Map<string, (event: CacheEvent<never>) => void>();
  const caches = { of: ({ kind }: { kind: string }) => ({ subscribe: (listener: (event: CacheEvent<never>) => void) => listeners.set(kind, listener) && ((): boolean => listeners.delete(kind)) }) } as unknown as Caches;
  const cluster = new Cluster();
  cluster.setNode(node('n'));
  const profile = createProfile();
  const queue = createQueue({ nowMs: () => 1_000, profileOf: () => profile });
  observe(caches, { cluster, queue, isOurs: () => true, changed: () => {} });
  queue.set(podInfoOf(pod('waits')));
  queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  return { cluster, queue, tell: (type, object) => listeners.get('Pod')!({ type, key: `default/${object.metadata.name}`, object } as never), isWoken: () => queue.sizes.waiting === 0 };
}

const going = (made: Pod): Pod => ({ ...made, metadata: { ...made.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/wait'] } });
const nominated = (name: string): Pod => ({ ...pod(name), status: { nominatedNodeName: 'n' } });

test('a pod keeps the room that was just made for it, though the API does not say so yet', () => {
  const { cluster, tell, isWoken } = scene();
  tell('added', pod('p'));
  cluster.nominate(podInfoOf(pod('p')), 'n');
  tell('modified', pod('p', { labels: { by: 'somebody' } }));
  assert.deepEqual([cluster.nomination('p')?.nodeName, cluster.nomination('p')?.info.labels['by']], ['n', 'somebody']);
  tell('modified', nominated('p'));
  assert.deepEqual([cluster.nomination('p')?.nodeName, isWoken()], ['n', false]);
  tell('modified', pod('p'));
  assert.deepEqual([cluster.nomination('p'), isWoken()], [undefined, true], 'and loses it when it is taken from it');
});

test('room kept on one node is free when another one is kept', () => {
  const { cluster, tell, isWoken } = scene();
  tell('added', nominated('p'));
  tell('modified', { ...pod('p'), status: { nominatedNodeName: 'm' } });
  assert.deepEqual([cluster.nomination('p')?.nodeName, isWoken()], ['m', true]);
});

test('what was given a node and is to go before it has it gives it back at once', () => {
  const { cluster, queue, tell, isWoken } = scene();
  tell('added', pod('p'));
  const queued = queue.pop()!;
  cluster.place(queued.info, 'n');
  tell('modified', pod('p', { labels: { by: 'somebody' } }));
  assert.equal(cluster.node('n')?.pods.size, 1);
  tell('modified', going(pod('p')));
  assert.deepEqual([cluster.node('n')?.pods.size, isWoken()], [0, true]);
  queue.putBack(queued, new Set());
  assert.equal(queue.sizes.backoff, 1, 'only the one that waited: it is not tried again');
});
