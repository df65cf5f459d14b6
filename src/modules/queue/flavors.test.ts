/** Which flavors a Workload gets: what Kueue's own tables say of ClusterQueues, their cohorts and what is used of them. Source: Kueue, flavorassigner_test.go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import type { ClusterQueue, PodSet, ResourceFlavor, Workload } from '../../api/kueue/types.ts';
import { buildPools, jobOf, type JobParts } from './build.ts';
import { USE_SHARING } from './configuration.ts';
import { amountOf, perPod } from './demand.ts';
import type { QuotaJob, QuotaRoom } from './policy/quota-room.ts';
import { createChoosingPredictor } from './prediction/choosing.ts';

/** Of each flavor, of each resource: nominal, borrowing limit, lending limit. */
type Flavors = Record<string, Record<string, string | [string, string?, string?]>>;
interface Queue { groups: Flavors[]; cohort?: string; used?: Record<string, string>; more?: ClusterQueue['spec']; sharesFairly?: boolean }
interface Pods { count?: number; requests: Record<string, string>; spec?: Partial<PodSpec>; reclaimable?: number }

const SPOT = { key: 'instance', value: 'spot', effect: 'NoSchedule' as const };
const SPOT_TOLERATED = { key: 'instance', operator: 'Equal' as const, value: 'spot', effect: 'NoSchedule' as const };
const FLAVORS: Record<string, ResourceFlavor['spec']> = {
  default: {}, one: { nodeLabels: { type: 'one' } }, two: { nodeLabels: { type: 'two' } }, b_one: { nodeLabels: { b_type: 'one' } }, b_two: { nodeLabels: { b_type: 'two' } },
  tainted: { nodeTaints: [SPOT] }, tolerating: { nodeTaints: [SPOT], tolerations: [SPOT_TOLERATED] },
};
const parts: JobParts = {
  localQueue: undefined, byEviction: false, levelsOf: () => undefined, replacedBy: () => undefined, reckon: (template) => perPod(template),
  flavorOf: (name) => ({ metadata: { name }, spec: FLAVORS[name] }),
};

function queueOf(name: string, { groups, cohort, more }: Queue): ClusterQueue {
  const resourceGroups = groups.map((flavors) => ({
    coveredResources: Object.keys(Object.values(flavors)[0]!),
    flavors: Object.entries(flavors).map(([flavor, resources]) => ({
      name: flavor,
      resources: Object.entries(resources).map(([resource, quota]) => {
        const [nominalQuota, borrowingLimit, lendingLimit] = typeof quota === 'string' ? [quota] : quota;
        return { name: resource, nominalQuota, ...(borrowingLimit !== undefined && { borrowingLimit }), ...(lendingLimit !== undefined && { lendingLimit }) };
      }),
    })),
  }));
  return { metadata: { name }, spec: { namespaceSelector: {}, resourceGroups, ...(cohort !== undefined && { cohort }), ...more } };
}

/** The room of the queue, and what asks for it. */
function sceneOf(queue: Queue, sets: Record<string, Pods>, second?: Queue): { room: QuotaRoom; job: QuotaJob } {
  const queues = [queueOf('own', queue), ...(second === undefined ? [] : [queueOf('second', second)])];
  const topologies = { of: () => undefined, levelsOf: () => undefined, forget: () => {}, follows: () => [] };
  const live = buildPools({ queues, cohorts: [], localQueues: [], fairRules: queue.sharesFairly === true ? ['final', 'initial'] : undefined, useSharing: USE_SHARING, topologies }, createChoosingPredictor()).flatMap((pool) => pool.queues);
  for (const [name, { used = {} }] of [['own', queue], ['second', second ?? { groups: [] }]] as const) {
    const room = live.find((each) => each.name === name)?.room;
    for (const [key, quantity] of Object.entries(used)) {
      const dimension = room!.dimensions.find(({ flavor, resource }) => `${flavor}/${resource}` === key)!;
      room!.node.take(dimension.index, amountOf(dimension.resource, quantity));
    }
  }
  const podSets = Object.entries(sets).map(([name, { count = 1, requests, spec }]): PodSet => ({ name, count, template: { spec: { containers: [{ name: 'c', resources: { requests } }], ...spec } } }));
  const reclaimablePods = Object.entries(sets).filter(([, { reclaimable }]) => reclaimable !== undefined).map(([name, { reclaimable }]) => ({ name, count: reclaimable! }));
  const workload: Workload = { metadata: { name: 'w', namespace: 'default' }, spec: { podSets }, status: { reclaimablePods } };
  const own = live.find(({ name }) => name === 'own')!;
  return { room: own.room, job: jobOf(workload, own, parts) };
}

