import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { conditionOf } from './conditions.ts';
import { planDeployment, type DeploymentPlan } from './plan.ts';
import { totalTerminating } from './replica-counts.ts';
import { REVISION, REVISION_HISTORY } from './revision.ts';

const NOW_MS = Date.parse('2026-11-21T22:00:00Z');

function deployment(spec: Partial<DeploymentSpec> = {}, image = 'web:1'): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd1', generation: 1, annotations: { note: 'x' } },
    spec: {
      replicas: 3, selector: { matchLabels: { app: 'web' } }, progressDeadlineSeconds: 600, revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } }, ...spec,
    },
    status: {},
  };
}

/** A little world: applies plans and lets pods become available at once, until nothing changes. */
function world(first: Deployment): { d: Deployment; sets: ReplicaSet[]; step(available?: boolean): DeploymentPlan; settle(): string[]; sizes(): Record<string, number>; nowMs: number } {
  const self = {
    d: first, sets: [] as ReplicaSet[], nowMs: NOW_MS,
    step(available = true): DeploymentPlan {
      const plan = planDeployment({ deployment: self.d, replicaSets: self.sets, hasRunningPods: (each) => (each.status?.replicas ?? 0) > 0, nowMs: self.nowMs });
      if (plan.create !== undefined) self.sets.push({ ...plan.create, metadata: { ...plan.create.metadata, uid: plan.create.metadata.name, generation: 1, creationTimestamp: rfc3339(self.nowMs) } });
      self.sets = self.sets.map((each) => plan.update.find((one) => one.metadata.name === each.metadata.name) ?? each).filter((each) => !plan.remove.some((one) => one.metadata.name === each.metadata.name));
      self.d = { ...self.d, metadata: { ...self.d.metadata, annotations: { ...self.d.metadata.annotations, ...(plan.revision ? { [REVISION]: plan.revision } : {}) } }, status: plan.status };
      self.sets = self.sets.map((each) => {
        const replicas = each.spec?.replicas ?? 0;
        return { ...each, status: { replicas, observedGeneration: 1, ...(available ? { readyReplicas: replicas, availableReplicas: replicas } : { readyReplicas: Math.min(replicas, each.status?.readyReplicas ?? 0), availableReplicas: Math.min(replicas, each.status?.availableReplicas ?? 0) }) } };
      });
      self.nowMs += 1000;
      return plan;
    },
    settle(): string[] {
      const events: string[] = [];
      for (let round = 0; round < 40; round++) {
        const before = JSON.stringify([self.d, self.sets]);
        events.push(...self.step().events.map((each) => each.message));
        if (JSON.stringify([self.d, self.sets]) === before) return events;
      }
      throw new Error('it does not settle');
    },
    sizes: () => Object.fromEntries(self.sets.map((each) => [each.spec?.template?.spec?.containers[0]?.image ?? '', each.spec?.replicas ?? 0])),
  };
  return self;
}

function update(d: Deployment, image: string): Deployment {
  const spec = structuredClone(d.spec!);
  spec.template.spec!.containers[0]!.image = image;
  return { ...d, metadata: { ...d.metadata, generation: (d.metadata.generation ?? 0) + 1 }, spec };
}

