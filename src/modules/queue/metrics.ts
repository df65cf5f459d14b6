/** What Prometheus may know of queues, by Kueue's own names, so that its dashboards and alerts hold. Counters begin with the module, as there. Source: Kueue, pkg/metrics. */
import { ClusterQueue, Cohort } from '../../api/kueue/cluster-queue.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import type { FlavorUsage } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { CacheEvent, Caches } from '../../sdk/index.ts';
import { preemptorOf } from './admit.ts';
import { ancestorsOf, gaugeCohorts, valueOf, type Labels, type SetGauge } from './cohort-metrics.ts';
import { conditionOf, is, sinceSeconds } from './conditions.ts';
import { isReplaced } from './slices.ts';

type Type = 'gauge' | 'counter' | 'histogram';
interface Family { readonly type: Type; readonly help: string; readonly lines: Map<string, number> }

/** In seconds: 1, 2.5, 5, ... 10240, and of one on to 40960. */
const BOUNDS = [1, ...Array.from({ length: 13 }, (_, index) => 2.5 * 2 ** index)];
const MORE_BOUNDS: Readonly<Record<string, readonly number[]>> = { admission_wait_time_seconds: [20_480, 40_960] };
/** Those of ClusterQueues, and of LocalQueues with the same after `local_queue_`. */
const COUNTED: Readonly<Record<string, readonly [Type, string]>> = {
  quota_reserved_workloads_total: ['counter', 'The total number of quota reserved workloads'],
  quota_reserved_wait_time_seconds: ['histogram', 'The time between a workload was created or requeued until it got quota reservation'],
  admitted_workloads_total: ['counter', 'The total number of admitted workloads'],
  admission_wait_time_seconds: ['histogram', 'The time between a workload was created or requeued until admission'],
  admission_checks_wait_time_seconds: ['histogram', 'The time from when a workload got the quota reservation until admission'],
  ready_wait_time_seconds: ['histogram', 'The time between a workload was created or requeued until ready'],
  admitted_until_ready_wait_time_seconds: ['histogram', 'The time between a workload was admitted until ready'],
  finished_workloads_total: ['counter', 'The total number of finished workloads'],
  evicted_workloads_total: ['counter', 'The number of evicted workloads, by reason'],
  evicted_workloads_once_total: ['counter', 'The number of workloads evicted for the first time for a reason'],
  pods_ready_to_evicted_time_seconds: ['histogram', "The time between a workload's pods were ready and its eviction"],
  replaced_workload_slices_total: ['counter', 'The number of replaced workload slices'],
  preempted_workloads_total: ['counter', 'The number of preempted workloads, by the queue of whom they were preempted for'],
  cohort_subtree_admitted_workloads_total: ['counter', "The total number of admitted workloads per cohort's subtree"],
};

