/** `llmos scale explain` of what events scale: what each trigger says now, and what follows from that. */
import { Job } from '../../api/batch/job.ts';
import type { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { isControlledBy } from '../../api/owner.ts';
import type { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { KedaCondition } from '../../api/keda/triggers.ts';
import { quantityMillis } from '../../api/quantity.ts';
import type { HttpClient } from '../../sdk/client/http.ts';
import { renderTable } from '../table.ts';

const METRICS = '/apis/external.metrics.k8s.io/v1beta1';

/** What a metric is now: its value, or why it cannot be had. */
export type Said = Readonly<Record<string, string>>;

/** Asks for each metric of the object. Never rejects. */
export async function readMetrics({ metadata, status }: ScaledObject, client: HttpClient): Promise<Said> {
  const names = [...(status?.externalMetricNames ?? []), ...(status?.compositeScalerName === undefined ? [] : [status.compositeScalerName])];
  const read = async (name: string): Promise<string> => {
    const text = await client.getRaw(`${METRICS}/namespaces/${metadata.namespace}/${name}?labelSelector=${encodeURIComponent(`scaledobject.keda.sh/name=${metadata.name}`)}`);
    const value = (JSON.parse(text) as { items: { value: string }[] }).items[0]?.value;
    return value === undefined ? 'nothing' : String(quantityMillis(value) / 1_000);
  };
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name).catch((error: Error) => error.message)] as const)));
}

/** Lines for a person: what starts Jobs, and how many there are. */
export async function explainJobs(object: ScaledJob, client: HttpClient): Promise<string[]> {
  const { metadata, spec, status } = object;
  const jobs = (await client.list(Job, { namespace: metadata.namespace })).items.filter((job) => isControlledBy(job, object));
  const running = jobs.filter((job) => !(job.status?.conditions ?? []).some(({ type, status: state }) => (type === 'Complete' || type === 'Failed') && state === 'True')).length;
  return [
    `ScaledJob ${metadata.name} starts Jobs by events: ${spec.triggers.map(({ type }) => type).join(', ')}`, `jobs: ${running} under way, ${jobs.length - running} ended; at most ${spec.maxReplicaCount ?? 100} at once`,
    ...conditionLines(status?.conditions), ...(status?.lastActiveTime === undefined ? [] : [`a trigger was active last at ${status.lastActiveTime}`]),
  ];
}

function conditionLines(conditions: readonly KedaCondition[] = []): string[] {
  return conditions.map(({ type, status, reason, message }) => `${type}: ${status}${reason === undefined || reason === '' ? '' : `, ${reason}: ${message}`}`);
}

/** Lines for a person. The autoscaler is not there while the object is paused. */
export function explainEvents({ metadata, spec, status }: ScaledObject, autoscaler: HorizontalPodAutoscaler | undefined, said: Said): string[] {
  const lines = [`${spec.scaleTargetRef.kind ?? 'Deployment'}/${spec.scaleTargetRef.name} is scaled by ScaledObject ${metadata.name}, by events${autoscaler === undefined ? '' : `; from one replica on by HorizontalPodAutoscaler ${autoscaler.metadata.name}`}`];
  const least = spec.minReplicaCount ?? 0;
  if (autoscaler !== undefined) lines.push(`replicas: ${autoscaler.status?.currentReplicas ?? 0} now, ${autoscaler.status?.desiredReplicas ?? 0} desired; ${least} to ${spec.maxReplicaCount ?? 100}${least === 0 ? ', and none when no trigger is active' : ''}`);
  lines.push(...conditionLines(status?.conditions));
  if (status?.lastActiveTime !== undefined) lines.push(`a trigger was active last at ${status.lastActiveTime}`);
  const targets = new Map((autoscaler?.spec?.metrics ?? []).map(({ external }) => [external?.metric.name, external?.target.averageValue ?? external?.target.value]));
  const rows = Object.entries(said).map(([name, value]) => {
    const target = targets.get(name);
    return [name, value, target === undefined ? '' : String(quantityMillis(target) / 1_000), String(status?.health?.[name]?.numberOfFailures ?? 0)];
  });
  if (rows.length > 0) lines.push('', renderTable(['METRIC', 'SAYS', 'TARGET', 'FAILURES'], rows));
  return lines;
}
