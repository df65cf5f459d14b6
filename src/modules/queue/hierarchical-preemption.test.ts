/** Who is stopped for whom in cohorts of cohorts: what Kueue's own tables say. Source: Kueue, preemption_test.go (TestHierarchicalPreemptions). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterQueue, Cohort } from '../../api/kueue/types.ts';
import { queueOf, stopped, type Comes, type Preemption, type Runs, type Scene } from './testing/preemption-scene.ts';

const plain: Preemption = { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'Any' };
const borrowing: Preemption = { ...plain, borrowWithinCohort: { policy: 'LowerPriority', maxPriorityThreshold: 0 } };
const lower: Preemption = { ...borrowing, reclaimWithinCohort: 'LowerPriority' };
/** Every queue names the resources, so that what its cohorts have is its to borrow. */
const queue = (name: string, cohort: string, cpu: [string, string?, string?] = ['0'], preemption: Preemption = plain): ClusterQueue => queueOf(name, cohort, [{ default: { cpu } }], preemption);
const cohort = (name: string, parent?: string, quota: Record<string, string> = {}): Cohort => ({
  metadata: { name },
  spec: { ...(parent && { parent }), ...(Object.keys(quota).length > 0 && { resourceGroups: [{ coveredResources: Object.keys(quota), flavors: [{ name: 'default', resources: Object.entries(quota).map(([resource, nominalQuota]) => ({ name: resource, nominalQuota })) }] }] }) },
});
const under = (cpu: string, root: Record<string, string> = {}): Cohort[] => [cohort('r', undefined, root), cohort('c', 'r', { cpu })];
const run = (of: string, priority: number, much: string, more: Record<string, string> = {}): Runs => ({ queue: of, priority, requests: { cpu: much, ...more } });
const come = (priority: number, much: string, more: Record<string, string> = {}, of = 'q'): Comes => ({ queue: of, priority, sets: [{ requests: { cpu: much, ...more } }] });
const reason = (word: string) => (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, word]));
const [own, reclaimed, whileBorrowing] = [reason('InClusterQueue'), reason('InCohortReclamation'), reason('InCohortReclaimWhileBorrowing')];

const both = (name: string, of: string, preemption: Preemption = plain): ClusterQueue => queueOf(name, of, [{ default: { cpu: ['0'], memory: ['0'] } }], preemption);
const far = queue('q_borrowing', 'r');
const near = queue('q_same_cohort', 'c');

