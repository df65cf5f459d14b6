/** Flavors with a topology, as the nodes of the moment are. Nodes are read only once there is such a flavor. */
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { HOSTNAME, Topology } from '../../api/kueue/topology.ts';
import { TOPOLOGY_LABEL } from '../../api/kueue/names.ts';
import type { ResourceFlavor } from '../../api/kueue/types.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { podRequests } from '../../api/pod-requests.ts';
import { tolerates } from '../../api/tolerations.ts';
import type { Kind } from '../../api/kind.ts';
import type { Caches } from '../../sdk/index.ts';
import { amountOf } from './demand.ts';
import type { Leaf, TopologyFlavor } from './policy/topology-use.ts';

const BY_NODE = 'queue-others-on-node';

export interface Topologies {
  of(flavor: string): TopologyFlavor | undefined;
  /** The labels of its levels; undefined of flavors without a topology, or whose topology is not there. */
  levelsOf(flavor: string): readonly string[] | undefined;
  /** Something of what it knows has changed. */
  forget(): void;
  /** Kinds to be followed; none while no flavor has a topology. */
  follows(): readonly Kind[];
}

export function createTopologies(caches: Caches, flavors: { list(): readonly ResourceFlavor[]; get(name: string): ResourceFlavor | undefined }): Topologies {
  const known = new Map<string, TopologyFlavor | undefined>();
  const levelsOf = (name: string): readonly string[] | undefined => {
    const topology = flavors.get(name)?.spec?.topologyName;
    return topology === undefined ? undefined : caches.of(Topology).get(topology)?.spec?.levels.map(({ nodeLabel }) => nodeLabel);
  };
  return {
    levelsOf,
    of(name) {
      if (!known.has(name)) {
        const levels = levelsOf(name);
        known.set(name, levels === undefined ? undefined : flavorOf(flavors.get(name)!, levels, caches));
      }
      return known.get(name);
    },
    forget: () => known.clear(),
    follows: () => (flavors.list().some(({ spec }) => spec?.topologyName !== undefined) ? ([Topology, Node, Pod] as readonly Kind[]) : []),
  };
}

function flavorOf({ spec }: ResourceFlavor, levels: readonly string[], caches: Caches): TopologyFlavor {
  const isByNode = levels.at(-1) === HOSTNAME;
  const leaves = new Map<string, { values: string[]; free: Map<string, number>; nodes: string[]; node?: Leaf['node'] }>();
  for (const node of caches.of(Node).list()) {
    const { labels = {} } = node.metadata;
    if (!isUsable(node) || Object.entries(spec?.nodeLabels ?? {}).some(([key, value]) => labels[key] !== value) || levels.some((level) => labels[level] === undefined)) continue;
    const values = levels.map((level) => labels[level]!);
    const key = values.join('\0');
    const leaf = leaves.get(key) ?? { values, free: new Map<string, number>(), nodes: [], ...(isByNode && { node: { labels, taints: (node.spec?.taints ?? []).filter((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(spec?.tolerations, taint)) } }) };
    leaves.set(key, leaf);
    leaf.nodes.push(node.metadata.name ?? '');
    for (const [resource, quantity] of Object.entries(node.status?.allocatable ?? {})) leaf.free.set(resource, (leaf.free.get(resource) ?? 0) + amountOf(resource, quantity));
    for (const pod of othersOn(node.metadata.name ?? '', caches)) takeOff(leaf.free, pod);
  }
  return { topology: spec?.topologyName ?? '', levels, told: isByNode ? 1 : levels.length, leaves: [...leaves.values()] };
}

function isUsable({ spec, status }: Node): boolean {
  return spec?.unschedulable !== true && status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

/** Pods that no topology placed. */
function othersOn(node: string, caches: Caches): readonly Pod[] {
  const cache = caches.of(Pod);
  cache.addIndex(BY_NODE, (pod) => (pod.spec?.nodeName && !isPodTerminal(pod) && pod.metadata.labels?.[TOPOLOGY_LABEL] === undefined ? [pod.spec.nodeName] : []));
  return cache.byIndex(BY_NODE, node);
}

function takeOff(free: Map<string, number>, pod: Pod): void {
  const { cpuMillis, memoryBytes, ephemeralStorageBytes, others = {} } = podRequests(pod);
  for (const [resource, amount] of [['cpu', cpuMillis], ['memory', memoryBytes], ['ephemeral-storage', ephemeralStorageBytes], ['pods', 1], ...Object.entries(others)] as const) free.set(resource, (free.get(resource) ?? 0) - amount);
}
