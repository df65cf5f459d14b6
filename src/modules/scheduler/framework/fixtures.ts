/** Nodes and pods for the tests of the scheduler, with only what a test says. */
import type { Node, NodeSpec, Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import { Cluster } from './cluster.ts';
import { createCycle, type Decision } from './cycle.ts';
import type { Profile } from './plugin.ts';
import { podInfoOf } from './pod-info.ts';
import { createProfile } from '../profile.ts';

export function node(name: string, more: { cpu?: string; memory?: string; pods?: string; labels?: Record<string, string>; spec?: NodeSpec; others?: Record<string, string>; images?: { names: string[]; sizeBytes: number }[] } = {}): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...more.labels } }, spec: more.spec,
    status: { allocatable: { cpu: more.cpu ?? '4', memory: more.memory ?? '8Gi', pods: more.pods ?? '110', ...more.others }, images: more.images },
  };
}

export function pod(name: string, more: { cpu?: string; memory?: string; node?: string; labels?: Record<string, string>; owner?: string; spec?: Partial<PodSpec>; namespace?: string } = {}): Pod {
  const requests: Record<string, string> = {};
  if (more.cpu !== undefined) requests['cpu'] = more.cpu;
  if (more.memory !== undefined) requests['memory'] = more.memory;
  const ownerReferences = more.owner === undefined ? undefined : [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: more.owner, uid: more.owner, controller: true }];
  return {
    metadata: { name, namespace: more.namespace ?? 'default', uid: name, labels: more.labels ?? {}, ownerReferences },
    spec: { containers: [{ name: 'c', image: 'web', resources: { requests } }], nodeName: more.node, ...more.spec },
  };
}

/** Schedules one pod beside those that are there; ties go to the first. */
export function decide(nodes: readonly Node[], placed: readonly Pod[], wanted: Pod, profile: Profile = createProfile()): Decision {
  const cluster = new Cluster();
  for (const each of nodes) cluster.setNode(each);
  for (const each of placed) cluster.setPod(each);
  return createCycle(cluster, profile, () => 0.999).schedule(podInfoOf(wanted));
}
