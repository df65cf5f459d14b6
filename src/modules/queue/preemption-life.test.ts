/** Queues with any rules of preemption, in cohorts of cohorts, over a whole life: quota is never given twice, nobody is stopped more often than may be, and all come to their end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterQueue, Cohort, Workload } from '../../api/kueue/types.ts';
import { buildPools, jobOf } from './build.ts';
import { USE_SHARING } from './configuration.ts';
import { perPod } from './demand.ts';
import type { FairRule } from './policy/cohort-share.ts';
import { createChoosingPredictor } from './prediction/choosing.ts';
import { queueOf, type Preemption } from './testing/preemption-scene.ts';

const MOST_STOPS = 3;
const topologies = { of: () => undefined, levelsOf: () => undefined, forget: () => {}, follows: () => [] };
const parts = { localQueue: undefined, byEviction: false, levelsOf: () => undefined, replacedBy: () => undefined, reckon: perPod, flavorOf: (name: string) => ({ metadata: { name }, spec: {} }) };

function randomOf(seed: number) {
  let state = seed;
  const below = (most: number): number => Math.floor(((state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648) * most);
  return { below, of: <T>(all: readonly T[]): T => all[below(all.length)]! };
}

function life(seed: number, fairRules: readonly FairRule[] | undefined): { stops: number; ended: number } {
  const { below, of } = randomOf(seed);
  const cohorts: Cohort[] = ['root', 'left', 'right', 'deep'].map((name, index) => ({ metadata: { name }, spec: { ...(index > 0 && { parentName: index === 3 ? 'left' : 'root', parent: index === 3 ? 'left' : 'root' }), ...(below(2) === 0 && { resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'default', resources: [{ name: 'cpu', nominalQuota: String(below(6)) }] }] }] }) } }) as Cohort);
  const queues: ClusterQueue[] = Array.from({ length: 6 }, (_, index) => {
    const preemption: Preemption = { withinClusterQueue: of(['Never', 'LowerPriority', 'LowerOrNewerEqualPriority'] as const), reclaimWithinCohort: of(['Never', 'LowerPriority', 'Any'] as const) };
    if (fairRules === undefined && preemption.reclaimWithinCohort !== 'Never' && below(2) === 0) preemption.borrowWithinCohort = { policy: 'LowerPriority', ...(below(2) === 0 && { maxPriorityThreshold: below(3) }) };
    return queueOf(`q${index}`, of(['root', 'left', 'right', 'deep']), [{ default: { cpu: [String(below(8)), below(3) === 0 ? String(below(6)) : undefined, below(3) === 0 ? '1' : undefined] } }], preemption);
  });
  const pools = buildPools({ queues, cohorts, localQueues: [], fairRules, useSharing: USE_SHARING, topologies }, createChoosingPredictor());
  const live = pools.flatMap(({ queues: own }) => own);
  const [left, runs, stops] = [new Map<string, { queue: string; seconds: number }>(), new Map<string, number>(), new Map<string, number>()];
  let [now, ended] = [1_000, 0];
  for (let step = 0; step < 600 && (step < 150 || left.size > 0); step++, now += 5) {
    if (step < 150) {
      const queue = of(live);
      const requests = { cpu: String(1 + below(4)) };
      const workload = { metadata: { name: `j${step}`, namespace: 'default', creationTimestamp: new Date(now * 1_000).toISOString() }, spec: { podSets: [{ name: 'main', count: 1, template: { spec: { containers: [{ name: 'c', resources: { requests } }] } } }], priority: below(4) } } as Workload;
      const job = jobOf(workload, queue, parts);
      if (queue.room.place(job, queue.room.capacity) !== undefined) {
        queue.admission.submit(job, now);
        left.set(job.id, { queue: queue.name, seconds: 5 + below(60) });
      }
    }
    for (const [id, at] of runs) {
      if (at + left.get(id)!.seconds > now) continue;
      live.find(({ name }) => name === left.get(id)!.queue)!.admission.finish(id, now);
      runs.delete(id);
      left.delete(id);
      ended++;
    }
    for (let round = 0, decided = [undefined as unknown]; decided.length > 0; round++) {
      const decisions = pools.flatMap(({ pool }) => pool.decide(now));
      decided = decisions;
      for (const each of decisions) {
        if (each.kind === 'start') runs.set(each.job.id, now);
        if (each.kind !== 'stop') continue;
        runs.delete(each.job.id);
        stops.set(each.job.id, (stops.get(each.job.id) ?? 0) + 1);
      }
      assert.ok(round < 20, 'there is an end to what is decided at one time');
    }
    const used = (name: string): number => [...live.find((each) => each.name === name)!.admission.running].reduce((sum, { placement }) => sum + placement!.amount[0]!, 0);
    for (const { name, room } of live) {
      assert.ok(room.node.usage(0) >= 0 && room.node.available(0) >= 0, `${name} holds more than there is`);
      assert.equal(room.node.usage(0), used(name), `what ${name} holds is what runs`);
    }
    assert.equal([...runs].length, live.reduce((sum, { admission }) => sum + [...admission.running].length, 0));
  }
  assert.ok(Math.max(0, ...stops.values()) <= MOST_STOPS, JSON.stringify([...stops]));
  assert.equal(left.size, 0, `${left.size} wait for ever`);
  return { stops: [...stops.values()].reduce((sum, each) => sum + each, 0), ended };
}

describe('a whole life of queues that take from each other', () => {
  for (const [what, rules] of [['by quota', undefined], ['by fair shares', ['final', 'initial']]] as const) {
    it(what, () => {
      let [stops, ended] = [0, 0];
      for (let seed = 1; seed <= 40; seed++) {
        const one = life(seed * 7_919, rules);
        stops += one.stops;
        ended += one.ended;
      }
      assert.ok(stops > 100 && ended > 1_000, `${stops} stops, ${ended} ended`);
    });
  }
});
