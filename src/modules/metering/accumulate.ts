/** Adds what a pod had and used in a stretch of time to the rows of a period. Pure but for the rows, which it changes. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { MeteredClaim, MeteredPod } from '../../api/metering/usage-record.ts';
import { controllerOf } from '../../api/owner.ts';
import type { podRequests } from '../../api/pod-requests.ts';
import { addAmount, GIB, noAmount } from './amounts.ts';
import { addContainers, type ContainerUse } from './container-amounts.ts';

/** What tells pods of one workload from each other says nothing of who pays. */
const PASSING_LABELS = new Set(['kubernetes.io/metadata.name', 'pod-template-hash', 'controller-revision-hash', 'pod-template-generation', 'statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index', 'batch.kubernetes.io/controller-uid', 'controller-uid', 'batch.kubernetes.io/job-completion-index', 'batch.kubernetes.io/job-name']);
const MOST_LABELS = 24;
/** What Kubernetes and its tools note says nothing of who pays either, and long texts are no names. */
const OF_TOOLS = /^([^/]*\.)?(kubernetes|k8s)\.io\//;
const MOST_ANNOTATION_CHARACTERS = 128;

/** Of a pod in a stretch of time. */
export interface Consumption {
  seconds: number;
  cpuSeconds: number;
  /** At the end of the stretch. */
  workingSetBytes: number;
  receivedBytes: number;
  sentBytes: number;
  requests?: number;
  /** By name. */
  containers?: ReadonlyMap<string, ContainerUse>;
  /** Those that choose it now. */
  services?: readonly string[];
  /** GiB of claims that it has, or its part of them, by name. */
  claims?: ReadonlyMap<string, number>;
}

export function addPod(rows: Map<string, MeteredPod>, pod: Pod, requests: ReturnType<typeof podRequests>, used: Consumption): void {
  const uid = pod.metadata.uid ?? '';
  const row = rows.get(uid) ?? emptyRow(pod);
  rows.set(uid, row);
  row.seconds += used.seconds;
  addAmount(row.cpuCoreSeconds, (requests.cpuMillis / 1_000) * used.seconds, used.cpuSeconds);
  addAmount(row.memoryGiBSeconds, (requests.memoryBytes / GIB) * used.seconds, (used.workingSetBytes / GIB) * used.seconds);
  for (const name in requests.others) (row.otherSeconds ??= {})[name] = (row.otherSeconds?.[name] ?? 0) + requests.others[name]! * used.seconds;
  row.networkBytes.received += used.receivedBytes;
  row.networkBytes.sent += used.sentBytes;
  if ((used.requests ?? 0) > 0) row.requests = (row.requests ?? 0) + used.requests!;
  for (const [name, gib] of used.claims ?? []) (row.claims ??= {})[name] = (row.claims?.[name] ?? 0) + gib * used.seconds;
  addContainers(row, pod, used.seconds, used.containers ?? new Map());
  if ((used.services?.length ?? 0) > 0) row.services = [...new Set([...(row.services ?? []), ...used.services!])].sort();
}

export function addClaim(rows: Map<string, MeteredClaim>, claim: { name: string; storageClassName?: string; bytes: number }, seconds: number): void {
  const row = rows.get(claim.name) ?? { name: claim.name, ...(claim.storageClassName === undefined ? {} : { storageClassName: claim.storageClassName }), gibSeconds: 0 };
  rows.set(claim.name, row);
  row.gibSeconds += (claim.bytes / GIB) * seconds;
}

function emptyRow(pod: Pod): MeteredPod {
  const { uid, name = '', labels, annotations } = pod.metadata;
  const row: MeteredPod = { name, pods: 1, seconds: 0, cpuCoreSeconds: noAmount(), memoryGiBSeconds: noAmount(), networkBytes: { received: 0, sent: 0 } };
  const owner = workloadOf(pod);
  const kept = keptLabels(labels);
  const notes = Object.entries(annotations ?? {}).filter(([key, value]) => !OF_TOOLS.test(key) && value.length <= MOST_ANNOTATION_CHARACTERS).slice(0, MOST_LABELS);
  if (uid !== undefined) row.uid = uid;
  if (pod.spec?.nodeName !== undefined) row.node = pod.spec.nodeName;
  if (owner !== undefined) row.owner = owner;
  if (kept !== undefined) row.labels = kept;
  if (notes.length > 0) row.annotations = Object.fromEntries(notes);
  return row;
}

/** Undefined when there is none. */
export function keptLabels(labels: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  const kept = Object.entries(labels ?? {}).filter(([key]) => !PASSING_LABELS.has(key)).slice(0, MOST_LABELS);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** The workload that a person made: `Deployment/web` for a pod of its ReplicaSet, `CronJob/nightly` for one of a run, else the controller. */
export function workloadOf(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  if (owner === undefined) return undefined;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) return `Deployment/${owner.name.slice(0, -hash.length - 1)}`;
  // The CronJob controller names a run by the minute that it was due.
  const [, cronJob] = /^(.+)-\d{8}$/.exec(owner.name) ?? [];
  return owner.kind === 'Job' && cronJob !== undefined ? `CronJob/${cronJob}` : `${owner.kind}/${owner.name}`;
}
