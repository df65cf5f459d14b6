/** Pods of a group by what is alike of them: each sort is one set of the Workload. Source: Kueue, jobs/pod constructGroupPodSets and getRoleHash. */
import { createHash } from 'node:crypto';
import type { Container, Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { MAIN, POD_SET_GROUP, PREFERRED_TOPOLOGY, REQUIRED_TOPOLOGY, ROLE_HASH, SLICE_LAYERS, SLICE_SIZE, SLICE_TOPOLOGY, UNCONSTRAINED_TOPOLOGY } from '../../api/kueue/names.ts';
import type { PodSet, TopologyRequest, Workload } from '../../api/kueue/types.ts';
import { isTrue } from './asks.ts';
import { sliceLayersOf } from './slice-layers.ts';

/** Pods that are alike are one set. Of a group of one sort that is not all there yet, `total` is the count. */
export function podSetsOf(pods: readonly Pod[], total: number): PodSet[] {
  const roles = new Map<string, Pod[]>();
  for (const pod of pods) roles.set(roleOf(pod.spec), [...(roles.get(roleOf(pod.spec)) ?? []), pod]);
  return withoutRepeatedEnv([...roles].map(([role, [first, ...others]]): PodSet => {
    const { nodeName: _nodeName, schedulingGates: _gates, hostname: _hostname, ...spec } = structuredClone(first!.spec!);
    const { labels, annotations } = first!.metadata;
    const topologyRequest = topologyRequestOf(annotations);
    return { name: roles.size === 1 ? MAIN : role, count: roles.size === 1 ? total : 1 + others.length, ...(topologyRequest !== undefined && { topologyRequest }), template: { metadata: { ...(labels && { labels: { ...labels } }), ...(annotations && { annotations: { ...annotations } }) }, spec } };
  }));
}

/** A container may name a variable twice, of which the last holds; in a Workload each is there once. Source: Kueue, jobframework, sanitized pod sets. */
export function withoutRepeatedEnv(podSets: readonly PodSet[]): PodSet[] {
  const unique = (containers: readonly Container[]): Container[] => containers.map((each) => (each.env === undefined ? each : { ...each, env: [...new Map(each.env.map((one) => [one.name, one])).values()] }));
  return podSets.map((set) => {
    const { spec } = set.template;
    if (spec === undefined) return set;
    return { ...set, template: { ...set.template, spec: { ...spec, containers: unique(spec.containers ?? []), ...(spec.initContainers !== undefined && { initContainers: unique(spec.initContainers) }) } } };
  });
}

/** What of a pod decides where it can run, and with how much. */
function roleOf(spec: PodSpec | undefined): string {
  const shape = JSON.stringify([containersOf(spec?.initContainers), containersOf(spec?.containers), spec?.nodeSelector, spec?.affinity, spec?.tolerations, spec?.runtimeClassName, spec?.priority]);
  return `role-${createHash('sha256').update(shape).digest('hex').slice(0, 8)}`;
}

function containersOf(list: PodSpec['initContainers']): unknown {
  return list?.map(({ image, resources }) => ({ image, resources: resources ?? {} }));
}

/** The set that the pod is of: the one that it names, else by its role, also after flavors added to it; of a Workload that was made beforehand by what its containers ask for. */
export function setOf({ metadata, spec }: Pod, { spec: { podSets } }: Workload): PodSet | undefined {
  if (podSets.length === 1) return podSets[0];
  const named = podSets.find(({ name }) => name === metadata.annotations?.[ROLE_HASH]);
  if (named !== undefined) return named;
  const byRole = podSets.find(({ name }) => name === roleOf(spec));
  if (byRole !== undefined) return byRole;
  const containers = JSON.stringify([containersOf(spec?.initContainers), containersOf(spec?.containers)]);
  const alike = podSets.filter(({ template }) => JSON.stringify([containersOf(template.spec?.initContainers), containersOf(template.spec?.containers)]) === containers);
  return alike.find(({ template }) => Object.entries(template.spec?.nodeSelector ?? {}).every(([key, value]) => spec?.nodeSelector?.[key] === value)) ?? alike[0];
}

/** What annotations of a template ask of a topology; undefined where they ask nothing. Source: Kueue, jobframework podSetTopologyRequestBuilder. */
export function topologyRequestOf(annotations: Readonly<Record<string, string>> = {}, more: Pick<TopologyRequest, 'podIndexLabel' | 'subGroupIndexLabel' | 'subGroupCount'> = {}): TopologyRequest | undefined {
  const [required, preferred, slices] = [annotations[REQUIRED_TOPOLOGY], annotations[PREFERRED_TOPOLOGY], annotations[SLICE_TOPOLOGY]];
  const size = Number(annotations[SLICE_SIZE]);
  const layers = sliceLayersOf(annotations[SLICE_LAYERS]);
  const one = slices !== undefined && { podSetSliceRequiredTopology: slices, ...(Number.isInteger(size) && size > 0 && { podSetSliceSize: size }) };
  const sliced = Array.isArray(layers) ? { podsetSliceRequiredTopologyConstraints: layers } : one;
  const group = annotations[POD_SET_GROUP] !== undefined && { podSetGroupName: annotations[POD_SET_GROUP] };
  if (required !== undefined) return { required, ...sliced, ...group, ...more };
  if (preferred !== undefined) return { preferred, ...sliced, ...group, ...more };
  if (isTrue(annotations[UNCONSTRAINED_TOPOLOGY] ?? '')) return { unconstrained: true, ...sliced, ...more };
  return sliced === false ? undefined : { ...sliced, ...more };
}
