/** The plugins of one thought: PrioritySort, SchedulingGates, NodeName, NodeUnschedulable, TaintToleration, NodeAffinity, NodePorts, ImageLocality. */
import type { NodeAffinity, Taint } from '../../../api/generated/core-v1.ts';
import { isNodeEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { MOST_SCORE, rejection, type Plugin, type Rejection } from '../framework/plugin.ts';
import type { HostPort, PodInfo } from '../framework/pod-info.ts';
import { compileTerm, namedNodes, requiredNodes } from '../../../api/node-selection.ts';
import { normalizeDown, normalizeUp } from './normalize.ts';
import { tolerates, untolerated } from '../../../api/tolerations.ts';

/** Higher priority first, then who came first. */
export const prioritySort: Plugin = {
  name: 'PrioritySort',
  queueSort: (left, right) => right.info.priority - left.info.priority || left.addedMs - right.addedMs,
};

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue(pod) {
    const gates = pod.pod.spec?.schedulingGates ?? [];
    return gates.length === 0 ? undefined : `waiting for scheduling gates: ${gates.map((each) => each.name).join(', ')}`;
  },
};

const WRONG_NAME = rejection('NodeName', "node(s) didn't match the requested node name", { unresolvable: true });

export const nodeName: Plugin = {
  name: 'NodeName',
  filter(pod) {
    const name = pod.pod.spec?.nodeName;
    return name ? (node) => (node.name === name ? undefined : WRONG_NAME) : undefined;
  },
  wakesFor: (event) => event.type === 'node-added',
};

const UNSCHEDULABLE = rejection('NodeUnschedulable', 'node(s) were unschedulable', { unresolvable: true });
const UNSCHEDULABLE_TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter: (pod) => (tolerates(pod.pod.spec?.tolerations, UNSCHEDULABLE_TAINT) ? undefined : testSchedulable),
  wakesFor: (event) => isNodeEvent(event) && !event.node.unschedulable,
};

function testSchedulable(node: NodeInfo): Rejection | undefined {
  return node.unschedulable ? UNSCHEDULABLE : undefined;
}

const TAINT_REASONS = new Map<string, Rejection>();

function taintRejection({ key, value = '' }: Taint): Rejection {
  const reason = `node(s) had untolerated taint {${key}: ${value}}`;
  let known = TAINT_REASONS.get(reason);
  if (known === undefined) {
    if (TAINT_REASONS.size > 1000) TAINT_REASONS.clear();
    TAINT_REASONS.set(reason, (known = rejection('TaintToleration', reason, { unresolvable: true })));
  }
  return known;
}

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter(pod) {
    const tolerations = pod.pod.spec?.tolerations;
    return (node) => {
      if (node.hardTaints.length === 0) return undefined;
      const taint = untolerated(node.hardTaints, tolerations);
      return taint === undefined ? undefined : taintRejection(taint);
    };
  },
  score(pod, _cluster, feasible) {
    if (feasible.every((node) => node.softTaints.length === 0)) return undefined;
    const tolerations = pod.pod.spec?.tolerations;
    return { score: (node) => node.softTaints.filter((taint) => !tolerates(tolerations, taint)).length, normalize: normalizeDown };
  },
  wakesFor: (event, pod) => isNodeEvent(event) && untolerated(event.node.hardTaints, pod.pod.spec?.tolerations) === undefined,
};

const WRONG_NODE = rejection('NodeAffinity', "node(s) didn't match Pod's node affinity/selector", { unresolvable: true });

/** Each of its alternatives names several nodes that it must be on at once. */
const CONFLICT = rejection('NodeAffinity', 'pod affinity terms conflict', { unresolvable: true });
const NOT_ENFORCED = rejection('NodeAffinity', "node(s) didn't match scheduler-enforced node affinity", { unresolvable: true });

/** `added`: what holds for all pods of the profile, beside what they ask for themselves. */
export const nodeAffinity = (added?: NodeAffinity): Plugin => {
  const addedRequired = added?.requiredDuringSchedulingIgnoredDuringExecution === undefined ? undefined : requiredNodes({ containers: [], affinity: { nodeAffinity: added } });
  const addedPreferred = added?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name: 'NodeAffinity',
    preFilter(pod) {
      const nodeNames = namedNodes(pod.pod.spec);
      if (nodeNames?.size === 0) return { rejection: CONFLICT };
      return nodeNames === undefined ? undefined : { nodeNames };
    },
    filter(pod) {
      const required = requiredNodes(pod.pod.spec);
      if (required === undefined && addedRequired === undefined) return undefined;
      return (node) => (addedRequired?.(node) === false ? NOT_ENFORCED : required?.(node) === false ? WRONG_NODE : undefined);
    },
    score(pod) {
      const terms = [...(pod.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []), ...addedPreferred];
      if (terms.length === 0) return undefined;
      const preferred = terms.map(({ weight, preference }) => ({ weight, matches: compileTerm(preference) }));
      return { score: (node) => preferred.reduce((sum, each) => sum + (each.matches(node) ? each.weight : 0), 0), normalize: normalizeUp };
    },
    wakesFor: (event, pod) => isNodeEvent(event) && requiredNodes(pod.pod.spec)?.(event.node) !== false && addedRequired?.(event.node) !== false,
  };
};

const PORTS_TAKEN = rejection('NodePorts', "node(s) didn't have free ports for the requested pod ports");

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter(pod) {
    if (pod.hostPorts.length === 0) return undefined;
    return (node) => (pod.hostPorts.some((each) => isTaken(node, each)) ? PORTS_TAKEN : undefined);
  },
  wakesFor: (event, pod) => isNodeEvent(event) || (event.type === 'pod-removed' && sharesPort(event.pod, pod)),
};

function isTaken(node: NodeInfo, { port, ip }: HostPort): boolean {
  const ips = node.hostPorts.get(port);
  return ips !== undefined && (ip === '0.0.0.0' || ips.includes('0.0.0.0') || ips.includes(ip));
}

function sharesPort(gone: PodInfo, pod: PodInfo): boolean {
  return gone.hostPorts.some((each) => pod.hostPorts.some((own) => own.port === each.port));
}

const MIB = 1024 * 1024;
const SMALL_IMAGES_BYTES = 23 * MIB;
const LARGE_IMAGE_BYTES = 1000 * MIB;

/** Prefers nodes that have the images of containers and volumes, the more so the more nodes have them (so that one node does not draw everything). */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  score(pod, cluster) {
    if (!cluster.hasImages) return undefined;
    const { initContainers = [], containers = [], volumes = [] } = pod.pod.spec ?? {};
    const asked = [...initContainers, ...containers].map(({ image }) => image ?? '').concat(volumes.filter(({ image }) => image !== undefined).map(({ image }) => image?.reference ?? ''));
    const images = asked.map(withTag).filter((name) => cluster.nodesWithImage(name) > 0);
    if (images.length === 0) return undefined;
    const shares = images.map((name) => ({ name, share: cluster.nodesWithImage(name) / cluster.nodes.length }));
    const most = LARGE_IMAGE_BYTES * asked.length;
    return {
      score(node) {
        let bytes = 0;
        for (const { name, share } of shares) bytes += Math.floor((node.imageBytes.get(name) ?? 0) * share);
        return Math.floor((MOST_SCORE * (Math.min(Math.max(bytes, SMALL_IMAGES_BYTES), most) - SMALL_IMAGES_BYTES)) / (most - SMALL_IMAGES_BYTES));
      },
    };
  },
};

function withTag(image: string): string {
  return image.includes('@') || image.lastIndexOf(':') > image.lastIndexOf('/') ? image : `${image}:latest`;
}