test('a new deployment gets one replica set with hash, revision and owner', () => {
  const w = world(deployment());
  const plan = w.step();
  const made = plan.create!;
  assert.match(made.metadata.name ?? '', /^web-[bcdfghjklmnpqrstvwxz2456789]{8,10}$/);
  const hash = made.metadata.labels?.['pod-template-hash'];
  assert.equal(made.metadata.name, `web-${hash}`);
  assert.equal(made.spec?.selector.matchLabels?.['pod-template-hash'], hash);
  assert.equal(made.spec?.template?.metadata?.labels?.['pod-template-hash'], hash);
  assert.equal(made.spec?.replicas, 3);
  assert.deepEqual(made.metadata.annotations, { note: 'x', [REVISION]: '1', 'deployment.kubernetes.io/desired-replicas': '3', 'deployment.kubernetes.io/max-replicas': '4' });
  assert.equal(made.metadata.ownerReferences?.[0]?.uid, 'd1');
  assert.equal(plan.revision, '1');
  assert.deepEqual(plan.events, [{ reason: 'ScalingReplicaSet', message: `Scaled up replica set web-${hash} from 0 to 3` }]);
  assert.equal(conditionOf(plan.status.conditions, 'Progressing')?.reason, 'NewReplicaSetCreated');
  assert.equal(conditionOf(plan.status.conditions, 'Available')?.status, 'False');
  w.settle();
  assert.deepEqual({ ...w.d.status, conditions: undefined }, { observedGeneration: 1, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, conditions: undefined });
  assert.equal(conditionOf(w.d.status?.conditions, 'Progressing')?.reason, 'NewReplicaSetAvailable');
  assert.match(conditionOf(w.d.status?.conditions, 'Progressing')?.message ?? '', /^ReplicaSet "web-\w+" has successfully progressed\.$/);
});

test('a rolling update moves within surge and availability', () => {
  const w = world(deployment({ replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }));
  w.settle();
  w.d = update(w.d, 'web:2');
  let steps = 0;
  while (w.sizes()['web:1'] !== 0 || w.sizes()['web:2'] !== 10) {
    w.step(steps % 2 === 1);
    const total = Object.values(w.sizes()).reduce((sum, each) => sum + each, 0);
    const available = w.sets.reduce((sum, each) => sum + (each.status?.availableReplicas ?? 0), 0);
    assert.ok(total <= 13, `${total} pods`);
    assert.ok(available >= 8, `${available} available`);
    assert.ok(++steps < 30, 'it ends');
  }
  w.settle();
  assert.equal(w.d.metadata.annotations?.[REVISION], '2');
});

test('first steps of a rolling update, as upstream takes them', () => {
  const w = world(deployment());
  w.settle();
  w.d = update(w.d, 'web:2');
  w.step(false);
  assert.deepEqual(w.sizes(), { 'web:1': 3, 'web:2': 1 });
  w.step(false);
  assert.deepEqual(w.sizes(), { 'web:1': 3, 'web:2': 1 }, 'nothing goes before the new one is available');
  w.step();
  w.step(false);
  assert.deepEqual(w.sizes(), { 'web:1': 2, 'web:2': 1 });
});

test('a rollback takes the old replica set again and keeps its history', () => {
  const w = world(deployment());
  w.settle();
  w.d = update(w.d, 'web:2');
  w.settle();
  w.d = update(w.d, 'web:1');
  const events = w.settle();
  assert.ok(events.length >= 4);
  assert.deepEqual(w.sizes(), { 'web:1': 3, 'web:2': 0 });
  const back = w.sets.find((each) => each.spec?.replicas === 3)!;
  assert.equal(back.metadata.annotations?.[REVISION], '3');
  assert.equal(back.metadata.annotations?.[REVISION_HISTORY], '1');
  assert.equal(w.d.metadata.annotations?.[REVISION], '3');
});

test('Recreate waits for the old pods', () => {
  const w = world(deployment({ strategy: { type: 'Recreate' } }));
  w.settle();
  w.d = update(w.d, 'web:2');
  const first = planDeployment({ deployment: w.d, replicaSets: w.sets, hasRunningPods: () => true, nowMs: w.nowMs });
  assert.equal(first.create, undefined);
  assert.equal(first.update[0]?.spec?.replicas, 0);
  w.step();
  const waiting = planDeployment({ deployment: w.d, replicaSets: w.sets, hasRunningPods: () => true, nowMs: w.nowMs });
  assert.equal(waiting.create, undefined);
  w.settle();
  assert.deepEqual(w.sizes(), { 'web:1': 0, 'web:2': 3 });
});

