/** What is made for a queue is held back from its first moment on: Jobs are suspended, pods get a gate, templates say which queue. Source: Kueue, the webhooks of jobs and pods. */
import { createHash } from 'node:crypto';
import { Deployment } from '../../api/apps/deployment.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Job } from '../../api/batch/job.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { ApiError } from '../../api/errors.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { ADMISSION_GATE, DEFAULT_QUEUE, ELASTIC, EXPECTED_RUN_TIME, FAST_ADMISSION, MANAGED, POD_GROUP, POD_GROUP_TOTAL, PRIORITY_CLASS, QUEUE_NAME, RESUMABLE, SERVING, SUSPENDING_PARENT } from '../../api/kueue/names.ts';
import { invalid, invalidObject, type FieldError } from '../../api/field-error.ts';
import type { Kind } from '../../api/kind.ts';
import { controllerOf } from '../../api/owner.ts';
import type { KubeObject, LabelSelector } from '../../api/meta.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import { durationSeconds } from './duration.ts';
import { isPartOfQueued, parentKindOf } from './frameworks/ancestors.ts';
import { FRAMEWORK_NAME as LEADER_WORKER_SET } from './frameworks/leader-worker-set.ts';
import { queuedJobErrors, queuedJobSetErrors } from './job-rules.ts';
import { isGated, queuedPodErrors } from './pod-rules.ts';
import { asksToBeElastic } from './asks.ts';
import type { Admission, AdmissionRequest, ModuleContext } from '../../sdk/index.ts';

interface Held<T> {
  /** What is wrong with it, or with a change of it, for queues. */
  errorsOf(job: T, old: T | undefined): FieldError[];
  /** Changes it so that nothing of it runs. */
  suspend(job: T): void;
  /** Whether queues have to do with it; default true. */
  isOurs?(job: T): boolean;
  /** More that is done with one in a queue. */
  prepare?(job: T): void;
}

/** What can be suspended is so until it is admitted. What a job in a queue makes is suspended by that one. */
export function suspending<T extends KubeObject & { spec?: object }>(kind: Kind<T>, name: string, { errorsOf, suspend, isOurs = () => true, prepare = () => {} }: Held<T>): Admission {
  return {
    name, kinds: [kind], operations: ['CREATE', 'UPDATE'],
    async admit(request, context) {
      const job = request.object as T | undefined;
      if (job?.spec === undefined || (request.subresource ?? '') !== '' || request.operation !== 'CREATE' || !isOurs(job)) return undefined;
      defaultQueue(request, job, context);
      if (job.metadata.labels?.[QUEUE_NAME] === undefined) return parentKindOf(job) === undefined ? holdWithout(request, job, context, suspend) : undefined;
      if (await isPart(request, job, context)) return undefined;
      suspend(job);
      prepare(job);
      warnOfSpans(request, job);
      warnWithoutQueue(request, job, context);
      return undefined;
    },
    validate(request, context) {
      const [job, old] = [request.object as T | undefined, request.oldObject as T | undefined];
      const errors = job === undefined || (request.subresource ?? '') !== '' ? [] : [...errorsOf(job, old), ...leavingErrors(request, job, old, context)];
      if (errors.length > 0) throw invalidObject(kind, job?.metadata.name ?? '', errors);
    },
  };
}

/** Whether it waits with a parent that is in a queue. */
async function isPart({ namespace }: AdmissionRequest, object: KubeObject, { client }: Pick<ModuleContext, 'client'>): Promise<boolean> {
  const within = { ...object, metadata: { ...object.metadata, namespace: namespace ?? object.metadata.namespace } };
  return (await isPartOfQueued(within, async (kind, parentNamespace, name) => ({ object: await ifThere(client.get(kind, name, { namespace: parentNamespace })) }))) === true;
}

export const queuedJobs = suspending(Job, 'queued-jobs', { errorsOf: queuedJobErrors, suspend: (job) => void (job.spec!.suspend = true), prepare: (job) => void (asksToBeElastic(job) && gate(job.spec!.template)) });

/** Source: Kueue, the webhook of JobSets. */
export const queuedJobSets = suspending(JobSet, 'queued-job-sets', { errorsOf: queuedJobSetErrors, suspend: (jobSet) => void (jobSet.spec!.suspend = true) });

/** Those that are added to an elastic Job while it runs wait there until there is quota for them. */
function gate({ spec }: PodTemplateSpec): void {
  if (spec !== undefined && spec.schedulingGates?.some(({ name }) => name === ELASTIC) !== true) spec.schedulingGates = [...(spec.schedulingGates ?? []), { name: ELASTIC }];
}

