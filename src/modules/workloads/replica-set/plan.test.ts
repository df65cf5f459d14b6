import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicaSet } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { DELETION_COST, podsToDelete } from './deletion-order.ts';
import { claim } from '../claims.ts';
import { BURST, podOfTemplate, scalePlan } from './plan.ts';
import { replicaSetStatus, untilAvailableMs } from './status.ts';

const NOW_MS = Date.parse('2026-11-21T22:00:00Z');
const owner = (uid: string) => [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid, controller: true }];

function replicaSet(replicas = 2, more: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  return { metadata: { name: 'web', namespace: 'default', uid: 'r1', generation: 4 }, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web', x: 'y' } } }, ...more } };
}

function pod(name: string, more: { owner?: string; labels?: Record<string, string>; phase?: 'Running' | 'Pending' | 'Failed'; node?: string; readyForS?: number; createdAgoS?: number; cost?: string; restarts?: number; sidecarRestarts?: number; deleting?: boolean } = {}): Pod {
  return {
    metadata: {
      name, uid: name, labels: more.labels ?? { app: 'web' }, creationTimestamp: rfc3339(NOW_MS - (more.createdAgoS ?? 100) * 1000),
      ...(more.owner ? { ownerReferences: owner(more.owner) } : {}), ...(more.deleting ? { deletionTimestamp: rfc3339(NOW_MS) } : {}),
      ...(more.cost ? { annotations: { [DELETION_COST]: more.cost } } : {}),
    },
    spec: { containers: [], initContainers: [{ name: 's', restartPolicy: 'Always' }], nodeName: more.node },
    status: {
      initContainerStatuses: [{ name: 's', image: 'i', imageID: '', ready: true, restartCount: more.sidecarRestarts ?? 0 }],
      phase: more.phase ?? 'Running',
      conditions: more.readyForS === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: rfc3339(NOW_MS - more.readyForS * 1000) }],
      containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: more.restarts ?? 0 }],
    },
  };
}

test('pods are claimed by selector and controller', () => {
  const pods = [
    pod('mine', { owner: 'r1' }), pod('orphan'), pod('other', { owner: 'r2' }), pod('strayed', { owner: 'r1', labels: { app: 'x' } }),
    pod('stranger', { labels: { app: 'x' } }), pod('goingOrphan', { deleting: true }),
  ];
  const names = (list: readonly Pod[]): string[] => list.map((each) => each.metadata.name ?? '');
  const claims = claim(replicaSet(), replicaSet().spec?.selector, pods);
  assert.deepEqual([names(claims.claimed), names(claims.adopt), names(claims.release)], [['mine', 'orphan'], ['orphan'], ['strayed']]);
  const dying = replicaSet();
  dying.metadata.deletionTimestamp = rfc3339(NOW_MS);
  const last = claim(dying, dying.spec?.selector, pods);
  assert.deepEqual([names(last.claimed), names(last.adopt), names(last.release)], [['mine'], [], []], 'a deleted owner adopts and releases nobody');
});

test('a pod is made of the template', () => {
  const made = podOfTemplate(replicaSet(), { group: 'apps', version: 'v1', kind: 'ReplicaSet' });
  assert.equal(made.metadata.generateName, 'web-');
  assert.deepEqual(made.metadata.labels, { app: 'web', x: 'y' });
  assert.deepEqual(made.metadata.ownerReferences?.map(({ uid, controller, blockOwnerDeletion }) => [uid, controller, blockOwnerDeletion]), [['r1', true, true]]);
});

test('the plan makes or removes what differs, in bounded rounds', () => {
  const two = [pod('a', { owner: 'r1' }), pod('b', { owner: 'r1' })];
  assert.deepEqual(scalePlan(replicaSet(2), two, two, NOW_MS), { create: 0, remove: [] });
  assert.deepEqual(scalePlan(replicaSet(5), two, two, NOW_MS), { create: 3, remove: [] });
  assert.equal(scalePlan(replicaSet(9_000), two, two, NOW_MS).create, BURST);
  assert.equal(scalePlan(replicaSet(0), two, two, NOW_MS).remove.length, 2);
});

test('the pods that are missed least go first', () => {
  const table: [string, Pod, Pod][] = [
    ['not assigned', pod('first'), pod('second', { node: 'n' })],
    ['pending', pod('first', { node: 'n', phase: 'Pending' }), pod('second', { node: 'n' })],
    ['not ready', pod('first', { node: 'n' }), pod('second', { node: 'n', readyForS: 5 })],
    ['cheaper', pod('first', { node: 'n', readyForS: 5, cost: '-1' }), pod('second', { node: 'n', readyForS: 5 })],
    ['crowded node', pod('first', { node: 'crowded', readyForS: 5 }), pod('second', { node: 'n', readyForS: 5 })],
    ['ready for a shorter time', pod('first', { node: 'n', readyForS: 5 }), pod('second', { node: 'n', readyForS: 500 })],
    ['restarted', pod('first', { node: 'n', readyForS: 5, restarts: 3 }), pod('second', { node: 'n', readyForS: 5 })],
    ['its sidecar restarted', pod('first', { node: 'n', readyForS: 5, sidecarRestarts: 3 }), pod('second', { node: 'n', readyForS: 5 })],
    ['younger', pod('first', { node: 'n', readyForS: 5, createdAgoS: 10 }), pod('second', { node: 'n', readyForS: 5, createdAgoS: 1000 })],
  ];
  for (const [why, first, second] of table) {
    const crowd = [pod('x', { node: 'crowded' }), pod('y', { node: 'crowded' })];
    assert.equal(podsToDelete([second, first], [first, second, ...crowd], { count: 1, nowMs: NOW_MS })[0]?.metadata.name, 'first', why);
  }
});

test('of a Job the younger ones go first, to the second, whatever they cost', () => {
  const pods = [pod('old', { node: 'n', readyForS: 101 }), pod('young', { node: 'n', readyForS: 100, cost: '9' })];
  assert.equal(podsToDelete(pods, undefined, { count: 1, nowMs: NOW_MS })[0]?.metadata.name, 'young');
  assert.equal(podsToDelete(pods, pods, { count: 1, nowMs: NOW_MS })[0]?.metadata.name, 'old');
});

test('the status counts, and leaves zeros out as Go does', () => {
  const set = replicaSet(2, { minReadySeconds: 30 });
  const pods = [pod('a', { labels: { app: 'web', x: 'y' }, readyForS: 40 }), pod('b', { readyForS: 10 }), pod('c')];
  assert.deepEqual(replicaSetStatus(set, pods, { terminating: 0, nowMs: NOW_MS }), { replicas: 3, fullyLabeledReplicas: 1, readyReplicas: 2, availableReplicas: 1, terminatingReplicas: 0, observedGeneration: 4 });
  assert.equal(untilAvailableMs(set, pods, NOW_MS), 20_000);
  assert.equal(untilAvailableMs(set, [], NOW_MS), undefined);
  assert.deepEqual(replicaSetStatus(set, [], { terminating: 1, nowMs: NOW_MS }), { replicas: 0, terminatingReplicas: 1, observedGeneration: 4 });
});

test('a failure to scale becomes a condition, and goes with it', () => {
  const failed = replicaSetStatus(replicaSet(), [], { terminating: 0, nowMs: NOW_MS, failure: { reason: 'FailedCreate', message: 'no' } });
  assert.deepEqual(failed.conditions, [{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: rfc3339(NOW_MS), reason: 'FailedCreate', message: 'no' }]);
  assert.equal(replicaSetStatus({ ...replicaSet(), status: failed }, [], { terminating: 0, nowMs: NOW_MS }).conditions, undefined);
});
