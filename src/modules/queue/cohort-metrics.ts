/** What Prometheus may know of cohorts, those that only queues name included: each with all that is below it. Source: Kueue, pkg/cache/scheduler/cohort_metrics.go. */
import { ClusterQueue, Cohort } from '../../api/kueue/cluster-queue.ts';
import type { ResourceGroup } from '../../api/kueue/types.ts';
import type { Caches } from '../../sdk/index.ts';
import { amountOf } from './demand.ts';

export type Labels = Readonly<Record<string, string>>;
export type SetGauge = (name: string, help: string, labels: Labels, value: number | undefined) => void;

/** The cohort, the one that it is in, and so on. */
export function ancestorsOf(caches: Caches, name: string | undefined): string[] {
  const found: string[] = [];
  for (let next = name ?? ''; next !== '' && !found.includes(next); next = caches.of(Cohort).get(next)?.spec?.parent ?? '') found.push(next);
  return found;
}

/** In the units of metrics. */
export function valueOf(resource: string, quantity: string | number | undefined): number | undefined {
  return quantity === undefined ? undefined : amountOf(resource, quantity) / (resource === 'cpu' ? 1_000 : 1);
}

export function gaugeCohorts(caches: Caches, set: SetGauge): void {
  const queues = caches.of(ClusterQueue).list();
  const cohorts = caches.of(Cohort).list();
  const above = new Map(queues.map((queue) => [queue, ancestorsOf(caches, queue.spec?.cohort)]));
  const names = new Set([...cohorts.map(({ metadata }) => metadata.name ?? ''), ...[...above.values()].flat(), ...cohorts.flatMap(({ metadata }) => ancestorsOf(caches, metadata.name))]);
  const subtree = subtreeQuotas(caches, names);
  for (const cohort of names) {
    const [, parent = '', ...more] = ancestorsOf(caches, cohort);
    set('cohort_info', 'Where the cohort is in the tree of cohorts', { cohort, parent_cohort: parent, root_cohort: more.at(-1) ?? (parent === '' ? cohort : parent) }, 1);
    for (const [pair, quota] of subtree.get(cohort) ?? []) if (quota > 0) set('cohort_subtree_quota', "Reports the cohort's nominal quota aggregated within the cohort's subtree", { cohort, ...labelsOf(pair) }, quota);
    const own = queues.filter((queue) => above.get(queue)!.includes(cohort));
    const reserved = new Map<string, number>();
    for (const { name, resources } of own.flatMap(({ status }) => status?.flavorsReservation ?? [])) for (const { name: resource, total } of resources) add(reserved, `${name} ${resource}`, valueOf(resource, total) ?? 0);
    for (const [pair, total] of reserved) if (total > 0) set('cohort_subtree_resource_reservations', "Reports the cohort's resource reservations aggregated within the cohort's subtree", { cohort, ...labelsOf(pair) }, total);
    set('cohort_subtree_admitted_active_workloads', "The number of admitted Workloads that are active, per cohort's subtree", { cohort }, own.reduce((sum, { status }) => sum + (status?.admittedWorkloads ?? 0), 0));
  }
  for (const [{ metadata }, [parent = '', ...more]] of above) {
    set('cluster_queue_info', 'Where the ClusterQueue is in the tree of cohorts', { cluster_queue: metadata.name ?? '', parent_cohort: parent, root_cohort: more.at(-1) ?? parent }, 1);
  }
  for (const { metadata, status } of cohorts) set('cohort_weighted_share', 'What the Cohort borrows of what could be lent to it, for its weight, in thousandths', { cohort: metadata.name ?? '' }, status?.fairSharing?.weightedShare);
}

/** By cohort, by flavor and resource: its own quota, and of each below what that lends. */
function subtreeQuotas(caches: Caches, names: ReadonlySet<string>): Map<string, Map<string, number>> {
  const sums = new Map<string, Map<string, number>>();
  const pairsOf = (groups: readonly ResourceGroup[] = []) => groups.flatMap(({ flavors }) => flavors.flatMap(({ name, resources }) => resources.map((each) => ({ pair: `${name} ${each.name}`, nominal: valueOf(each.name, each.nominalQuota) ?? 0, lent: valueOf(each.name, each.lendingLimit) ?? Infinity }))));
  const lend = (into: Map<string, number>, quotas: ReadonlyMap<string, number>, groups: readonly ResourceGroup[] | undefined): void => {
    const limits = new Map(pairsOf(groups).map(({ pair, lent }) => [pair, lent]));
    for (const [pair, quota] of quotas) add(into, pair, Math.min(quota, limits.get(pair) ?? Infinity));
  };
  const nominals = (groups: readonly ResourceGroup[] | undefined): Map<string, number> => {
    const own = new Map<string, number>();
    for (const { pair, nominal } of pairsOf(groups)) add(own, pair, nominal);
    return own;
  };
  const sumOf = (name: string): Map<string, number> => {
    const known = sums.get(name);
    if (known !== undefined) return known;
    const own = nominals(caches.of(Cohort).get(name)?.spec?.resourceGroups);
    sums.set(name, own); // Before those below are looked at: cohorts in a circle have an end, too.
    for (const { spec } of caches.of(ClusterQueue).list()) if (spec?.cohort === name) lend(own, nominals(spec.resourceGroups), spec.resourceGroups);
    for (const { metadata, spec } of caches.of(Cohort).list()) if (spec?.parent === name) lend(own, sumOf(metadata.name ?? ''), spec.resourceGroups);
    return own;
  };
  for (const name of names) sumOf(name);
  return sums;
}

function add(into: Map<string, number>, key: string, value: number): void {
  into.set(key, (into.get(key) ?? 0) + value);
}

function labelsOf(pair: string): Labels {
  const [flavor = '', resource = ''] = pair.split(' ');
  return { flavor, resource };
}
