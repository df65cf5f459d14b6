/** `llmos queue ls|explain`: the queues, what waits in them, and why. */
import type { ClusterQueue as ClusterQueueType, LocalQueue as LocalQueueType, Workload as WorkloadType } from '../../api/kueue/types.ts';
import { humanDuration } from '../../api/age.ts';
import { POLICY } from '../../api/kueue/names.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Client } from '../../sdk/client.ts';
import { UsageError, type Command } from '../command.ts';
import { kubeconfigFile } from '../control.ts';
import { renderTable } from '../table.ts';

interface Seen {
  queues: readonly ClusterQueueType[];
  localQueues: readonly LocalQueueType[];
  workloads: readonly WorkloadType[];
}

export const queue: Command = {
  usage: '[--kubeconfig FILE] ls [CLUSTERQUEUE] | [-n NAMESPACE] explain JOB-OR-POD',
  flags: { namespace: { type: 'string', short: 'n' }, kubeconfig: { type: 'string' } },
  async run({ positionals, flags, folders }) {
    const [verb, name, ...more] = positionals;
    if (more.length > 0 || (verb !== 'ls' && verb !== 'explain') || (verb === 'explain' && name === undefined)) throw new UsageError(`usage: llmos queue ${queue.usage}`);
    const { findCluster } = await import('../../sdk/client/kubeconfig.ts');
    const { createHttpClient } = await import('../../sdk/client/http.ts');
    const client = createHttpClient(findCluster({ path: (flags['kubeconfig'] as string | undefined) ?? kubeconfigFile(folders) }), { name: 'llmos-queue' });
    try {
      const seen = await look(client);
      const namespace = (flags['namespace'] as string | undefined) ?? client.namespace;
      console.log(verb === 'explain' ? (explain(seen, namespace, name!, Date.now()) ?? (await explainWithout(client, seen, namespace, name!))) : name === undefined ? listQueues(seen) : listWorkloads(seen, name, Date.now()));
    } finally {
      client.close();
    }
    return 0;
  },
};

async function look(client: Client): Promise<Seen> {
  const { ClusterQueue } = await import('../../api/kueue/cluster-queue.ts');
  const { LocalQueue } = await import('../../api/kueue/local-queue.ts');
  const { Workload } = await import('../../api/kueue/workload.ts');
  const [queues, localQueues, workloads] = await Promise.all([client.list(ClusterQueue), client.list(LocalQueue), client.list(Workload)]);
  return { queues: queues.items, localQueues: localQueues.items, workloads: workloads.items };
}

function listQueues({ queues }: Seen): string {
  if (queues.length === 0) return 'there is no ClusterQueue';
  return renderTable(['QUEUE', 'POLICY', 'COHORT', 'ACTIVE', 'PENDING', 'ADMITTED', 'USED'], queues.map(({ metadata, spec, status }) => [
    metadata.name ?? '', metadata.annotations?.[POLICY] ?? spec?.queueingStrategy ?? '', spec?.cohort ?? '-', status?.conditions?.find(({ type }) => type === 'Active')?.status ?? '-',
    String(status?.pendingWorkloads ?? 0), String(status?.admittedWorkloads ?? 0), usageOf({ spec, status }),
  ]));
}

/** `FLAVOR: cpu 3/4, memory 1Gi/8Gi`. */
function usageOf({ spec, status }: Pick<ClusterQueueType, 'spec' | 'status'>): string {
  const nominal = (flavor: string, resource: string): string | number => spec?.resourceGroups?.flatMap(({ flavors }) => flavors).find(({ name }) => name === flavor)?.resources.find(({ name }) => name === resource)?.nominalQuota ?? '0';
  return (status?.flavorsReservation ?? []).map(({ name, resources }) => `${name}: ${resources.map((each) => `${each.name} ${each.total}/${nominal(name, each.name)}`).join(', ')}`).join('; ');
}

function listWorkloads({ queues, workloads, localQueues }: Seen, name: string, nowMs: number): string {
  if (!queues.some(({ metadata }) => metadata.name === name)) throw new Error(`there is no ClusterQueue ${name}; there ${queues.length === 0 ? 'is none' : `are ${queues.map(({ metadata }) => metadata.name).join(', ')}`}`);
  const own = workloads.filter((each) => clusterQueueOf(each, localQueues) === name && !has(each, 'Finished'));
  const place = ({ status }: WorkloadType): number => (status?.admission === undefined ? (status?.prediction?.position ?? Infinity) : 0);
  return renderTable(['PLACE', 'NAMESPACE', 'OWNER', 'STATE', 'PRIORITY', 'EXPECTED', 'STARTS', 'AGE'], own.toSorted((left, right) => place(left) - place(right)).map((each) => {
    const { metadata, spec, status } = each;
    const { prediction } = status ?? {};
    return [
      status?.admission === undefined ? String(prediction?.position ?? '-') : '-', metadata.namespace ?? '', ownerOf(each), stateOf(each), String(spec.priority ?? 0),
      prediction === undefined ? '-' : humanDuration(prediction.runSeconds * 1_000), prediction?.startTime === undefined ? '-' : `in ${humanDuration(Math.max(0, Date.parse(prediction.startTime) - nowMs))}`,
      humanDuration(nowMs - Date.parse(metadata.creationTimestamp ?? '')),
    ];
  }));
}