/** Counts what happens from now on, until it is stopped. */
export function createMetrics(caches: Caches): { text(): string; stop(): void } {
  const counted = new Map<string, Family>();
  const add = (name: string, labels: Labels, seconds?: number): void => {
    const [type, help] = COUNTED[name.replace(/^local_queue_/, '')]!;
    let family = counted.get(name);
    if (family === undefined) counted.set(name, (family = { type, help, lines: new Map() }));
    const more = (suffix: string, by: number, extra: Labels = {}): void => {
      const line = `${suffix}${textOf({ ...labels, ...extra })}`;
      family.lines.set(line, (family.lines.get(line) ?? 0) + by);
    };
    if (type === 'counter' || seconds === undefined) return more('', 1);
    for (const bound of [...BOUNDS, ...(MORE_BOUNDS[name] ?? []), Infinity]) more('_bucket', seconds <= bound ? 1 : 0, { le: bound === Infinity ? '+Inf' : String(bound) });
    more('_sum', seconds);
    more('_count', 1);
  };
  const happened = (workload: Workload, queue: string, name: string, { seconds, labels }: { seconds?: number | undefined; labels?: Labels } = {}): void => {
    const all = { ...labels, priority_class: workload.spec.priorityClassName ?? '' };
    add(name, { cluster_queue: queue, ...all }, seconds);
    add(`local_queue_${name}`, { name: workload.spec.queueName ?? '', namespace: workload.metadata.namespace ?? '', ...all }, seconds);
  };
  const look = ({ type, object, previous }: CacheEvent<Workload>): void => {
    const queue = object.status?.admission?.clusterQueue ?? previous?.status?.admission?.clusterQueue;
    if (type !== 'modified' || previous === undefined || queue === undefined) return;
    const isNew = (condition: string): boolean => is(object, condition) && !is(previous, condition);
    const since = (from: number | undefined, condition: string): number => Math.max(0, (sinceSeconds(object, condition) ?? 0) - (from ?? 0));
    const queued = is(object, 'Requeued') ? sinceSeconds(object, 'Requeued') : Date.parse(object.metadata.creationTimestamp ?? '') / 1_000;
    const passed = (names: readonly [string, string], condition: string): void => {
      happened(object, queue, names[0]);
      happened(object, queue, names[1], { seconds: since(queued, condition) });
    };
    if (isNew('QuotaReserved')) passed(['quota_reserved_workloads_total', 'quota_reserved_wait_time_seconds'], 'QuotaReserved');
    if (isNew('Admitted')) {
      passed(['admitted_workloads_total', 'admission_wait_time_seconds'], 'Admitted');
      happened(object, queue, 'admission_checks_wait_time_seconds', { seconds: since(sinceSeconds(object, 'QuotaReserved'), 'Admitted') });
      for (const cohort of ancestorsOf(caches, caches.of(ClusterQueue).get(queue)?.spec?.cohort)) add('cohort_subtree_admitted_workloads_total', { cohort, priority_class: object.spec.priorityClassName ?? '' });
    }
    if (isNew('PodsReady') && is(object, 'Admitted')) {
      happened(object, queue, 'ready_wait_time_seconds', { seconds: since(queued, 'PodsReady') });
      happened(object, queue, 'admitted_until_ready_wait_time_seconds', { seconds: since(sinceSeconds(object, 'Admitted'), 'PodsReady') });
    }
    if (isNew('Evicted')) {
      const { reason, cause, isFirst } = evictionOf(object, previous);
      const labels = { reason, underlying_cause: cause };
      happened(object, queue, 'evicted_workloads_total', { labels });
      if (isFirst) add('evicted_workloads_once_total', { cluster_queue: queue, ...labels, priority_class: object.spec.priorityClassName ?? '' });
      if (is(previous, 'PodsReady')) add('pods_ready_to_evicted_time_seconds', { cluster_queue: queue, ...labels }, since(sinceSeconds(previous, 'PodsReady'), 'Evicted'));
    }
    if (isNew('Finished')) {
      happened(object, queue, 'finished_workloads_total');
      if (isReplaced(object)) add('replaced_workload_slices_total', { cluster_queue: queue });
    }
    if (isNew('Preempted')) {
      const { reason, message } = conditionOf(object, 'Preempted')!;
      const by = caches.of(Workload).get(preemptorOf(message) ?? '');
      const its = by === undefined ? undefined : caches.of(LocalQueue).get(`${by.metadata.namespace}/${by.spec.queueName}`)?.spec?.clusterQueue;
      add('preempted_workloads_total', { preempting_cluster_queue: its ?? queue, reason });
    }
  };
  const forget = (...begins: readonly Labels[]): void => {
    const all = begins.map((each) => textOf(each).slice(0, -1));
    for (const { lines } of counted.values()) for (const line of lines.keys()) if (all.some((each) => line.includes(each))) lines.delete(line);
  };
  const stops = [
    caches.of(Workload).subscribe(look),
    caches.of(ClusterQueue).subscribe(({ type, key }) => type === 'deleted' && forget({ cluster_queue: key }, { preempting_cluster_queue: key })),
    caches.of(Cohort).subscribe(({ type, key }) => type === 'deleted' && forget({ cohort: key })),
    caches.of(LocalQueue).subscribe(({ type, object: { metadata } }) => type === 'deleted' && forget({ name: metadata.name ?? '', namespace: metadata.namespace ?? '' })),
  ];
  return { stop: () => stops.forEach((stop) => stop()), text: () => rendered([...gaugesOf(caches), ...counted]) };
}

/** Why it was evicted, and whether it never was for that before. */
function evictionOf(now: Workload, before: Workload): { reason: string; cause: string; isFirst: boolean } {
  const counts = (workload: Workload) => workload.status?.schedulingStats?.evictions ?? [];
  const last = counts(now).find(({ reason, underlyingCause, count }) => count > (counts(before).find((each) => each.reason === reason && each.underlyingCause === underlyingCause)?.count ?? 0));
  const [reason = '', cause = ''] = (conditionOf(now, 'Evicted')?.reason ?? '').split('DueTo');
  return last === undefined ? { reason, cause, isFirst: false } : { reason: last.reason, cause: last.underlyingCause, isFirst: last.count === 1 };
}