test('a paused deployment scales but does not roll out, and says so', () => {
  const w = world(deployment());
  w.settle();
  w.d = { ...update(w.d, 'web:2'), spec: { ...update(w.d, 'web:2').spec!, paused: true, replicas: 5 } };
  w.settle();
  assert.deepEqual(w.sizes(), { 'web:1': 5 });
  assert.equal(conditionOf(w.d.status?.conditions, 'Progressing')?.reason, 'DeploymentPaused');
  w.d = { ...w.d, spec: { ...w.d.spec!, paused: false } };
  const resumed = w.step();
  assert.equal(conditionOf(resumed.status.conditions, 'Progressing')?.reason, 'NewReplicaSetCreated');
  w.settle();
  assert.deepEqual(w.sizes(), { 'web:1': 0, 'web:2': 5 });
});

test('scaling in the midst of a rollout is shared in proportion', () => {
  const w = world(deployment({ replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }));
  w.settle();
  w.d = update(w.d, 'web:bad');
  for (let round = 0; round < 6; round++) w.step(false);
  assert.deepEqual(w.sizes(), { 'web:1': 8, 'web:bad': 5 });
  w.d = { ...w.d, spec: { ...w.d.spec!, replicas: 15 } };
  w.step(false);
  assert.deepEqual(w.sizes(), { 'web:1': 11, 'web:bad': 7 }, 'the example of the documentation of upstream');
});

test('a rollout that stalls times out, and is looked at in time', () => {
  const w = world(deployment());
  const first = w.step(false);
  assert.ok((first.requeueAfterMs ?? 0) > 599_000);
  w.step(false);
  w.nowMs += 700_000;
  const late = w.step(false);
  const progressing = conditionOf(late.status.conditions, 'Progressing');
  assert.deepEqual([progressing?.status, progressing?.reason], ['False', 'ProgressDeadlineExceeded']);
  assert.equal(late.requeueAfterMs, undefined);
});

test('history beyond its limit is removed, oldest first', () => {
  const w = world(deployment({ revisionHistoryLimit: 2 }));
  for (const image of ['web:2', 'web:3', 'web:4', 'web:5']) {
    w.settle();
    w.d = update(w.d, image);
  }
  w.settle();
  assert.deepEqual(w.sizes(), { 'web:3': 0, 'web:4': 0, 'web:5': 3 });
});

test('a round without change changes nothing', () => {
  const w = world(deployment());
  w.settle();
  const plan = planDeployment({ deployment: w.d, replicaSets: w.sets, hasRunningPods: () => true, nowMs: w.nowMs + 1e9 });
  assert.deepEqual([plan.create, plan.update, plan.remove, plan.revision, plan.events, plan.requeueAfterMs], [undefined, [], [], undefined, [], undefined]);
  assert.deepEqual(plan.status, w.d.status);
});

test('labels and names of replica sets bear collisions', () => {
  const first = planDeployment({ deployment: deployment(), replicaSets: [], hasRunningPods: () => false, nowMs: NOW_MS }).create;
  const second = planDeployment({ deployment: { ...deployment(), status: { collisionCount: 1 } }, replicaSets: [], hasRunningPods: () => false, nowMs: NOW_MS }).create;
  assert.notEqual(first?.metadata.name, second?.metadata.name);
});

test('pods on their way out are counted, and none is said as 0', () => {
  const set = (status: ReplicaSet['status']): ReplicaSet => ({ metadata: { name: 'web-1' }, spec: { selector: {} }, ...(status === undefined ? {} : { status }) });
  const table: [string, ReplicaSet[], number | undefined][] = [
    ['no replica set', [], 0],
    ['one', [set({ replicas: 3, terminatingReplicas: 0, observedGeneration: 1 })], 0],
    ['several', [set({ replicas: 3, terminatingReplicas: 1, observedGeneration: 1 }), set({ replicas: 0, terminatingReplicas: 2, observedGeneration: 1 })], 3],
    ['one that was not worked on yet', [set({ replicas: 3, terminatingReplicas: 1, observedGeneration: 1 }), set(undefined)], 1],
    ['one that does not tell', [set({ replicas: 3, terminatingReplicas: 1, observedGeneration: 1 }), set({ replicas: 1, observedGeneration: 1 })], undefined],
  ];
  for (const [why, sets, count] of table) assert.equal(totalTerminating(sets), count, why);
});