/** Who names no queue is in the one called default, where its namespace has it, unless it is of somebody who waits in queues. Source: Kueue, jobframework ApplyDefaultLocalQueue. */
export function defaultQueue({ operation, namespace }: AdmissionRequest, object: KubeObject, { caches }: Pick<ModuleContext, 'caches'>): void {
  const { metadata } = object;
  const isNamed = (metadata.labels?.[QUEUE_NAME] ?? metadata.annotations?.[QUEUE_NAME]) !== undefined;
  if (operation !== 'CREATE' || isNamed || parentKindOf(object) !== undefined) return;
  if (caches.of(LocalQueue).get(`${namespace ?? metadata.namespace}/${DEFAULT_QUEUE}`) !== undefined) metadata.labels = { ...metadata.labels, [QUEUE_NAME]: DEFAULT_QUEUE };
}

/** Who leaves its queue where there is a default one would be in that again. Source: Kueue, validateUpdateForQueueName. */
function leavingErrors({ namespace }: AdmissionRequest, { metadata }: KubeObject, old: KubeObject | undefined, { caches }: Pick<ModuleContext, 'caches'>): FieldError[] {
  if (metadata.labels?.[QUEUE_NAME] !== undefined || old?.metadata.labels?.[QUEUE_NAME] === undefined || caches.of(LocalQueue).get(`${namespace ?? metadata.namespace}/${DEFAULT_QUEUE}`) === undefined) return [];
  return [invalid(`metadata.labels[${QUEUE_NAME}]`, '', 'queue-name must not be empty in namespace with default queue')];
}

/** Of which namespaces Jobs without a queue are held back, where nothing else is said: all but those of the system. */
const MANAGED_NAMESPACES: LabelSelector = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'kueue-system'] }] };

/** Where the configuration says so, Jobs without a queue wait until they are given one. Source: Kueue, manageJobsWithoutQueueName, managedJobsNamespaceSelector. */
async function holdWithout<T extends KubeObject>(request: AdmissionRequest, job: T, { config, client }: Pick<ModuleContext, 'config' | 'client'>, suspend: (job: T) => void): Promise<void> {
  if (config['manageJobsWithoutQueueName'] !== true || job.metadata.annotations?.[QUEUE_NAME] !== undefined) return;
  const namespace = await ifThere(client.get(Namespace, request.namespace ?? job.metadata.namespace ?? ''));
  if (!matcherOfSelector((config['managedJobsNamespaceSelector'] as LabelSelector | undefined) ?? MANAGED_NAMESPACES).matches(namespace?.metadata.labels)) return;
  suspend(job);
  request.warnings?.push(`it has no label ${QUEUE_NAME}: it is suspended until it is given one`);
}

/** What is no span of time would be passed over in silence. */
function warnOfSpans(request: AdmissionRequest, { metadata: { annotations = {} } }: KubeObject): void {
  const [expected, resumable] = [annotations[EXPECTED_RUN_TIME], annotations[RESUMABLE]];
  if (expected !== undefined && durationSeconds(expected) === undefined) request.warnings?.push(`metadata.annotations[${EXPECTED_RUN_TIME}] is '${expected}': write a span of time such as 90s or 2h; it is as if it were not there`);
  if (resumable !== undefined && !['true', 'false'].includes(resumable) && durationSeconds(resumable) === undefined) request.warnings?.push(`metadata.annotations[${RESUMABLE}] is '${resumable}': write true, or how often it makes a checkpoint, such as 10m; it is as if it were not there`);
}

/** Where there is no queue at all nobody is there to tell what waits for one. */
export function warnWithoutQueue(request: AdmissionRequest, { metadata }: KubeObject, { caches }: Pick<ModuleContext, 'caches'>): void {
  const [name, namespace = request.namespace] = [metadata.labels?.[QUEUE_NAME], metadata.namespace];
  if (caches.of(LocalQueue).get(`${namespace}/${name}`) === undefined) request.warnings?.push(`there is no LocalQueue ${name} in namespace ${namespace}: it waits until there is`);
}

/** What serves stays in its queue while pods of it are ready, and does not leave it for none. Source: Kueue, the webhooks of Deployments and StatefulSets. */
function refuseMove({ metadata }: KubeObject, before: Deployment | StatefulSet | undefined): void {
  const [was, is] = [before?.metadata.labels?.[QUEUE_NAME], metadata.labels?.[QUEUE_NAME]];
  if (was === is || before === undefined) return;
  if (is === undefined) throw new ApiError('Forbidden', `metadata.labels[${QUEUE_NAME}] cannot be taken away: what is in a queue may only go to another one`);
  if ((before.status?.readyReplicas ?? 0) > 0) throw new ApiError('Forbidden', `metadata.labels[${QUEUE_NAME}] cannot be changed while pods of it are ready: scale it to 0 first`);
}

