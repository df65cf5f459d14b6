/** Workloads of their owners: their names, their index, what both kinds of owners share. */
import { createHash } from 'node:crypto';
import { PriorityClass } from '../../api/scheduling/priority-class.ts';
import { WorkloadPriorityClass } from '../../api/kueue/local-queue.ts';
import { POD_PRIORITY_SOURCE, WORKLOAD_PRIORITY_SOURCE } from '../../api/kueue/conversion.ts';
import { ADMISSION_GATED_BY, ELASTIC, EXPECTED_RUN_TIME, MAX_EXEC_TIME, PARAMETER_PREFIX, PRIORITY_CLASS, QUEUE_NAME, RESUMABLE, SUBMITTED_AT } from '../../api/kueue/names.ts';
import type { PodSet, Workload as WorkloadType } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import type { Cache, Caches } from '../../sdk/index.ts';

const BY_OWNER = 'owner-uid';

/** Workloads by the uid of who they stand for. */
export function workloadsOf(caches: Caches, uid: string): readonly WorkloadType[] {
  const cache: Cache<WorkloadType> = caches.of(Workload);
  cache.addIndex(BY_OWNER, ({ metadata }) => (metadata.ownerReferences ?? []).map((each) => each.uid));
  return cache.byIndex(BY_OWNER, uid);
}

/** `job-NAME-12345`: at most 253 characters, another one for another owner of the same name. */
export function workloadName(kind: string, { name = '', uid = '' }: KubeObject['metadata']): string {
  const hash = createHash('sha256').update(`${kind}/${name}/${uid}`).digest('hex').slice(0, 5);
  return `${kind.toLowerCase()}-${name}`.slice(0, 247) + `-${hash}`;
}

export function queueNameOf({ metadata }: KubeObject): string | undefined {
  // The annotation is Kueue's older way.
  return metadata.labels?.[QUEUE_NAME] ?? metadata.annotations?.[QUEUE_NAME];
}

/** Remembers when each object was first seen, each later than the one before: creation times have seconds only. */
export interface Order {
  /** RFC 3339 in microseconds. What was made long before it is seen keeps its second. */
  of(object: KubeObject): string;
  forget(object: KubeObject): void;
  /** From now on objects are seen in the order in which they are made, if perhaps late. */
  follow(): void;
}

const LONG_MS = 2_000;
/** What is seen so late was not followed: the watch was interrupted. */
const LONG_FOLLOWED_MS = 60_000;

export function createOrder(nowMs: () => number): Order {
  const seen = new Map<string, string>();
  let lastMicros = 0;
  let longMs = LONG_MS;
  return {
    follow: () => void (longMs = LONG_FOLLOWED_MS),
    of({ metadata: { uid = '', creationTimestamp = '' } }) {
      const known = seen.get(uid);
      if (known !== undefined) return known;
      const createdMs = Date.parse(creationTimestamp) || nowMs();
      const isOld = nowMs() - createdMs > longMs;
      const micros = isOld ? createdMs * 1_000 : Math.max(nowMs() * 1_000, lastMicros + 1);
      if (!isOld) lastMicros = micros;
      const text = `${new Date(Math.floor(micros / 1_000)).toISOString().slice(0, 23)}${String(micros % 1_000).padStart(3, '0')}Z`;
      seen.set(uid, text);
      return text;
    },
    forget: ({ metadata }) => void seen.delete(metadata.uid ?? ''),
  };
}

interface Wanted {
  name: string;
  owner: KubeObject;
  references: OwnerReference[];
  podSets: PodSet[];
  submittedAt: string;
  /** Of the owner as a whole. */
  priorityClass?: string | undefined;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** The Workload that stands for an owner. */
export function workloadFor({ name, owner, references, podSets, submittedAt, priorityClass, labels, annotations }: Wanted, caches: Caches): WorkloadType {
  const { metadata } = owner;
  return {
    metadata: {
      name, namespace: metadata.namespace, ownerReferences: references, labels: { ...labels, ...tenantLabels(metadata.labels) },
      annotations: { ...annotations, ...toldBy(owner), [SUBMITTED_AT]: submittedAt },
    },
    spec: {
      podSets, active: true, queueName: queueNameOf(owner) ?? '', ...priorityOf(owner, podSets, caches, priorityClass),
      ...longestRun(owner),
    },
  };
}

/** Whether the annotation is one that a Workload says in the words of its owner. */
export const isTold = (key: string): boolean => [EXPECTED_RUN_TIME, RESUMABLE, ELASTIC, ADMISSION_GATED_BY].includes(key) || key.startsWith(PARAMETER_PREFIX);

export function toldBy({ kind, metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => isTold(key) && !(key === RESUMABLE && kind === 'Pod')));
}

/** By its label; nothing where it says none. */
export function longestRun({ metadata }: KubeObject): Pick<WorkloadType['spec'], 'maximumExecutionTimeSeconds'> {
  const most = Number(metadata.labels?.[MAX_EXEC_TIME]);
  return Number.isInteger(most) && most > 0 ? { maximumExecutionTimeSeconds: most } : {};
}

/** Labels of the owner are kept, so that policies can tell tenants by them; those of Kueue are its own. */
function tenantLabels(labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('kueue.x-k8s.io/') && !key.startsWith('batch.kubernetes.io/') && key !== 'controller-uid' && key !== 'job-name'));
}

type Priority = Pick<WorkloadType['spec'], 'priority' | 'priorityClassName' | 'priorityClassSource'>;

/** By the label, else by the PriorityClass of the whole, else by that of its pods, else by the default one. Source: Kueue, jobframework prepareWorkload. */
export function priorityOf(owner: KubeObject, podSets: readonly PodSet[], caches: Caches, priorityClass?: string): Priority {
  const named = owner.metadata.labels?.[PRIORITY_CLASS];
  const own = named === undefined ? undefined : caches.of(WorkloadPriorityClass).get(named);
  if (own !== undefined) return { priority: own.value, priorityClassName: named, priorityClassSource: WORKLOAD_PRIORITY_SOURCE };
  const classes = caches.of(PriorityClass);
  const wanted = priorityClass ?? podSets.map(({ template }) => template.spec?.priorityClassName).find((each) => each);
  const podClass = wanted === undefined ? classes.list().find((each) => each.globalDefault === true) : classes.get(wanted);
  if (podClass === undefined) return { priority: podSets[0]?.template.spec?.priority ?? 0 };
  return { priority: podClass.value, priorityClassName: podClass.metadata.name, priorityClassSource: POD_PRIORITY_SOURCE };
}