const CASES: readonly [string, Scene, Record<string, Runs>, Comes, Record<string, string>][] = [
  ['what is of its cohort', { cohorts: under('2'), queues: [queue('q', 'c'), far] }, { admitted2: run('q_borrowing', 0, '2') }, come(0, '2'), reclaimed('admitted2')],
  ['nobody whose queue has its own', { cohorts: under('2'), queues: [queue('q', 'c'), far, queue('q_nominal', 'r', ['2'])] }, { admitted1: run('q_nominal', -10, '2'), admitted2: run('q_borrowing', 0, '2') }, come(0, '2'), reclaimed('admitted2')],
  ['several', { cohorts: under('2'), queues: [queue('q', 'c'), far] }, { admitted1: run('q_borrowing', 1, '1'), admitted2: run('q_borrowing', 2, '1') }, come(0, '2'), reclaimed('admitted1', 'admitted2')],
  ['of its cohort while it borrows, and its own', { cohorts: under('3'), queues: [queue('q', 'c', ['0'], borrowing), near] }, { not_preemptible: run('q_same_cohort', 1, '1'), preemptible: run('q_same_cohort', 0, '1'), own_queue: run('q', -1, '1') }, come(1, '2'), { ...whileBorrowing('preemptible'), ...own('own_queue') }],
  ['of another cohort before its own', { cohorts: under('2'), queues: [queue('q', 'c'), far] }, { borrows: run('q_borrowing', 1, '1'), same_queue: run('q', -2, '1') }, come(0, '1'), reclaimed('borrows')],
  ['of its cohort where others have their own', { cohorts: under('2'), queues: [queue('q', 'c', ['0'], borrowing), queue('q_nominal', 'r', ['2']), near] }, { nominal: run('q_nominal', -10, '2'), same_cohort: run('q_same_cohort', -1, '2') }, come(0, '2'), whileBorrowing('same_cohort')],
  ['of all, for what is its own', { cohorts: under('2'), queues: [queue('q', 'c', ['4']), far, near] }, { borrows: run('q_borrowing', 10, '3'), same_cohort: run('q_same_cohort', 10, '3') }, come(0, '4'), reclaimed('borrows', 'same_cohort')],
  ['of another cohort, and less important ones of its own', { cohorts: under('4', { cpu: '1' }), queues: [queue('q', 'c', ['0'], lower), far, near] }, { borrows: run('q_borrowing', -1, '2'), same_cohort: run('q_same_cohort', -1, '1'), not_preemptible: run('q_borrowing', 1, '2') }, come(0, '3'), { ...reclaimed('borrows'), ...whileBorrowing('same_cohort') }],
  ['of another cohort, and of its own queue', { cohorts: under('4', { cpu: '1' }), queues: [queue('q', 'c', ['0'], lower), far, near] }, { borrows: run('q_borrowing', -1, '2'), same_queue: run('q', -1, '1'), not_preemptible: run('q_borrowing', 1, '2') }, come(0, '3'), { ...reclaimed('borrows'), ...own('same_queue') }],
  ['the least important that borrows', { cohorts: under('3'), queues: [queue('q', 'c'), far, queue('q_nominal', 'r', ['2'])] }, { prio_8: run('q_borrowing', 8, '1'), prio_9: run('q_borrowing', 9, '1'), prio_10: run('q_borrowing', 9, '1'), nominal: run('q_nominal', -2, '2') }, come(0, '1'), reclaimed('prio_8')],
  ['nobody where cohorts have their own', { cohorts: [...under('2'), cohort('c_other', 'r', { cpu: '2' })], queues: [queue('q_other', 'c_other'), queue('q', 'c'), near] }, { other_1: run('q_other', -10, '1'), other_2: run('q_other', -10, '1'), same_cohort: run('q_same_cohort', 0, '2') }, come(0, '2'), {}],
  ['of several resources', { cohorts: [cohort('r', undefined, { cpu: '3' }), cohort('c', 'r', { cpu: '4', memory: '4Gi' })], queues: [both('q', 'c'), both('q_borrowing', 'r'), both('q_same_cohort', 'c')] }, { borrows: run('q_borrowing', 0, '3', { memory: '1Gi' }), same_cohort: run('q_same_cohort', -2, '1', { memory: '3Gi' }) }, come(-2, '2', { memory: '1Gi' }), reclaimed('borrows')],
  ['what is lent within its limit', { cohorts: under('2'), queues: [queue('q', 'c', ['3', undefined, '2']), far] }, { borrows: run('q_borrowing', 0, '4') }, come(-2, '5'), reclaimed('borrows')],
  ['one of a cohort that has its own then', {
    cohorts: [cohort('r'), ...[['c11', 'r'], ['c12', 'r'], ['c21', 'c11'], ['c22', 'c11'], ['c23', 'c11'], ['c31', 'c21'], ['c32', 'c21']].map(([name, parent]) => cohort(name!, parent, { cpu: '4' }))],
    queues: [['q1', 'c12'], ['q2', 'c23'], ['q3', 'c22'], ['q4', 'c32'], ['q5', 'c31']].map(([name, of]) => queue(name!, of!)),
  }, { b1: run('q1', -6, '4'), b2: run('q1', -5, '4'), b3: run('q2', -9, '4'), b4: run('q2', -10, '4'), b5: run('q3', -4, '4'), b6: run('q3', -3, '3'), b7: run('q4', 4, '2'), b8: run('q4', 2, '3') }, come(-2, '7', {}, 'q5'), reclaimed('b1', 'b4')],
];

describe('who is stopped in cohorts of cohorts', () => {
  for (const [what, scene, running, comes, wanted] of CASES) it(what, () => assert.deepEqual(stopped(scene, running, comes), wanted));
});
