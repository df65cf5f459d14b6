import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProfile } from '../profile.ts';
import { Cluster } from './cluster.ts';
import { node, pod } from './fixtures.ts';
import { podInfoOf } from './pod-info.ts';
import { createQueue, type SchedulingQueue } from './queue.ts';

function queueAt(start = 0): { queue: SchedulingQueue; time: { nowMs: number } } {
  const time = { nowMs: start };
  const profile = createProfile();
  return { queue: createQueue({ nowMs: () => time.nowMs, profileOf: () => profile }), time };
}

const names = (queue: SchedulingQueue): string[] => {
  const found: string[] = [];
  for (let each = queue.pop(); each !== undefined; each = queue.pop()) found.push(each.info.name);
  return found;
};

test('higher priority first, then first come', () => {
  const { queue } = queueAt();
  for (const [name, priority] of [['a', 0], ['b', 10], ['c', 0], ['d', 10]] as const) queue.set(podInfoOf(pod(name, { spec: { priority, containers: [] } })));
  queue.remove('c');
  assert.deepEqual(names(queue), ['b', 'd', 'a']);
});

test('who was tried lately goes behind its equals', () => {
  const { queue, time } = queueAt(1000);
  for (const name of ['a', 'b', 'c']) queue.set(podInfoOf(pod(name)));
  queue.putBack(queue.pop()!, new Set());
  time.nowMs = 10_000;
  queue.flush();
  assert.deepEqual(names(queue), ['b', 'c', 'a']);
});

test('a rejected pod waits for an event that helps, and backs off', () => {
  const { queue, time } = queueAt(1000);
  queue.set(podInfoOf(pod('p', { cpu: '2' })));
  queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  assert.deepEqual(names(queue), []);
  const cluster = new Cluster();
  queue.wake({ type: 'node-added', node: cluster.setNode(node('small', { cpu: '1' })) });
  queue.wake({ type: 'pod-relabelled', pod: podInfoOf(pod('other')) });
  assert.equal(queue.sizes.waiting, 1, 'neither has room');
  queue.wake({ type: 'node-added', node: cluster.setNode(node('big')) });
  assert.equal(queue.sizes.backoff, 1, 'it backs off for a second');
  assert.equal(queue.flush(), 2000);
  time.nowMs = 2000;
  queue.flush();
  assert.deepEqual(names(queue), ['p']);
});

test('who backs off after a rejection is tried early where nobody else waits: who is due within the same second by importance', () => {
  const { queue, time } = queueAt(1000);
  for (const [name, priority, atMs] of [['late', 9, 2100], ['low', 1, 1000], ['high', 5, 1900]] as const) {
    time.nowMs = atMs;
    queue.set(podInfoOf(pod(name, { spec: { priority, containers: [] } })));
    queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  }
  assert.deepEqual([queue.hasEarly, queue.popEarly()], [false, undefined], 'they wait');
  time.nowMs = 2100;
  queue.wake({ type: 'pod-removed', pod: podInfoOf(pod('x')) });
  assert.deepEqual([queue.pop()?.info.name, queue.hasEarly, queue.sizes.backoff], ['low', true, 2], 'the first one has backed off for long enough');
  const early = queue.popEarly()!;
  assert.equal(early.info.name, 'high');
  queue.putBack(early, new Set(['NodeResourcesFit']));
  assert.deepEqual([queue.sizes.waiting, queue.popEarly()?.info.name, queue.hasEarly], [1, 'late', false], 'what was tried in vain waits again');
  queue.wake({ type: 'pod-removed', pod: podInfoOf(pod('x')) });
  assert.equal(queue.flush(), 2100 + 2000, 'its second rejection');
  queue.remove('high');
  assert.deepEqual([queue.hasEarly, queue.flush()], [false, undefined]);
});

