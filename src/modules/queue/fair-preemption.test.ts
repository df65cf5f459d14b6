/** Who is stopped for whom with fair sharing: what Kueue's own tables say; who stays within what is its own takes it back whatever the shares (FairSharingPreemptWithinNominal). Source: Kueue, preemption_test.go (TestFairPreemptions). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterQueue, Cohort } from '../../api/kueue/types.ts';
import type { FairRule } from './policy/cohort-share.ts';
import { queueOf, stopped, type Comes, type Preemption, type Runs, type Scene } from './testing/preemption-scene.ts';

const own: Preemption = { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'Any' };
const any: Preemption = { reclaimWithinCohort: 'Any' };
const threshold: Preemption = { ...own, borrowWithinCohort: { policy: 'LowerPriority', maxPriorityThreshold: -3 } };
const quota = (cpu: string) => [{ default: { cpu: [cpu] as [string] } }];
const weighted = (queue: ClusterQueue, weight: string): ClusterQueue => ({ ...queue, spec: { ...queue.spec, fairSharing: { weight } } });
const cohort = (name: string, { parent, weight, cpu }: { parent?: string; weight?: string; cpu?: string } = {}): Cohort => ({
  metadata: { name },
  spec: { ...(parent && { parent }), ...(weight && { fairSharing: { weight } }), ...(cpu && { resourceGroups: [{ coveredResources: ['cpu'], flavors: [{ name: 'default', resources: [{ name: 'cpu', nominalQuota: cpu }] }] }] }) },
});
const BASE: Scene = { queues: [...['a', 'b', 'c'].map((name) => queueOf(name, 'all', quota('3'), threshold)), queueOf('preemptible', 'all', quota('0'), {})] };
const both: readonly FairRule[] = ['final', 'initial'];

const run = (queue: string, much = '1', priority = 0): Runs => ({ queue, priority, requests: { cpu: much } });
/** So many of one unit each, `a1`, `a2` and so on. */
const units = (counts: Record<string, number>): Record<string, Runs> => Object.fromEntries(Object.entries(counts).flatMap(([queue, count]) => Array.from({ length: count }, (_, index) => [`${queue}${index + 1}`, run(queue)])));
const come = (queue: string, much = '1', priority = 0): Comes => ({ queue, priority, sets: [{ requests: { cpu: much } }] });
const reason = (word: string) => (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, word]));
const [shared, within, reclaimed] = [reason('InCohortFairSharing'), reason('InClusterQueue'), reason('InCohortReclamation')];

const pair = (weightOfA: string, weightOfB: string): ClusterQueue[] => [weighted(queueOf('a', 'all', quota('3'), own), weightOfA), weighted(queueOf('b', 'all', quota('3'), own), weightOfB), queueOf('c', 'all', quota('3'), own)];
const five = (queue: string): Record<string, Runs> => Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`${queue}${index + 1}`, run(queue, '1', index + 1)]));
const important = (right: string): Scene => ({ queues: [weighted(queueOf('a', 'ROOT', quota('5'), right === '1' ? own : { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'LowerPriority' }), '10'), weighted(queueOf('b', 'RIGHT', quota('0'), {}), '100m')], cohorts: [cohort('ROOT'), cohort('RIGHT', { parent: 'ROOT', weight: '100m', cpu: right })] });

