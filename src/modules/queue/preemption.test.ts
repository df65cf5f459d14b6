/** Who is stopped for whom: what Kueue's own tables of classical preemption say. Source: Kueue, preemption_test.go (TestPreemption). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterQueue, Cohort } from '../../api/kueue/types.ts';
import { queueOf, started, stopped, type Comes, type Groups, type Preemption, type Runs, type Scene } from './testing/preemption-scene.ts';

const lower: Preemption = { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'LowerPriority' };
const any: Preemption = { withinClusterQueue: 'Never', reclaimWithinCohort: 'Any' };
const borrows = { borrowWithinCohort: { policy: 'LowerPriority' as const, maxPriorityThreshold: 0 } };
const standard: Preemption = { withinClusterQueue: 'Never', reclaimWithinCohort: 'LowerPriority', ...borrows };
const both = (most: string | undefined, memory: string | undefined): Groups => [{ default: { cpu: ['6', most], memory: ['3Gi', memory] } }];
const cpu = (...quota: [string, string?, string?]): Groups => [{ default: { cpu: quota } }];
const three: Groups = [{ default: { cpu: ['2'], memory: ['2'] } }];
const QUEUES: readonly ClusterQueue[] = [
  queueOf('standalone', undefined, [{ default: { cpu: ['6'] } }, { alpha: { memory: ['3Gi'] }, beta: { memory: ['3Gi'] } }], { withinClusterQueue: 'LowerPriority' }),
  queueOf('c1', 'cohort', both('6', '3Gi'), lower), queueOf('c2', 'cohort', both('6', '3Gi'), any),
  queueOf('d1', 'cohort-no-limits', both(undefined, undefined), lower), queueOf('d2', 'cohort-no-limits', both(undefined, undefined), any),
  queueOf('l1', 'legion', both('12', '6Gi'), lower),
  queueOf('preventStarvation', undefined, cpu('6'), { withinClusterQueue: 'LowerOrNewerEqualPriority' }),
  queueOf('a_standard', 'shared', cpu('1', '12'), standard), queueOf('b_standard', 'shared', cpu('1', '12'), { ...standard, withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'Any' }),
  queueOf('a_best_effort', 'shared', cpu('1', '12'), standard), queueOf('b_best_effort', 'shared', cpu('0', '13'), standard), queueOf('shared', 'shared', cpu('10'), {}),
  queueOf('lend1', 'cohort-lend', cpu('6', undefined, '4'), lower), queueOf('lend2', 'cohort-lend', cpu('6', undefined, '2'), lower),
  queueOf('a', 'cohort-three', three, { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'Any' }), queueOf('b', 'cohort-three', three, {}), queueOf('c', 'cohort-three', three, {}),
  queueOf('cq-left', 'cohort-left', cpu('10'), { reclaimWithinCohort: 'Any' }), queueOf('cq-right', 'cohort-right', cpu('0'), {}),
];
const COHORTS: readonly Cohort[] = ['cohort-left', 'cohort-right'].map((name) => ({ metadata: { name }, spec: { parent: 'root' } }));

const run = (queue: string, priority: number, much: string, more: Partial<Runs> = {}): Runs => ({ queue, priority, requests: { cpu: much }, ...more });
const come = (queue: string, priority: number, requests: Record<string, string>, more: Partial<Comes> = {}): Comes => ({ queue, priority, sets: [{ requests }], ...more });
const own = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, 'InClusterQueue']));
const reclaimed = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, 'InCohortReclamation']));
const two = { cpu: '1', memory: '1' };
const exhausted = (requests: Record<string, string>): Record<string, Runs> => Object.fromEntries([['a1', 'a', -2], ['a2', 'a', -2], ['a3', 'a', -1], ['b1', 'b', 0], ['b2', 'b', 0], ['b3', 'b', 0]].map(([name, queue, priority]) => [name, { queue, priority, requests } as Runs]));

const CASES: readonly [string, Record<string, Runs>, Comes, Record<string, string>][] = [
  ['the lowest priority', { low: run('standalone', -1, '2'), mid: run('standalone', 0, '2'), high: run('standalone', 1, '2') }, come('standalone', 1, { cpu: '2' }), own('low')],
  ['several', { low: run('standalone', -1, '2'), mid: run('standalone', 0, '2'), high: run('standalone', 1, '2') }, come('standalone', 1, { cpu: '3' }), own('low', 'mid')],
  ['nobody for a low priority', { low: run('standalone', -1, '3'), mid: run('standalone', 0, '3') }, come('standalone', -1, { cpu: '1' }), {}],
  ['nobody where those of low priority are not enough', { low: run('standalone', -1, '3'), mid: run('standalone', 0, '3') }, come('standalone', 0, { cpu: '4' }), {}],
  ['who is enough with what is free', { low: run('standalone', -1, '1'), mid: run('standalone', 0, '1'), high: run('standalone', 1, '3') }, come('standalone', 1, { cpu: '2' }), own('low')],
  ['as few as will do', { low: run('standalone', -1, '1'), mid: run('standalone', 0, '2'), high: run('standalone', 1, '3') }, come('standalone', 1, { cpu: '2' }), own('mid')],
  ['who borrows', { 'c1-low': run('c1', -1, '3'), 'c2-mid': run('c2', 0, '3'), 'c2-high': run('c2', 1, '6') }, come('c1', 1, { cpu: '3' }), reclaimed('c2-mid')],
  ['who borrows, though another resource is at its nominal quota', { 'c1-low': run('c1', -1, '3', { requests: { cpu: '3', memory: '3Gi' } }), 'c2-mid': run('c2', 0, '3'), 'c2-high': run('c2', 1, '6') }, come('c1', 1, { cpu: '3', memory: '0' }), reclaimed('c2-mid')],
  ['nobody where nobody borrows', { 'c1-high': run('c1', 1, '4'), 'c2-low': run('c2', -1, '4') }, come('c1', 1, { cpu: '4' }), {}],
  ['nobody where too little is borrowed', { 'c1-high': run('c1', 1, '4'), 'c2-low-1': run('c2', -1, '4'), 'c2-low-2': run('c2', -1, '4') }, come('c1', 1, { cpu: '4' }), {}],
  ['its own, and another resource is borrowed', { 'c1-low': run('c1', -1, '4'), 'c2-low-1': run('c2', -1, '4'), 'c2-high-2': run('c2', 1, '4') }, come('c1', 1, { cpu: '4', memory: '5Gi' }), own('c1-low')],
  ['its own, and the same resource is borrowed', { 'c1-med': run('c1', 0, '4'), 'c1-low': run('c1', -1, '4'), 'c2-low-1': run('c2', -1, '4') }, come('c1', 1, { cpu: '4' }), own('c1-low')],
  ['the same without limits of borrowing', { 'd1-med': run('d1', 0, '4'), 'd1-low': run('d1', -1, '4'), 'd2-low-1': run('d2', -1, '4') }, come('d1', 1, { cpu: '4' }), own('d1-low')],
  ['its own, since for others it would have to borrow', { 'c1-med': run('c1', 0, '4'), 'c2-low-1': run('c2', -1, '5'), 'c2-low-2': run('c2', -1, '1'), 'c2-low-3': run('c2', -1, '1') }, come('c1', 1, { cpu: '2', memory: '5Gi' }), own('c1-med')],
  ['its own in a cohort of one', { 'l1-med': run('l1', 0, '4'), 'l1-low': run('l1', -1, '2') }, come('l1', 1, { cpu: '4' }), own('l1-med')],
  ['nobody of the same priority where only lower ones give back', { c1: run('c1', 0, '2'), 'c2-1': run('c2', 0, '4'), 'c2-2': run('c2', 0, '4') }, come('c1', 0, { cpu: '4' }), {}],
  ['who borrows with the same priority where any gives back', { 'c1-1': run('c1', 0, '4'), 'c1-2': run('c1', 1, '4'), c2: run('c2', 0, '2') }, come('c2', 0, { cpu: '4' }), reclaimed('c1-1')],
  ['of both queues', { 'c1-low': run('c1', -1, '3'), 'c1-mid': run('c1', 0, '2'), 'c2-low': run('c2', -1, '3'), 'c2-mid': run('c2', 0, '4') }, come('c1', 0, { cpu: '4' }), { ...own('c1-low'), ...reclaimed('c2-low') }],
  ['nobody of its own where the queue forbids it', { 'c2-low': run('c2', -1, '3') }, come('c2', 1, { cpu: '4' }), {}],
  ['newer ones of the same priority, the last that was let in first', { wl1: run('preventStarvation', 2, '2'), wl2: run('preventStarvation', 1, '2', { since: 1 }), wl3: run('preventStarvation', 1, '2') }, come('preventStarvation', 1, { cpu: '2' }, { createdAt: -15 }), own('wl2')],
  ['less important ones of others while it borrows', { a_best_effort_low: run('a_best_effort', -1, '10'), b_best_effort_low: run('b_best_effort', -1, '1') }, come('a_standard', 0, { cpu: '10' }), { a_best_effort_low: 'InCohortReclaimWhileBorrowing' }],
  ['nobody above the threshold while it borrows', { b_standard: run('b_standard', 1, '10') }, come('a_standard', 2, { cpu: '10' }), {}],
  ['one above the threshold where it does not borrow then', { b_standard: run('b_standard', 1, '13') }, come('a_standard', 2, { cpu: '1' }), reclaimed('b_standard')],
  ['nobody of its own queue by that', { a_standard: run('a_standard', 1, '13') }, come('a_standard', 2, { cpu: '1' }), {}],
  ['its own where nobody is below the threshold and it has more than its own', { a_standard_1: run('a_standard', 1, '10'), a_standard_2: run('a_standard', 1, '1'), b_standard_1: run('b_standard', 1, '1'), b_standard_2: run('b_standard', 2, '1') }, come('b_standard', 3, { cpu: '1' }), own('b_standard_1')],
  ['its own and less important ones of others', { b_standard_high: run('b_standard', 2, '10'), b_standard_mid: run('b_standard', 1, '1'), a_best_effort_low: run('a_best_effort', -1, '1'), a_best_effort_lower: run('a_best_effort', -2, '1') }, come('b_standard', 2, { cpu: '2' }), { ...own('b_standard_mid'), a_best_effort_lower: 'InCohortReclaimWhileBorrowing' }],
  ['who borrows from a lender', { 'lend1-low': run('lend1', -1, '3'), 'lend2-mid': run('lend2', 0, '3'), 'lend2-high': run('lend2', 1, '4') }, come('lend1', 1, { cpu: '3' }), reclaimed('lend2-mid')],
  ['of both queues of lenders', { 'lend1-low': run('lend1', -1, '3'), 'lend1-mid': run('lend1', 0, '2'), 'lend2-low': run('lend2', -1, '3'), 'lend2-mid': run('lend2', 0, '4') }, come('lend1', 0, { cpu: '4' }), { ...own('lend1-low'), ...reclaimed('lend2-low') }],
  ['nobody for more than is ever lent', { 'lend2-low': run('lend2', -1, '10') }, come('lend1', 0, { cpu: '9' }), {}],
  ['its own where it has all that is its own', exhausted({ cpu: '1' }), come('a', 0, { cpu: '2' }), own('a1', 'a2')],
  ['its own where it has all of both resources', exhausted(two), come('a', 0, { cpu: '2', memory: '2' }), own('a1', 'a2')],
  ['its own where it has all of one resource', exhausted({ cpu: '1' }), come('a', 0, { cpu: '2', memory: '2' }), own('a1', 'a2')],
  ['of others, too, where it has not all', { a1: run('a', -1, '1'), b1: run('b', 0, '1'), b2: run('b', 0, '1'), b3: run('b', 0, '1'), b4: run('b', 0, '1'), b5: run('b', -1, '1') }, come('a', 0, { cpu: '2' }), { ...own('a1'), ...reclaimed('b5') }],
  ['of a cohort far away', { far: run('cq-right', 0, '5') }, come('cq-left', 0, { cpu: '8' }), reclaimed('far')],
  ['in the flavor that will do', { low: run('standalone', -1, '0', { requests: { memory: '2Gi' }, of: { memory: 'alpha' } }), mid: run('standalone', 0, '0', { requests: { memory: '1Gi' }, of: { memory: 'beta' } }), high: run('standalone', 1, '0', { requests: { memory: '1Gi' }, of: { memory: 'beta' } }) }, come('standalone', 0, { cpu: '1', memory: '2Gi' }), own('low')],
  ['of each set in its flavor', { 'low-alpha': run('standalone', -1, '0', { requests: { memory: '2Gi' }, of: { memory: 'alpha' } }), 'low-beta': run('standalone', -1, '0', { requests: { memory: '2Gi' }, of: { memory: 'beta' } }) }, { queue: 'standalone', sets: [{ requests: { memory: '2Gi' } }, { count: 2, requests: { memory: '1Gi' } }] }, own('low-alpha', 'low-beta')],
];

describe('who is stopped', () => {
  for (const [what, running, comes, wanted] of CASES) it(what, () => assert.deepEqual(stopped({ queues: QUEUES, cohorts: COHORTS }, running, comes), wanted));
});

describe('whether a job borrows, or has others stopped for what is its own', () => {
  const preferring = (preference: string | undefined, preemption: Preemption): Scene => {
    const own = queueOf('own', 'all', [{ first: { cpu: ['4', undefined, '0'] }, second: { cpu: ['0'] } }], preemption);
    own.spec!.flavorFungibility = { whenCanBorrow: 'TryNextFlavor', whenCanPreempt: 'TryNextFlavor', ...(preference !== undefined && { preference }) };
    return { queues: [own, queueOf('lender', 'all', [{ second: { cpu: ['4'] } }], {})] };
  };
  const within: Preemption = { withinClusterQueue: 'LowerPriority' };
  const running = (priority: number): Record<string, Runs> => ({ runs: { queue: 'own', priority, requests: { cpu: '4' }, of: { cpu: 'first' } } });
  const comes: Comes = { queue: 'own', priority: 5, sets: [{ requests: { cpu: '4' } }] };
  const over = 'PreemptionOverBorrowing';
  const table: readonly [string, Scene, Record<string, Runs>, Record<string, string>][] = [
    ['it borrows where nothing is said', preferring(undefined, within), running(0), {}],
    ['and where that is preferred', preferring('BorrowingOverPreemption', within), running(0), {}],
    ['others are stopped, where that is preferred', preferring(over, within), running(0), { runs: 'InClusterQueue' }],
    ['nobody is where nobody may be', preferring(over, within), running(5), {}],
    ['nor where the queue has no rules for it', preferring(over, {}), running(0), {}],
  ];
  for (const [what, scene, runs, wanted] of table) it(what, () => assert.deepEqual(stopped(scene, runs, comes), wanted));
  it('who may have nobody stopped borrows all the same', () => assert.deepEqual([started(preferring(over, within), running(5), comes), started(preferring(over, within), running(0), comes)], [['second'], ['first']]));
});