test('a node that is large enough helps, whoever is on it: they may have to make way', () => {
  const { queue } = queueAt(1000);
  queue.set(podInfoOf(pod('p', { cpu: '2' })));
  queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  const cluster = new Cluster();
  cluster.setPod(pod('x', { cpu: '3', node: 'n' }));
  const changed = { labels: false, taints: false, allocatable: true };
  queue.wake({ type: 'node-changed', node: cluster.setNode(node('n', { cpu: '1' })), changed });
  assert.equal(queue.sizes.waiting, 1, 'it would not even fit alone');
  queue.wake({ type: 'node-changed', node: cluster.setNode(node('n', { cpu: '4' })), changed });
  assert.equal(queue.sizes.waiting, 0);
});

test('room that was kept for somebody helps those from whom it was kept', () => {
  const { queue } = queueAt(1000);
  for (const [name, priority] of [['less', 1], ['equal', 5], ['more', 9]] as const) {
    queue.set(podInfoOf(pod(name, { spec: { priority, containers: [] } })));
    queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  }
  queue.wake({ type: 'pod-removed', pod: podInfoOf(pod('nominated', { spec: { priority: 5, containers: [] } })), wasNominated: true });
  assert.deepEqual([queue.sizes.backoff, queue.sizes.waiting], [2, 1]);
});

test('the end of a node helps those that spread, and nobody else', () => {
  const { queue } = queueAt(1000);
  for (const [name, plugin] of [['spread', 'PodTopologySpread'], ['full', 'NodeResourcesFit'], ['near', 'InterPodAffinity'], ['tainted', 'TaintToleration']] as const) {
    queue.set(podInfoOf(pod(name, { cpu: '2' })));
    queue.putBack(queue.pop()!, new Set([plugin]));
  }
  queue.wake({ type: 'node-removed', name: 'n' });
  assert.deepEqual([queue.sizes.waiting, queue.sizes.backoff], [3, 1]);
});

test('a longer wait leaves no back-off, an error backs off at once, and nothing waits forever', () => {
  const { queue, time } = queueAt(1000);
  queue.set(podInfoOf(pod('p', { cpu: '2' })));
  queue.putBack(queue.pop()!, new Set(['NodeResourcesFit']));
  time.nowMs = 5000;
  queue.wake({ type: 'pod-removed', pod: podInfoOf(pod('x')) });
  const again = queue.pop()!;
  assert.equal(again.attempts, 1);
  queue.putBack(again, new Set());
  assert.equal(queue.flush(), 6000, 'a second after the first error');
  assert.deepEqual([queue.hasEarly, queue.popEarly()], [false, undefined], 'nobody is tried early after an error');
  time.nowMs = 6000;
  queue.flush();
  queue.putBack(queue.pop()!, new Set());
  assert.equal(queue.flush(), 8000, 'two seconds after the second in a row');
  time.nowMs = 8000;
  queue.flush();
  queue.putBack(queue.pop()!, new Set(['NodeAffinity']));
  assert.equal(queue.flush(), 308_000);
  time.nowMs = 308_000;
  queue.flush();
  assert.deepEqual(names(queue), ['p']);
});

test('gated pods wait for their gates; a changed pod is tried again; a deleted one never', () => {
  const { queue, time } = queueAt(1000);
  queue.set(podInfoOf(pod('g', { spec: { containers: [], schedulingGates: [{ name: 'quota' }] } })));
  assert.deepEqual([names(queue), queue.sizes.gated], [[], 1]);
  queue.set(podInfoOf(pod('g')));
  const popped = queue.pop()!;
  assert.equal(popped.info.name, 'g');
  queue.putBack(popped, new Set(['NodeAffinity']));
  time.nowMs = 9000;
  queue.set(podInfoOf({ ...pod('g'), status: { phase: 'Pending' } }));
  assert.equal(queue.sizes.waiting, 1, 'our own status write changes nothing');
  queue.set(podInfoOf(pod('g', { labels: { a: 'b' } })));
  const second = queue.pop()!;
  queue.remove('g');
  queue.putBack(second, new Set());
  assert.deepEqual(queue.sizes, { active: 0, backoff: 0, waiting: 0, gated: 0 });
});
