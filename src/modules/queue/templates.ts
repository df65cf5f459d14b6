/** What a queue does to the pod template of a job, and how it takes that back. Pure. Source: Kueue, podset.Merge and podset.RestorePodSpec. */
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { TOPOLOGY_GATE } from '../../api/kueue/names.ts';
import type { StartInfo } from './start-info.ts';

export function merged(template: PodTemplateSpec, { nodeSelector, tolerations, labels, annotations, topology }: StartInfo): PodTemplateSpec {
  const next = structuredClone(template);
  const spec = next.spec!;
  if (topology !== undefined) spec.schedulingGates = [...(spec.schedulingGates ?? []).filter(({ name }) => name !== TOPOLOGY_GATE), { name: TOPOLOGY_GATE }];
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  if (tolerations.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...tolerations];
  if (Object.keys(labels).length > 0) next.metadata = { ...next.metadata, labels: { ...next.metadata?.labels, ...labels } };
  if (Object.keys(annotations).length > 0) next.metadata = { ...next.metadata, annotations: { ...next.metadata?.annotations, ...annotations } };
  return next;
}

/** As it was before, with those of its labels that `keeps` names. */
export function unmerged(template: PodTemplateSpec, before: PodTemplateSpec, keeps: readonly string[] = []): PodTemplateSpec {
  const next = structuredClone(template);
  const kept = Object.entries(template.metadata?.labels ?? {}).filter(([key]) => keeps.includes(key));
  const { labels, annotations } = structuredClone(before.metadata ?? {});
  const { nodeSelector, tolerations, schedulingGates } = structuredClone(before.spec ?? { containers: [] });
  next.spec = withOrWithout(next.spec!, { nodeSelector, tolerations, schedulingGates });
  next.metadata = withOrWithout({ ...next.metadata }, { labels: kept.length > 0 ? { ...labels, ...Object.fromEntries(kept) } : labels, annotations });
  return next;
}

function withOrWithout<T extends object>(object: T, fields: { [Field in keyof T]?: T[Field] | undefined }): T {
  const next = { ...object, ...fields } as T;
  for (const key of Object.keys(fields) as (keyof T)[]) if (fields[key] === undefined) delete next[key];
  return next;
}
