/** One Job of a JobSet as it is made: its name, what it and its pods are marked with, where they can be found. Pure. Source: kubernetes-sigs/jobset, constructJob. */
import { createHash } from 'node:crypto';
import type { Job } from '../../api/batch/job.ts';
import type { JobSpec } from '../../api/generated/batch-v1.ts';
import type { PodAffinityTerm, PodSpec } from '../../api/generated/core-v1.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import {
  COORDINATOR, EXCLUSIVE, GLOBAL_REPLICAS, GROUP_NAME, GROUP_REPLICAS, JOB_GLOBAL_INDEX, JOB_GROUP_INDEX, JOB_INDEX, JOB_KEY, JOB_RESTART_ATTEMPT, JOB_SET_NAME, JOB_SET_UID, NAMESPACED_JOB, NO_SCHEDULE, NODE_SELECTOR_STRATEGY,
  REPLICATED_JOB_NAME, REPLICATED_JOB_REPLICAS, RESTART_ATTEMPT,
} from '../../api/jobset/names.ts';
import type { ReplicatedJob } from '../../api/jobset/types.ts';
import type { KubeObject, LabelSelectorRequirement } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner.ts';
import { restartsOfJob } from './children.ts';
import { claimName } from './claims.ts';

export function jobName({ metadata }: JobSet, { name }: Pick<ReplicatedJob, 'name'>, index: number): string {
  return `${metadata.name}-${name}-${index}`;
}

/** What its headless Service is called. */
export function subdomainOf({ metadata, spec }: JobSet): string {
  return spec?.network?.subdomain || (metadata.name ?? '');
}

export function hasHostnames({ spec }: JobSet): boolean {
  return spec?.network?.enableDNSHostnames !== false;
}

export function jobOf(jobSet: JobSet, replicated: ReplicatedJob, index: number): Job {
  // What a template lacks the door says when the Job is made.
  const { metadata = {}, spec = {} as JobSpec } = structuredClone(replicated.template);
  const marks = marksOf(jobSet, replicated, index);
  const placing = placingOf(jobSet, replicated);
  const own = { labels: { ...metadata.labels, ...marks }, annotations: { ...metadata.annotations, ...marks, ...placing } };
  const template = (spec.template ??= {});
  const pod = (template.spec ??= { containers: [] });
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...marks }, annotations: { ...template.metadata?.annotations, ...marks, ...placing } };
  const name = jobName(jobSet, replicated, index);
  if (hasHostnames(jobSet)) pod.subdomain = subdomainOf(jobSet);
  place(pod, own.annotations, { key: marks[JOB_KEY]!, namespacedName: `${jobSet.metadata.namespace}_${name}` });
  mountClaims(pod, jobSet);
  return { metadata: { name, namespace: jobSet.metadata.namespace, ...own, ownerReferences: [controllerReference(JobSet, jobSet)] }, spec: { ...spec, suspend: jobSet.spec?.suspend === true } };
}

/** Labels, and annotations too. */
function marksOf({ metadata, spec, status }: JobSet, replicated: ReplicatedJob, index: number): Record<string, string> {
  const { name, replicas = 1, groupName = 'default' } = replicated;
  const all = spec?.replicatedJobs ?? [];
  const jobs = (list: readonly ReplicatedJob[]): number => list.reduce((sum, each) => sum + (each.replicas ?? 1), 0);
  const before = all.slice(0, all.findIndex((each) => each.name === name));
  const isOfGroup = (each: ReplicatedJob): boolean => (each.groupName ?? 'default') === groupName;
  const { coordinator } = spec ?? {};
  return {
    [JOB_SET_NAME]: metadata.name ?? '', [JOB_SET_UID]: metadata.uid ?? '', [REPLICATED_JOB_NAME]: name, [REPLICATED_JOB_REPLICAS]: String(replicas), [GLOBAL_REPLICAS]: String(jobs(all)),
    [RESTART_ATTEMPT]: String(status?.restarts ?? 0), [JOB_RESTART_ATTEMPT]: String(restartsOfJob(status, name, index)),
    [JOB_INDEX]: String(index), [JOB_GLOBAL_INDEX]: String(jobs(before) + index), [JOB_KEY]: createHash('sha1').update(`${metadata.namespace}/${metadata.name}-${name}-${index}`).digest('hex'),
    [GROUP_NAME]: groupName, [GROUP_REPLICAS]: String(jobs(all.filter(isOfGroup))), [JOB_GROUP_INDEX]: String(jobs(before.filter(isOfGroup)) + index),
    ...(coordinator !== undefined && { [COORDINATOR]: `${metadata.name}-${coordinator.replicatedJob}-${coordinator.jobIndex ?? 0}-${coordinator.podIndex ?? 0}.${subdomainOf({ metadata, spec })}` }),
  };
}

/** Annotations that say where its pods go, of the template or else of the whole. */
function placingOf({ metadata }: JobSet, { template }: ReplicatedJob): Record<string, string> {
  const from: KubeObject['metadata'] = template.metadata?.annotations?.[EXCLUSIVE] === undefined ? metadata : { annotations: template.metadata.annotations };
  if (from.annotations?.[EXCLUSIVE] === undefined) return {};
  return Object.fromEntries([EXCLUSIVE, NODE_SELECTOR_STRATEGY].filter((key) => from.annotations?.[key] !== undefined).map((key) => [key, from.annotations![key]!]));
}

/**
 * A Job with a domain of its own: all of its pods in one, and none of another Job of a JobSet there; or on nodes that were labelled for it.
 * Upstream tells the domain of the first pod to the others, so that they are scheduled faster; they end up in the same place.
 */
function place(spec: PodSpec, annotations: Readonly<Record<string, string>>, { key, namespacedName }: { key: string; namespacedName: string }): void {
  const topologyKey = annotations[EXCLUSIVE];
  if (topologyKey === undefined) return;
  if (annotations[NODE_SELECTOR_STRATEGY] !== undefined) {
    spec.nodeSelector = { ...spec.nodeSelector, [NAMESPACED_JOB]: namespacedName };
    spec.tolerations = [...(spec.tolerations ?? []), { key: NO_SCHEDULE, operator: 'Exists', effect: 'NoSchedule' }];
    return;
  }
  const { podAffinity, podAntiAffinity } = (spec.affinity ??= {});
  const term = (...matchExpressions: LabelSelectorRequirement[]): PodAffinityTerm => ({ labelSelector: { matchExpressions }, topologyKey, namespaceSelector: {} });
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  spec.affinity.podAffinity = { ...podAffinity, [required]: [...(podAffinity?.[required] ?? []), term({ key: JOB_KEY, operator: 'In', values: [key] })] };
  spec.affinity.podAntiAffinity = { ...podAntiAffinity, [required]: [...(podAntiAffinity?.[required] ?? []), term({ key: JOB_KEY, operator: 'Exists' }, { key: JOB_KEY, operator: 'NotIn', values: [key] })] };
}

/** The claims that one of its containers mounts by name. */
function mountClaims(pod: PodSpec, { metadata, spec }: JobSet): void {
  const mounted = new Set([...(pod.containers ?? []), ...(pod.initContainers ?? [])].flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  for (const template of (spec?.volumeClaimPolicies ?? []).flatMap(({ templates = [] }) => templates)) {
    const name = template.metadata?.name ?? '';
    if (mounted.has(name)) pod.volumes = [...(pod.volumes ?? []), { name, persistentVolumeClaim: { claimName: claimName(metadata.name ?? '', name) } }];
  }
}