const CASES: readonly [string, Scene & { rules?: readonly FairRule[] }, Record<string, Runs>, Comes, Record<string, string>][] = [
  ['what is its own, from who uses the most', BASE, units({ a: 3, b: 5, c: 1 }), come('c'), reclaimed('b1')],
  ['from who uses less, where the last of who uses the most is not enough', BASE, { a1: run('a', '3'), a2: run('a'), b1: run('b', '2'), b2: run('b', '3') }, come('c', '3'), reclaimed('a1')],
  ['what may be borrowed, from who uses the most', BASE, units({ a: 3, b: 5, c: 1 }), come('a'), shared('b1')],
  ['one of each that borrows', BASE, { a1: run('a', '500m'), a2: run('a', '500m'), a3: run('a', '3'), b1: run('b', '500m'), b2: run('b', '500m'), b3: run('b', '3') }, come('c', '2'), reclaimed('a1', 'b1')],
  ['nobody where nobody borrows', BASE, units({ a: 3, b: 3, c: 3 }), come('c'), {}],
  ['nobody where it would only turn the tables', BASE, units({ a: 3, b: 5 }), come('a', '2'), {}],
  ['less important ones of its own', BASE, { a1: run('a', '1', -1), a2: run('a', '1', -1), a3: run('a'), a4: run('a'), ...units({ b: 5 }) }, come('a', '2'), within('a1', 'a2')],
  ['of its own and of who has the most', BASE, { a_low: run('a', '1', -1), a2: run('a'), a3: run('a'), ...units({ b: 6 }) }, come('a', '2'), { ...within('a_low'), ...shared('b1') }],
  ['a huge one, where nothing else will do and its queue has less then', BASE, { b1: run('b', '9') }, come('a', '2'), reclaimed('b1')],
  ['no huge one for one that is huge itself', BASE, { a1: run('a', '2'), b1: run('b', '7') }, come('a', '5'), {}],
  ['nor smaller ones for one that is huge', BASE, { b1: run('b', '2'), b2: run('b', '2'), b3: run('b', '3') }, come('a', '6'), {}],
  ['of its own and of others, though it has more than its own', BASE, { a1_low: run('a', '2', -1), a2_low: run('a', '1', -1), b1: run('b', '3'), b2: run('b', '3') }, come('a', '4'), { ...within('a1_low'), ...shared('b1') }],
  ['rather who leaves it without the greatest share', BASE, { b1: run('b', '2'), b2: run('b', '1'), b3: run('b', '2'), c1: run('c', '1') }, come('a', '3500m'), shared('b2')],
  ['of several, where the greatest share is less then', BASE, { b1: run('b', '2'), b2: run('b', '2500m'), c1: run('c', '2'), c2: run('c', '2500m') }, come('a', '3500m'), shared('b1', 'c1')],
  ['and that does not go back and forth', BASE, { a1: run('a', '3500m'), b2: run('b', '2500m'), c2: run('c', '2500m') }, come('b', '2'), {}],
  ['nobody whose queue would have less than its own', BASE, { b1: run('b', '3'), b2: run('b', '3'), c1: run('c', '3') }, come('a', '4'), {}],
  ['nobody below the threshold by priority alone', BASE, { ...units({ a: 3, b: 3 }), p1: run('preemptible', '1', -3), p2: run('preemptible', '1', -3), p3: run('preemptible', '1', -3) }, come('a', '2'), {}],
  ['by initial shares the least important, even if it is big', { ...BASE, rules: ['initial'] }, { a1: run('a', '3'), b_low: run('b', '5'), b_high: run('b', '1', 1) }, come('a'), shared('b_low')],
  ['by final shares who does not turn the tables, even if it is important', { ...BASE, rules: ['final'] }, { a1: run('a', '3'), b_low: run('b', '5'), b_high: run('b', '1', 1) }, come('a'), shared('b_high')],
  ['more for a greater weight', { queues: pair('2', '1') }, units({ a: 3, b: 6 }), come('a', '2'), shared('b1', 'b2')],
  ['all that a queue of no weight borrows', { queues: pair('1', '0') }, units({ a: 3, b: 6 }), come('a', '3'), shared('b1', 'b2', 'b3')],
  ['nothing that is its own of a queue of no weight', { queues: pair('1', '0').slice(0, 2) }, units({ a: 3, b: 3 }), come('a'), {}],
  ['nor of a cohort of no weight', { queues: [queueOf('left', 'root', quota('0'), any), weighted(queueOf('right', 'right-cohort', quota('0'), any), '0')], cohorts: [cohort('right-cohort', { parent: 'root', weight: '0', cpu: '1' })] }, { 'right-1': run('right') }, come('left'), {}],
  ['its own where there is no cohort', { queues: [queueOf('a', undefined, quota('1'), { withinClusterQueue: 'LowerPriority' })] }, { a1: run('a') }, come('a', '1', 1_000), within('a1')],
  ['through cohorts of cohorts', {
    queues: [weighted(queueOf('a', 'LEFT', quota('1'), any), '2'), queueOf('b', 'LEFT', quota('1'), {}), queueOf('c', 'ROOT', quota('1'), {}), queueOf('d', 'RIGHT', quota('1'), {}), weighted(queueOf('e', 'RIGHT', quota('1'), {}), '990m')],
    cohorts: [cohort('ROOT', { cpu: '5' }), cohort('LEFT', { parent: 'ROOT', weight: '2', cpu: '5' }), cohort('RIGHT', { parent: 'ROOT', cpu: '5' })],
  }, { ...five('b'), ...five('c'), ...five('d'), ...five('e') }, come('a', '5'), shared('b1', 'b2', 'c1', 'c2', 'e1')],
  ['nobody who borrows in a cohort that does not', important('1'), { a1: run('a', '1', -1), a2: run('a', '1', -1), a3: run('a', '1', -1), b1: run('b', '1', -1) }, come('a', '5'), within('a1', 'a2', 'a3')],
  ['its own, since who borrows is too important', important('3'), { a1: run('a', '1', -1), a2: run('a', '1', -1), a3: run('a', '1', -1), b1: run('b', '4', 100) }, come('a', '4'), within('a1', 'a2', 'a3')],
  ['far apart', {
    queues: [queueOf('a', 'AAA', quota('0'), any), queueOf('b', 'BBB', quota('0'), {})],
    cohorts: [cohort('ROOT'), cohort('A', { parent: 'ROOT', weight: '1010m' }), cohort('AA', { parent: 'A' }), cohort('AAA', { parent: 'AA' }), cohort('B', { parent: 'ROOT', weight: '990m' }), cohort('BB', { parent: 'B' }), cohort('BBB', { parent: 'BB' }), cohort('C', { parent: 'ROOT' }), cohort('CC', { parent: 'C' }), cohort('CCC', { parent: 'CC', cpu: '1' })],
  }, { b1: run('b') }, come('a'), shared('b1')],
  ['what is its own of a queue of no weight', { queues: [weighted(queueOf('a', 'ROOT', quota('1'), any), '0'), queueOf('b', 'ROOT', quota('0'), {})] }, { b1: run('b') }, come('a'), reclaimed('b1')],
  ['and of a cohort of no weight', { queues: [weighted(queueOf('a', 'A', quota('0'), any), '0'), queueOf('b', 'ROOT', quota('0'), {})], cohorts: [cohort('A', { parent: 'ROOT', weight: '0', cpu: '1' })] }, { b1: run('b') }, come('a'), shared('b1')],
];

describe('who is stopped with fair sharing', () => {
  for (const [what, { rules = both, ...scene }, running, comes, wanted] of CASES) it(what, () => assert.deepEqual(stopped({ ...scene, fairRules: rules }, running, comes), wanted));
});