/** The pods of a StatefulSet wait as one, under its name and a few letters. */
function isOfStatefulSet({ metadata }: WorkloadType, name: string): boolean {
  return metadata.name?.slice(0, -'-12345'.length) === `statefulset-${name}`.slice(0, 57) && metadata.ownerReferences?.[0]?.kind === 'Pod';
}

/** Without its kind: `rayjob.ray.io/train`. */
function bareName(name: string): string {
  return name.replace(/^[a-z0-9.-]+\//i, '');
}

/** Of what has no Workload: whether it names a queue, and whether that is there. */
async function explainWithout(client: Client, { localQueues }: Seen, namespace: string, name: string): Promise<string> {
  const [{ Job }, { JobSet }, { Pod }, frameworks, { isApiError }, { QUEUE_NAME }] = await Promise.all([import('../../api/batch/job.ts'), import('../../api/jobset/job-set.ts'), import('../../api/core/pod.ts'), import('../../api/kueue/frameworks.ts'), import('../../api/errors.ts'), import('../../api/kueue/names.ts')]);
  const bare = bareName(name);
  const orNone = (error: unknown): undefined => {
    if (!isApiError(error, 'NotFound')) throw error;
    return undefined;
  };
  const of = <T extends KubeObject>(kind: Kind<T>): Promise<T | undefined> => client.get(kind, bare, { namespace }).catch(orNone);
  const foreign = async (): Promise<KubeObject | undefined> => (await Promise.all(Object.values(frameworks).map(of))).find((each) => each !== undefined);
  const found: KubeObject | undefined = (await of(Job)) ?? (await of(JobSet)) ?? (await of(Pod)) ?? (await foreign());
  if (found === undefined) throw new Error(`there is no job of any kind and no pod ${bare} in namespace ${namespace}, and nothing in a queue that is called so; 'llmos queue ls' lists the queues`);
  const queueName = found.metadata.labels?.[QUEUE_NAME] ?? found.metadata.annotations?.[QUEUE_NAME];
  if (queueName === undefined) return `${namespace}/${bare} is in no queue: it has no label ${QUEUE_NAME}`;
  const there = localQueues.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
  if (there.includes(queueName)) return `${namespace}/${bare} names the LocalQueue ${queueName}, and its Workload is not made yet: ask again in a moment; its events may say more`;
  return `${namespace}/${bare} waits for a LocalQueue ${queueName}, which is not there; in namespace ${namespace} there ${there.length === 0 ? 'is none' : `are ${there.join(', ')}`}`;
}

/** Undefined where it has no Workload. */
function explain({ queues, localQueues, workloads }: Seen, namespace: string, name: string, nowMs: number): string | undefined {
  const bare = bareName(name);
  // Of several slices of an elastic job the one that waits says more than the one that runs, and those that are over say nothing.
  const rank = (each: WorkloadType): number => (has(each, 'Finished') ? 2 : each.status?.admission === undefined ? 0 : 1);
  const found = workloads.filter(({ metadata }) => metadata.namespace === namespace).sort((left, right) => rank(left) - rank(right)).find((each) => each.metadata.name === bare || each.metadata.ownerReferences?.some((owner) => owner.name === bare) === true || isOfStatefulSet(each, bare));
  if (found === undefined) return undefined;
  const queueName = clusterQueueOf(found, localQueues);
  const its = queues.find(({ metadata }) => metadata.name === queueName);
  const lines = [
    `${namespace}/${ownerOf(found)}: ${stateOf(found)}`,
    `queue: ${found.spec.queueName ?? '-'}, of ClusterQueue ${queueName ?? '-'}${its === undefined ? '' : ` (${its.metadata.annotations?.[POLICY] ?? its.spec?.queueingStrategy}; ${usageOf(its)})`}`,
    ...conditionLines(found), ...partLines(found), ...predictionLines(found, workloads, nowMs),
  ];
  return lines.join('\n');
}

/** Of what was let in with fewer pods than it would like. */
function partLines({ spec, status }: WorkloadType): string[] {
  return (status?.admission?.podSetAssignments ?? []).flatMap(({ name, count }) => {
    const wanted = spec.podSets.find((each) => each.name === name)?.count ?? 0;
    return count !== undefined && count < wanted ? [`admitted in part: ${count} of ${wanted} pods at a time${spec.podSets.length > 1 ? ` of ${name}` : ''}`] : [];
  });
}

/** What several conditions say is said once. */
function conditionLines({ status }: WorkloadType): string[] {
  const told = (status?.conditions ?? []).filter(({ type, status: value }) => value === 'True' || type === 'QuotaReserved');
  return [...Map.groupBy(told, ({ message }) => message)].map(([message, of]) => `${of.map(({ type, status: value, reason }) => `${type}: ${value === 'True' ? 'yes' : 'no'} (${reason})`).join(', ')} ${message}`);
}

function predictionLines(workload: WorkloadType, workloads: readonly WorkloadType[], nowMs: number): string[] {
  const { status, spec } = workload;
  const { prediction } = status ?? {};
  if (prediction === undefined) return [];
  const ran = ranMs(workload);
  const lines = [`${ran === undefined ? '' : `ran for ${humanDuration(ran)}; `}${ran === undefined ? '' : 'was '}expected to run for ${humanDuration(prediction.runSeconds * 1_000)}${keptOf(prediction)} (${basisOf(prediction)}), priority ${spec.priority ?? 0}`];
  if (ran !== undefined) return lines;
  if (prediction.position !== undefined) lines.push(`place ${prediction.position}${prediction.ahead === undefined ? '' : `; ahead: ${prediction.ahead.map((each) => nameOf(each, workloads)).join(', ')}`}`);
  for (const { flavor, resource, needed, available } of prediction.lacks ?? []) lines.push(`lacks ${resource} of flavor ${flavor}: needs ${needed}, and ${available} is free`);
  if (prediction.startTime !== undefined) lines.push(`expected to start at ${prediction.startTime}, in ${humanDuration(Math.max(0, Date.parse(prediction.startTime) - nowMs))}`);
  if (prediction.endTime !== undefined) {
    const leftMs = Date.parse(prediction.endTime) - nowMs;
    lines.push(leftMs < 0 ? `was expected to end at ${prediction.endTime}, and runs for ${humanDuration(-leftMs)} longer already` : `expected to end at ${prediction.endTime}, in ${humanDuration(leftMs)}`);
  }
  return lines;
}

type Prediction = NonNullable<NonNullable<WorkloadType['status']>['prediction']>;

const BASES: Readonly<Record<string, string>> = { annotation: 'by its annotation', assumed: 'assumed: nothing has ended yet that could be learned from' };

/** Of a resumable one that was stopped. */
function keptOf({ keptSeconds }: Prediction): string {
  return keptSeconds === undefined ? '' : ` more, after ${humanDuration(keptSeconds * 1_000)} that it did before and keeps`;
}

function basisOf({ source, errorPercent }: Prediction): string {
  return BASES[source] ?? `${source}${errorPercent === undefined ? '' : `, wrong by ${errorPercent < 1_000 ? `${errorPercent} %` : `a factor of ${Math.round(errorPercent / 100) + 1}`} so far`}`;
}

/** From its admission to its end. */
function ranMs({ status }: WorkloadType): number | undefined {
  const at = (type: string): number => Date.parse(status?.conditions?.find((each) => each.type === type && each.status === 'True')?.lastTransitionTime ?? '');
  const ms = at('Finished') - at('Admitted');
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** `default/job/train-1` of the key of its Workload. */
function nameOf(key: string, workloads: readonly WorkloadType[]): string {
  const found = workloads.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key);
  return found === undefined ? key : `${found.metadata.namespace}/${ownerOf(found)}`;
}

function clusterQueueOf({ metadata, spec, status }: WorkloadType, localQueues: readonly LocalQueueType[]): string | undefined {
  return status?.admission?.clusterQueue ?? localQueues.find((each) => each.metadata.namespace === metadata.namespace && each.metadata.name === spec.queueName)?.spec?.clusterQueue;
}

function ownerOf({ metadata }: WorkloadType): string {
  const owner = metadata.ownerReferences?.[0];
  return owner === undefined || (metadata.ownerReferences?.length ?? 0) > 1 ? (metadata.name ?? '') : `${owner.kind.toLowerCase()}/${owner.name}`;
}

function has({ status }: WorkloadType, type: string): boolean {
  return status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

function stateOf(workload: WorkloadType): string {
  if (has(workload, 'Finished')) return 'finished';
  if (workload.spec.active === false) return 'deactivated';
  if (workload.status?.admission !== undefined) return has(workload, 'Evicted') ? 'being stopped' : has(workload, 'Admitted') ? 'admitted' : 'quota reserved, checks pending';
  return workload.status?.conditions?.find(({ type }) => type === 'QuotaReserved')?.reason === 'Inadmissible' ? 'cannot be admitted' : 'pending';
}
