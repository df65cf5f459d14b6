/** Queues with who runs in them and who comes, as Kueue's tables of preemption have them: who is stopped. */
import type { ClusterQueue, Cohort, Workload } from '../../../api/kueue/types.ts';
import { buildPools, jobOf, placementOf, type JobParts } from '../build.ts';
import { USE_SHARING } from '../configuration.ts';
import { perPod } from '../demand.ts';
import type { FairRule } from '../policy/cohort-share.ts';
import type { PoolDecision } from '../policy/pool.ts';
import type { QuotaPlacement } from '../policy/quota-room.ts';
import { createChoosingPredictor } from '../prediction/choosing.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z') / 1_000;
const parts: JobParts = {
  localQueue: undefined, byEviction: false, levelsOf: () => undefined, replacedBy: () => undefined, reckon: (template) => perPod(template),
  flavorOf: (name) => ({ metadata: { name }, spec: {} }),
};

export type Preemption = NonNullable<NonNullable<ClusterQueue['spec']>['preemption']>;
/** Of each flavor, of each resource: nominal, borrowing limit, lending limit; the outer list is of groups. */
export type Groups = Record<string, Record<string, [string, string?, string?]>>[];

export function queueOf(name: string, cohort: string | undefined, groups: Groups, preemption: Preemption): ClusterQueue {
  const resourceGroups = groups.map((flavors) => ({
    coveredResources: Object.keys(Object.values(flavors)[0]!),
    flavors: Object.entries(flavors).map(([flavor, resources]) => ({
      name: flavor, resources: Object.entries(resources).map(([resource, [nominalQuota, borrowingLimit, lendingLimit]]) => ({ name: resource, nominalQuota, ...(borrowingLimit && { borrowingLimit }), ...(lendingLimit && { lendingLimit }) })),
    })),
  }));
  return { metadata: { name }, spec: { namespaceSelector: {}, queueingStrategy: 'BestEffortFIFO', resourceGroups, preemption, ...(cohort !== undefined && { cohort }) } };
}

/** `of`: the flavor of each resource, where it is not `default`; `since`: seconds from now at which it was let in. */
export interface Runs { queue: string; priority?: number; requests: Record<string, string>; of?: Record<string, string>; since?: number; createdAt?: number }
export interface Comes { queue: string; priority?: number; sets: { count?: number; requests: Record<string, string> }[]; createdAt?: number }

function workloadOf(name: string, { priority = 0, createdAt = 0 }: Pick<Runs, 'priority' | 'createdAt'>, sets: Comes['sets']): Workload {
  const podSets = sets.map(({ count = 1, requests }, index) => ({ name: `set${index}`, count, template: { spec: { containers: [{ name: 'c', resources: { requests } }] } } }));
  return { metadata: { name, namespace: 'default', creationTimestamp: new Date((NOW + createdAt) * 1_000).toISOString() }, spec: { podSets, priority } };
}

export interface Scene { queues: readonly ClusterQueue[]; cohorts?: readonly Cohort[]; fairRules?: readonly FairRule[] }

/** The names of those that are stopped for it, with Kueue's reasons. Of those that are alike the first of `running` goes first. */
export function stopped(scene: Scene, running: Record<string, Runs>, comes: Comes): Record<string, string> {
  const { id, decisions } = decided(scene, running, comes);
  return Object.fromEntries(decisions.flatMap((each) => (each.kind === 'stop' && each.preemption?.by.id === id ? [[each.job.id.slice('default/'.length), each.preemption.reason]] : [])));
}

/** The flavors of its cpu, where it is let in now. */
export function started(scene: Scene, running: Record<string, Runs>, comes: Comes): string[] {
  const { id, decisions } = decided(scene, running, comes);
  return decisions.flatMap((each) => (each.kind === 'start' && each.job.id === id ? (each.placement as QuotaPlacement).sets.map(({ flavors }) => flavors.get('cpu') ?? '') : []));
}

function decided({ queues, cohorts = [], fairRules }: Scene, running: Record<string, Runs>, { queue, sets, ...own }: Comes): { id: string; decisions: readonly PoolDecision[] } {
  const topologies = { of: () => undefined, levelsOf: () => undefined, forget: () => {}, follows: () => [] };
  const now = NOW + Math.max(0, ...Object.values(running).map(({ since = 0 }) => since));
  const pools = buildPools({ queues, cohorts, localQueues: [], fairRules, useSharing: USE_SHARING, topologies }, createChoosingPredictor());
  const live = new Map(pools.flatMap((pool) => pool.queues).map((each) => [each.name, each] as const));
  for (const [name, { queue: its, requests, of = {}, since = 0, ...more }] of Object.entries(running).toReversed()) {
    const flavors = Object.fromEntries(Object.keys(requests).map((resource) => [resource, of[resource] ?? 'default']));
    const workload = { ...workloadOf(name, more, [{ requests }]), status: { admission: { clusterQueue: its, podSetAssignments: [{ name: 'set0', count: 1, flavors, resourceUsage: requests }] } } };
    live.get(its)!.admission.adopt(jobOf(workload, live.get(its)!, parts), placementOf(workload, live.get(its)!), NOW + since, now);
  }
  const { admission, room } = live.get(queue)!;
  const job = jobOf(workloadOf('in', own, sets), live.get(queue)!, parts);
  // Who asks for more than there ever is does not wait at all.
  if (room.place(job, room.capacity) === undefined) return { id: job.id, decisions: [] };
  admission.submit(job, now);
  return { id: job.id, decisions: pools.flatMap(({ pool }) => pool.decide(now)) };
}