/** A Deployment's pods wait each for itself. Source: Kueue, the webhook of Deployments. */
export const queuedDeployments: Admission = {
  name: 'queued-deployments', kinds: [Deployment], operations: ['CREATE', 'UPDATE'],
  admit(request, context) {
    const deployment = request.object as Deployment | undefined;
    if (deployment?.spec === undefined || (request.subresource ?? '') !== '') return;
    defaultQueue(request, deployment, context);
    refuseMove(deployment, request.oldObject as Deployment | undefined);
    if (deployment.metadata.labels?.[QUEUE_NAME] === undefined) return;
    markTemplate(deployment.spec.template, { labels: labelsFor(deployment), annotations: { [SUSPENDING_PARENT]: 'deployment' } });
    if (request.operation === 'CREATE') warnWithoutQueue(request, deployment, context);
  },
};

/** The pods of a StatefulSet wait as one group. Source: Kueue, the webhook of StatefulSets. */
export const queuedStatefulSets: Admission = {
  name: 'queued-stateful-sets', kinds: [StatefulSet], operations: ['CREATE', 'UPDATE'],
  admit(request, context) {
    const set = request.object as StatefulSet | undefined;
    if (set?.spec === undefined || (request.subresource ?? '') !== '' && request.subresource !== 'scale') return;
    // Those of LeaderWorkerSets make pods of groups.
    if (set.spec.template.metadata?.annotations?.[SUSPENDING_PARENT] === LEADER_WORKER_SET) return;
    defaultQueue(request, set, context);
    const before = request.oldObject as StatefulSet | undefined;
    refuseMove(set, before);
    if (set.metadata.labels?.[QUEUE_NAME] === undefined) return;
    const [was, is] = [before?.spec?.replicas ?? 0, set.spec.replicas ?? 1];
    if (before?.metadata.labels?.[QUEUE_NAME] !== undefined && was !== is && was > 0 && is > 0) throw new ApiError('Forbidden', `spec.replicas of a StatefulSet in a queue cannot be changed but to and from 0, since its pods are admitted as one: scale it to 0 first`);
    const annotations = { [SUSPENDING_PARENT]: 'statefulset', [FAST_ADMISSION]: 'true', [SERVING]: 'true', ...(is > 0 && { [POD_GROUP_TOTAL]: String(is) }) };
    markTemplate(set.spec.template, { labels: { ...labelsFor(set), [POD_GROUP]: groupOf(set) }, annotations });
    if (request.operation === 'CREATE') warnWithoutQueue(request, set, context);
  },
};

/** `statefulset-NAME-12345`, which does not change when one is made in its place. */
function groupOf({ metadata: { namespace, name = '' } }: StatefulSet): string {
  const prefix = `statefulset-${name}`.slice(0, 57);
  return `${prefix}-${createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 5)}`;
}

function labelsFor({ metadata: { labels = {} } }: KubeObject): Record<string, string> {
  return { [QUEUE_NAME]: labels[QUEUE_NAME]!, ...(labels[PRIORITY_CLASS] !== undefined && { [PRIORITY_CLASS]: labels[PRIORITY_CLASS] }) };
}

export function markTemplate(template: PodTemplateSpec, { labels, annotations }: { labels: Record<string, string>; annotations: Record<string, string> }): void {
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...labels }, annotations: { ...template.metadata?.annotations, ...annotations } };
}

/** Of pods that a node made itself. */
const MIRROR = 'kubernetes.io/config.mirror';

export const queuedPods: Admission = {
  name: 'queued-pods', kinds: [Pod], operations: ['CREATE', 'UPDATE'],
  async admit(request, context) {
    const pod = request.object as Pod | undefined;
    if (pod?.spec === undefined || request.operation !== 'CREATE' || (request.subresource ?? '') !== '') return;
    if (pod.metadata.annotations?.[MIRROR] === undefined && !pod.spec.nodeName && controllerOf(pod) === undefined) defaultQueue(request, pod, context);
    const { labels } = pod.metadata;
    // Its group, and with it its queue, are told when its operator has numbered it.
    if (pod.metadata.annotations?.[SUSPENDING_PARENT] === LEADER_WORKER_SET) return hold(pod);
    if (labels?.[QUEUE_NAME] === undefined || controllerOf(pod)?.kind === 'Job' || (await isPart(request, pod, context))) return;
    warnWithoutQueue(request, pod, context);
    return hold(pod);
  },
  validate(request) {
    const [pod, old] = [request.object as Pod | undefined, request.oldObject as Pod | undefined];
    const errors = pod === undefined || (request.subresource ?? '') !== '' ? [] : queuedPodErrors(pod, old);
    if (errors.length > 0) throw invalidObject(Pod, pod?.metadata.name ?? '', errors);
  },
};

function hold(pod: Pod): void {
  pod.metadata.labels = { ...pod.metadata.labels, [MANAGED]: 'true' };
  if (!isGated(pod)) pod.spec!.schedulingGates = [...(pod.spec!.schedulingGates ?? []), { name: ADMISSION_GATE }];
}