/** Of each set its flavors, and whether it borrows; undefined where it does not fit now. */
function assigned(queue: Queue, sets: Record<string, Pods>, second?: Queue): { flavors: Record<string, Record<string, string>>; borrows: boolean } | undefined {
  const { room, job } = sceneOf(queue, sets, second);
  const found = room.place(job, room.free);
  return found && { flavors: Object.fromEntries(found.sets.map(({ name, flavors }) => [name, Object.fromEntries(flavors)])), borrows: found.borrows };
}

const main = (requests: Record<string, string>, spec: Partial<PodSpec> = {}, more: Partial<Pods> = {}): Record<string, Pods> => ({ main: { requests, spec, ...more } });
const nodesWith = (...terms: Record<string, string>[]): Partial<PodSpec> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms.map((term) => ({ matchExpressions: Object.entries(term).map(([key, value]) => ({ key, operator: 'In', values: [value] })) })) } } },
});
const gets = (flavors: Record<string, string>, borrows = false) => ({ flavors: { main: flavors }, borrows });
const fungible = (whenCanBorrow: string, whenCanPreempt: string, preemption?: NonNullable<ClusterQueue['spec']>['preemption']): ClusterQueue['spec'] => ({ flavorFungibility: { whenCanBorrow, whenCanPreempt }, ...(preemption && { preemption }) });
const cohort = 'test-cohort';
const oneTwo: Flavors = { one: { cpu: '4' }, two: { cpu: '4' } };
const urgent = { reclaimWithinCohort: 'LowerPriority' as const, borrowWithinCohort: { policy: 'LowerPriority' as const } };

