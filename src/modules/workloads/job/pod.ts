/** A pod of a job's template, not yet created. Pure. */
import { Job } from '../../../api/batch/job.ts';
import { COMPLETION_INDEX, INDEX_FAILURES, INDEX_IGNORED_FAILURES, TRACKING } from '../../../api/batch/job-labels.ts';
import type { Container, Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import { controllerReference } from '../../../api/owner.ts';
import { indexFailures } from './backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import { hasBackoffLimitPerIndex, type JobView } from './view.ts';

const LONGEST_PREFIX = 58;

export function podOfJob({ job, indexes }: JobView, index: number | undefined): Pod {
  const { name = '', namespace } = job.metadata;
  const template = structuredClone(job.spec?.template);
  const { labels, annotations, finalizers = [] } = template?.metadata ?? {};
  const pod: Pod = {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      generateName: `${name}-`, namespace, labels: { ...labels }, annotations: { ...annotations },
      finalizers: finalizers.includes(TRACKING) ? finalizers : [...finalizers, TRACKING], ownerReferences: [controllerReference(Job, job)],
    },
    spec: template?.spec,
  };
  if (index === undefined) return pod;
  const suffix = `-${index}-`;
  pod.metadata.generateName = `${name.slice(0, LONGEST_PREFIX - suffix.length)}${suffix}`;
  pod.metadata.labels![COMPLETION_INDEX] = pod.metadata.annotations![COMPLETION_INDEX] = String(index);
  if (pod.spec !== undefined) nameIndex(pod.spec, `${name}-${index}`);
  if (hasBackoffLimitPerIndex(job)) countFailures(pod, indexes?.toReplace.get(index), job);
  return pod;
}

function nameIndex(spec: PodSpec, hostname: string): void {
  spec.hostname = hostname;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) addIndexVariable(container);
}

function addIndexVariable(container: Container): void {
  if (container.env?.some(({ name }) => name === 'JOB_COMPLETION_INDEX') === true) return;
  (container.env ??= []).push({ name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${COMPLETION_INDEX}']` } } });
}

/** The pod carries on how often its index failed. */
function countFailures(pod: Pod, replaced: Pod | undefined, { spec }: Job): void {
  let { counted, ignored } = replaced === undefined ? { counted: 0, ignored: 0 } : indexFailures(replaced);
  if (replaced !== undefined) {
    if (judgeFailure(spec?.podFailurePolicy, replaced).counted) counted += 1;
    else ignored += 1;
  }
  pod.metadata.annotations![INDEX_FAILURES] = String(counted);
  if (ignored > 0) pod.metadata.annotations![INDEX_IGNORED_FAILURES] = String(ignored);
}