/** As the statuses of the queues have it. */
function gaugesOf(caches: Caches): Map<string, Family> {
  const families = new Map<string, Family>();
  const set: SetGauge = (name, help, labels, value) => {
    if (value === undefined) return;
    if (!families.has(name)) families.set(name, { type: 'gauge', help, lines: new Map() });
    families.get(name)!.lines.set(textOf(labels), value);
  };
  const [ofQueue, ofLocal] = finishedOf(caches);
  const workloads = (prefix: string, labels: Labels, { pendingWorkloads, reservingWorkloads, admittedWorkloads }: { pendingWorkloads?: number; reservingWorkloads?: number; admittedWorkloads?: number }): void => {
    set(`${prefix}pending_workloads`, 'The number of pending workloads. All are active: whoever waits is looked at whenever that could help', { ...labels, status: 'active' }, pendingWorkloads);
    set(`${prefix}pending_workloads`, '', { ...labels, status: 'inadmissible' }, pendingWorkloads === undefined ? undefined : 0);
    set(`${prefix}reserving_active_workloads`, 'The number of Workloads that are reserving quota', labels, reservingWorkloads);
    set(`${prefix}admitted_active_workloads`, 'The number of admitted Workloads that are active (unsuspended and not finished)', labels, admittedWorkloads);
  };
  const usage = (name: string, help: string, labels: Labels, flavors: readonly FlavorUsage[] = []): void => {
    for (const { name: flavor, resources } of flavors) for (const { name: resource, total } of resources) set(name, help, { ...labels, flavor, resource }, valueOf(resource, total));
  };
  for (const { metadata, spec, status } of caches.of(ClusterQueue).list()) {
    const own = { cluster_queue: metadata.name ?? '' };
    const all = { cohort: spec?.cohort ?? '', ...own };
    workloads('', own, status ?? {});
    set('finished_workloads', 'The number of finished workloads', own, ofQueue.get(own.cluster_queue) ?? 0);
    const now = metadata.deletionTimestamp !== undefined ? 'terminating' : status?.conditions?.some(({ type, status: value }) => type === 'Active' && value === 'True') === true ? 'active' : 'pending';
    for (const each of ['pending', 'active', 'terminating']) set('cluster_queue_status', 'Reports the ClusterQueue with its status: 1 for one of the statuses', { ...own, status: each }, each === now ? 1 : 0);
    set('cluster_queue_weighted_share', 'What the ClusterQueue borrows of what could be lent to it, for its weight, in thousandths', { ...own, cohort: all.cohort }, status?.fairSharing?.weightedShare);
    usage('cluster_queue_resource_reservation', "Reports the cluster_queue's total resource reservation within all the flavors", all, status?.flavorsReservation);
    usage('cluster_queue_resource_usage', "Reports the cluster_queue's total resource usage within all the flavors", all, status?.flavorsUsage);
    for (const { name: flavor, resources } of (spec?.resourceGroups ?? []).flatMap(({ flavors }) => flavors)) {
      for (const { name: resource, nominalQuota, borrowingLimit, lendingLimit } of resources) {
        for (const [name, quantity] of [['nominal_quota', nominalQuota], ['borrowing_limit', borrowingLimit], ['lending_limit', lendingLimit]] as const) {
          set(`cluster_queue_${name}`, `Reports the cluster_queue's resource ${name.replace('_', ' ')} within all the flavors`, { ...all, flavor, resource }, valueOf(resource, quantity));
        }
      }
    }
  }
  for (const { metadata, status } of caches.of(LocalQueue).list()) {
    const own = { name: metadata.name ?? '', namespace: metadata.namespace ?? '' };
    workloads('local_queue_', own, status ?? {});
    set('local_queue_finished_workloads', 'The number of finished workloads', own, ofLocal.get(`${own.namespace}/${own.name}`) ?? 0);
    const now = status?.conditions?.find(({ type }) => type === 'Active')?.status ?? 'Unknown';
    for (const each of ['True', 'False', 'Unknown']) set('local_queue_status', 'Reports the LocalQueue with its active status: 1 for one of the statuses', { ...own, active: each }, each === now ? 1 : 0);
    usage('local_queue_resource_reservation', "Reports the localQueue's total resource reservation within all the flavors", own, status?.flavorsReservation);
    usage('local_queue_resource_usage', "Reports the localQueue's total resource usage within all the flavors", own, status?.flavorUsage);
  }
  gaugeCohorts(caches, set);
  return families;
}

/** How many are over, by ClusterQueue and by LocalQueue. */
function finishedOf(caches: Caches): [Map<string, number>, Map<string, number>] {
  const [queues, locals] = [new Map<string, number>(), new Map<string, number>()];
  for (const workload of caches.of(Workload).list()) {
    if (!is(workload, 'Finished')) continue;
    const local = `${workload.metadata.namespace}/${workload.spec.queueName}`;
    const queue = workload.status?.admission?.clusterQueue ?? caches.of(LocalQueue).get(local)?.spec?.clusterQueue ?? '';
    queues.set(queue, (queues.get(queue) ?? 0) + 1);
    locals.set(local, (locals.get(local) ?? 0) + 1);
  }
  return [queues, locals];
}

function rendered(families: readonly (readonly [string, Family])[]): string {
  const lines = families.flatMap(([name, { type, help, lines: own }]) => [`# HELP kueue_${name} ${help}.`, `# TYPE kueue_${name} ${type}`, ...[...own].map(([line, value]) => `kueue_${name}${line} ${value}`)]);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function textOf(labels: Labels): string {
  return `{${Object.entries(labels).map(([key, value]) => `${key}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`).join(',')}}`;
}