const CASES: readonly [string, Queue, Record<string, Pods>, ReturnType<typeof assigned>, Queue?][] = [
  ['single flavor, fits', { groups: [{ default: { cpu: '1', memory: '2Mi' } }] }, main({ cpu: '1', memory: '1Mi' }), gets({ cpu: 'default', memory: 'default' })],
  ['a tainted flavor that the pods tolerate', { groups: [{ tainted: { cpu: '4' } }] }, main({ cpu: '1' }, { tolerations: [SPOT_TOLERATED] }), gets({ cpu: 'tainted' })],
  ['a tainted flavor that adds its toleration', { groups: [{ tolerating: { cpu: '4' } }] }, main({ cpu: '1' }), gets({ cpu: 'tolerating' })],
  ['used, does not fit', { groups: [{ default: { cpu: '4' } }], used: { 'default/cpu': '3' } }, main({ cpu: '2' }), undefined],
  ['several groups', { groups: [{ one: { cpu: '2' }, two: { cpu: '4' } }, { b_one: { memory: '1Gi' }, b_two: { memory: '5Gi' } }] }, main({ cpu: '3', memory: '10Mi' }), gets({ cpu: 'two', memory: 'b_one' })],
  ['several groups, of which one does not fit', { groups: [{ one: { cpu: '3' } }, { b_one: { memory: '1Mi' } }], used: { 'one/cpu': '1' } }, main({ cpu: '3', memory: '10Mi' }), undefined],
  ['several groups with several resources', { groups: [{ one: { cpu: '2', memory: '1Gi' }, two: { cpu: '4', memory: '15Mi' } }, { b_one: { 'example.com/gpu': '4' }, b_two: { 'example.com/gpu': '2' } }] }, main({ cpu: '3', memory: '10Mi', 'example.com/gpu': '3' }), gets({ cpu: 'two', memory: 'two', 'example.com/gpu': 'b_one' })],
  ['several groups, where others use what could be borrowed', { groups: [{ one: { cpu: '2', memory: '1Gi' }, two: { cpu: '4', memory: '15Mi' } }, { b_one: { 'example.com/gpu': '4' } }], cohort, used: { 'two/memory': '10Mi' } }, main({ cpu: '3', memory: '10Mi', 'example.com/gpu': '3' }), undefined, { groups: [{ b_one: { 'example.com/gpu': '0' } }], cohort, used: { 'b_one/example.com/gpu': '2' } }],
  ['several resources, of which no flavor has both', { groups: [{ one: { cpu: '2', memory: '1Gi' }, two: { cpu: '4', memory: '5Mi' } }] }, main({ cpu: '3', memory: '10Mi' }), undefined],
  ['past a tainted flavor', { groups: [{ tainted: { cpu: '4' }, two: { cpu: '4' } }] }, main({ cpu: '3' }), gets({ cpu: 'two' })],
  ['by node selector; labels that no flavor has do not count', { groups: [oneTwo] }, main({ cpu: '1' }, { nodeSelector: { type: 'two', ignored1: 'foo' }, ...nodesWith({ ignored2: 'bar' }) }), gets({ cpu: 'two' })],
  ['by node affinity', { groups: [{ one: { cpu: '4', memory: '1Gi' }, two: { cpu: '4', memory: '1Gi' } }] }, main({ cpu: '1', memory: '1Mi' }, { nodeSelector: { ignored1: 'foo' }, ...nodesWith({ type: 'two' }) }), gets({ cpu: 'two', memory: 'two' })],
  ['a term without a label of a flavor takes any', { groups: [oneTwo] }, main({ cpu: '1' }, nodesWith({ ignored2: 'bar' }, { cpuType: 'two' })), gets({ cpu: 'one' })],
  ['no flavor suits the affinity', { groups: [oneTwo] }, main({ cpu: '1' }, nodesWith({ type: 'three' })), undefined],
  ['sets with different flavors', { groups: [{ one: { cpu: '4' }, two: { cpu: '10' } }] }, { driver: { requests: { cpu: '5' } }, worker: { requests: { cpu: '3' } } }, { flavors: { driver: { cpu: 'two' }, worker: { cpu: 'one' } }, borrows: false }],
  ['sets that borrow', { groups: [{ default: { cpu: ['2', '98'], memory: '2Gi' } }], cohort }, { driver: { requests: { cpu: '4', memory: '1Gi' } }, worker: { requests: { cpu: '6', memory: '4Gi' } } }, { flavors: { driver: { cpu: 'default', memory: 'default' }, worker: { cpu: 'default', memory: 'default' } }, borrows: true }, { groups: [{ default: { cpu: '198', memory: '198Gi' } }], cohort }],
  ['nothing is lent', { groups: [{ one: { cpu: '1' } }], cohort }, main({ cpu: '2' }), undefined, { groups: [{ one: { cpu: ['10', undefined, '0'] } }], cohort, used: { 'one/cpu': '9' } }],
  ['past its borrowing limit', { groups: [{ one: { cpu: ['2', '8'] } }], cohort, used: { 'one/cpu': '9' } }, main({ cpu: '2' }), undefined, { groups: [{ one: { cpu: '98' } }], cohort, used: { 'one/cpu': '9' } }],
  ['others use what is its own', { groups: [{ one: { cpu: '3' } }], cohort, used: { 'one/cpu': '2' } }, main({ cpu: '2' }), undefined, { groups: [{ one: { cpu: '7' } }], cohort, used: { 'one/cpu': '8' } }],
  ['a resource of no group', { groups: [{ one: { cpu: '4' } }] }, main({ 'example.com/gpu': '2' }), undefined],
  ['so many pods', { groups: [{ default: { pods: '3', cpu: '10' } }] }, main({ cpu: '1' }, {}, { count: 3 }), gets({ cpu: 'default', pods: 'default' })],
  ['too many pods', { groups: [{ default: { pods: '2', cpu: '10' } }] }, main({ cpu: '1' }, {}, { count: 3 }), undefined],
  ['pods that are not needed any more do not count', { groups: [{ default: { pods: '3', cpu: '10' } }] }, main({ cpu: '1' }, {}, { count: 5, reclaimable: 2 }), gets({ cpu: 'default', pods: 'default' })],
  ['a next flavor is tried before others are stopped', { groups: [{ one: { pods: '10', cpu: '10' }, two: { pods: '10', cpu: '10' } }], used: { 'one/cpu': '2' } }, main({ cpu: '9' }), gets({ cpu: 'two', pods: 'two' })],
  ['others are stopped before a next flavor is tried, where the queue says so', { groups: [{ one: { cpu: '10' }, two: { cpu: '10' } }], used: { 'one/cpu': '2' }, more: fungible('Borrow', 'Preempt', { withinClusterQueue: 'LowerPriority' }) }, main({ cpu: '9' }), undefined],
  ['the next flavor does not fit, so the first one is borrowed', { groups: [{ one: { pods: '10', cpu: ['10', '1'] }, two: { pods: '10', cpu: '1' } }], cohort, used: { 'one/cpu': '2' }, more: fungible('TryNextFlavor', 'TryNextFlavor') }, main({ cpu: '9' }), gets({ cpu: 'one', pods: 'one' }, true), { groups: [{ one: { cpu: '1' } }], cohort }],
  ['the next flavor fits without borrowing', { groups: [{ one: { pods: '10', cpu: ['10', '1'] }, two: { pods: '10', cpu: '10' } }], cohort, used: { 'one/cpu': '2' }, more: fungible('TryNextFlavor', 'TryNextFlavor') }, main({ cpu: '9' }), gets({ cpu: 'two', pods: 'two' }), { groups: [{ one: { cpu: '1' } }], cohort }],
  ['it is borrowed before a next flavor is tried', { groups: [{ one: { pods: '10', cpu: ['10', '1'] }, two: { pods: '10', cpu: '10' } }], cohort, used: { 'one/cpu': '2' }, more: fungible('Borrow', 'TryNextFlavor') }, main({ cpu: '9' }), gets({ cpu: 'one', pods: 'one' }, true), { groups: [{ one: { cpu: '1' } }], cohort }],
  ['others would have to be stopped for what is borrowed, and that is preferred', { groups: [{ one: { cpu: ['0', '12'] }, two: { cpu: '12' } }], cohort, more: fungible('Borrow', 'Preempt', urgent) }, main({ cpu: '12' }), undefined, { groups: [{ one: { cpu: '12' } }], cohort, used: { 'one/cpu': '10' } }],
  ['the same without a limit', { groups: [{ one: { cpu: '0' }, two: { cpu: '12' } }], cohort, more: fungible('Borrow', 'Preempt', urgent) }, main({ cpu: '12' }), undefined, { groups: [{ one: { cpu: '12' } }], cohort, used: { 'one/cpu': '10' } }],
  ['the same where a next flavor is tried before borrowing', { groups: [{ one: { cpu: ['0', '12'] }, two: { cpu: '12' } }], cohort, more: fungible('TryNextFlavor', 'Preempt', urgent) }, main({ cpu: '12' }), gets({ cpu: 'two' }), { groups: [{ one: { cpu: '12' } }], cohort, used: { 'one/cpu': '10' } }],
  ['with fair sharing who may take back what is lent has others stopped, too', { groups: [{ one: { cpu: '0' }, two: { cpu: '12' } }], cohort, sharesFairly: true, more: fungible('Borrow', 'Preempt', { reclaimWithinCohort: 'Any' }) }, main({ cpu: '12' }), undefined, { groups: [{ one: { cpu: '12' } }], cohort, used: { 'one/cpu': '10' } }],
  ['and who may not takes the next flavor', { groups: [{ one: { cpu: '0' }, two: { cpu: '12' } }], cohort, sharesFairly: true, more: fungible('Borrow', 'Preempt', { reclaimWithinCohort: 'Never' }) }, main({ cpu: '12' }), gets({ cpu: 'two' }), { groups: [{ one: { cpu: '12' } }], cohort, used: { 'one/cpu': '10' } }],
  ['the next flavor is too small, so what others lend of the first one is borrowed', { groups: [{ one: { pods: '10', cpu: ['10', undefined, '1'] }, two: { pods: '10', cpu: ['1', undefined, '0'] } }], cohort, used: { 'one/cpu': '2' }, more: fungible('TryNextFlavor', 'TryNextFlavor') }, main({ cpu: '9' }), gets({ cpu: 'one', pods: 'one' }, true), { groups: [{ one: { cpu: '1' } }], cohort }],
  ['what nobody lends to it', { groups: [{ one: { pods: '10', cpu: ['10', undefined, '0'] } }], cohort, used: { 'one/cpu': '2' } }, main({ cpu: '9' }), undefined, { groups: [{ one: { pods: '0', cpu: '0' } }], cohort }],
  ['the first flavor that fits of three', { groups: [{ one: { 'example.com/gpu': '10' }, two: { 'example.com/gpu': '10' }, default: { 'example.com/gpu': '10' } }], cohort, used: { 'one/example.com/gpu': '1' }, more: { preemption: { withinClusterQueue: 'LowerPriority', reclaimWithinCohort: 'LowerPriority' }, flavorFungibility: { whenCanPreempt: 'TryNextFlavor' } } }, main({ 'example.com/gpu': '10' }), gets({ 'example.com/gpu': 'default' }), { groups: [{ one: { 'example.com/gpu': '0' }, two: { 'example.com/gpu': '0' }, default: { 'example.com/gpu': '0' } }], cohort, used: { 'two/example.com/gpu': '1' } }],
  ['the cohort has less than the limit', { groups: [{ one: { cpu: ['0', '12'] } }], cohort, more: { preemption: urgent } }, main({ cpu: '12' }), undefined, { groups: [{ one: { cpu: '11' } }], cohort, used: { 'one/cpu': '10' } }],
  ['what is lent of the first flavor is borrowed from nobody; the second one fits', { groups: [{ one: { pods: '10', cpu: ['10', undefined, '1'] }, two: { pods: '10', cpu: ['10', undefined, '0'] } }], cohort, used: { 'one/cpu': '2' }, more: fungible('TryNextFlavor', 'TryNextFlavor') }, main({ cpu: '9' }), gets({ cpu: 'two', pods: 'two' }), { groups: [{ one: { cpu: '1' } }], cohort }],
];

describe('flavors', () => {
  for (const [what, queue, sets, wanted, second] of CASES) it(what, () => assert.deepEqual(assigned(queue, sets, second), wanted));

  it('what is wanting is told of the first set that it is wanting for, after what the sets before it ask for', () => {
    const pods = { requests: { cpu: '2' } };
    const { room, job } = sceneOf({ groups: [{ one: { cpu: '5' } }] }, { a: pods, b: { ...pods, count: 2 }, c: pods });
    assert.deepEqual(room.explain(job).lacks, [{ set: 'b', flavor: 'one', resource: 'cpu', needed: 4_000, available: 3_000, most: 5_000 }]);
  });
});
