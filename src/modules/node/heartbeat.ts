/** This machine as a Node object, and its Lease, renewed every 10 s (a quarter of its duration); the Node itself is written only when something in it changed, or after 5 minutes. */
import { readFileSync } from 'node:fs';
import { isApiError } from '../../api/errors.ts';
import type { Node, NodeCondition, NodeStatus } from '../../api/generated/core-v1.ts';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import { rfc3339, rfc3339Micro } from '../../base/clock.ts';
import { LeaseKind, NodeKind } from './kinds.ts';
import { hybridComplaint } from './machine.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { MachineFacts } from '../../sdk/module.ts';
import type { NodeParts } from './parts.ts';
import type { PressureCondition } from './pressure/settings.ts';
import { textOf } from './read-files.ts';
import { DEFAULT_HANDLER } from './runtime/handlers.ts';
import { sameStatus } from './status/pod-status.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
/** Of a lease's duration, how often it is renewed in it (upstream: nodeLeaseRenewIntervalFraction). */
const RENEWALS = 4;
const REPORT_MS = 300_000;
/** A controller attaches volumes, and nothing that pods name is kept past its change. */
const ANNOTATIONS = { 'node.alpha.kubernetes.io/ttl': '0', 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };

export async function heartbeat(parts: NodeParts, signal: AbortSignal): Promise<void> {
  const { clock, log, config } = parts.context;
  const seconds = leaseSeconds(config);
  let node: Node | undefined;
  let lease: Lease | undefined;
  let reportedMs = 0;
  while (!signal.aborted) {
    try {
      node ??= await register(parts);
      const due = clock.nowMs() - reportedMs >= REPORT_MS;
      const fresh = await report(parts, node, due);
      if (fresh !== undefined) { node = fresh; reportedMs = clock.nowMs(); }
      lease = await renew(parts, node, lease, seconds);
    } catch (error) {
      if (isApiError(error, 'Conflict', 'NotFound')) { node = undefined; lease = undefined; }
      else log.warn('the heartbeat of the node could not be written', { error });
      await clock.sleep(node === undefined ? 100 : 1_000, signal);
      continue;
    }
    await parts.report.sleep((seconds * 1_000) / RENEWALS, signal);
  }
}

/** `modules.node.nodeLeaseDurationSeconds`, as of the kubelet. */
function leaseSeconds({ nodeLeaseDurationSeconds: given = LEASE_SECONDS }: Readonly<Record<string, unknown>>): number {
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 1) throw new Error(`nodeLeaseDurationSeconds ${JSON.stringify(given)} is no whole number of seconds above 0`);
  return given;
}

async function register(parts: NodeParts): Promise<Node> {
  const { client, machine } = parts.context;
  try {
    const found = await client.get(NodeKind, machine.nodeName);
    const [labels, annotations] = [{ ...found.metadata.labels, ...nodeLabels(machine) }, { ...found.metadata.annotations, ...ANNOTATIONS }];
    const isSame = sameStatus(labels, found.metadata.labels) && sameStatus(annotations, found.metadata.annotations);
    return isSame ? found : await client.update(NodeKind, { ...found, metadata: { ...found.metadata, labels, annotations } });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: machine.nodeName, labels: nodeLabels(machine), annotations: ANNOTATIONS }, spec: { podCIDR: machine.network.podCidr, podCIDRs: [machine.network.podCidr, ...(machine.network.ipv6 === undefined ? [] : [machine.network.ipv6.podCidr])], providerID: `llmos://${machine.nodeName}` } };
    return client.create(NodeKind, node);
  }
}

function nodeLabels({ nodeName: name, further }: MachineFacts): Record<string, string> {
  const arch = goArch();
  return { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': arch, 'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': arch, ...(further === undefined ? { 'node-role.kubernetes.io/control-plane': '' } : {}) };
}

/**
 * Gives the Node as written, or undefined when there was nothing to write. What others wrote meanwhile (labels, resources of their own) stays: the newest
 * Node is written upon, and when it changes in between the write is refused and comes again.
 */
async function report(parts: NodeParts, known: Node, due: boolean): Promise<Node | undefined> {
  if (!due && sameStatus(withoutBeat(nodeStatus(parts, known)), withoutBeat(known.status ?? {}))) return undefined;
  const { client, machine } = parts.context;
  const newest = await client.get(NodeKind, machine.nodeName);
  const { managedFields: _, ...metadata } = newest.metadata;
  return client.update(NodeKind, { apiVersion: 'v1', kind: 'Node', metadata, spec: newest.spec, status: nodeStatus(parts, newest) }, { subresource: 'status', fieldManager: 'llmos-node' });
}

function withoutBeat(status: NodeStatus): NodeStatus {
  return { ...status, conditions: status.conditions?.map((condition) => ({ ...condition, lastHeartbeatTime: undefined })) };
}

function nodeStatus(parts: NodeParts, node: Node): NodeStatus {
  const { machine, clock } = parts.context;
  const { capacity, allocatable } = parts.capacity.read();
  return {
    ...node.status,
    capacity: { ...node.status?.capacity, ...capacity },
    allocatable: { ...node.status?.allocatable, ...allocatable },
    conditions: conditions(parts, node, clock.nowMs()),
    addresses: [...parts.hostIps.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: machine.nodeName }],
    nodeInfo: nodeInfo(),
    runtimeHandlers: ['', ...parts.runtime.names()].map((name) => ({ name, features: { recursiveReadOnlyMounts: true, userNamespaces: name === '' || name === DEFAULT_HANDLER } })),
    features: { supplementalGroupsPolicy: true },
    images: parts.storage.list().map((image) => ({ names: [...new Set([...image.names, ...image.names.map((name) => `${name.replace(/:[^:/]*$/, '')}@${image.digest}`)])], sizeBytes: image.sizeBytes })),
    daemonEndpoints: { kubeletEndpoint: { Port: parts.kubeletPort ?? machine.apiServer.port } },
  };
}

function conditions(parts: NodeParts, node: Node, nowMs: number): NodeCondition[] {
  const now = rfc3339(nowMs);
  const before = node.status?.conditions ?? [];
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): NodeCondition => {
    const old = before.find((each) => each.type === type);
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: old?.status === status ? old.lastTransitionTime : now };
  };
  const complaint = parts.context.machine.cgroupVersion === 'v1' ? hybridComplaint() : undefined;
  const pressed = parts.pressure.state().conditions;
  const pressure = (type: PressureCondition, [calm, short]: [string, string], [calmly, shortly]: [string, string]): NodeCondition => (pressed.has(type) ? condition(type, 'True', short, shortly) : condition(type, 'False', calm, calmly));
  const own = [
    pressure('MemoryPressure', ['KubeletHasSufficientMemory', 'KubeletHasInsufficientMemory'], ['the node has sufficient memory available', 'the node has insufficient memory available']),
    pressure('DiskPressure', ['KubeletHasNoDiskPressure', 'KubeletHasDiskPressure'], ['the node has no disk pressure', 'the node has disk pressure']),
    pressure('PIDPressure', ['KubeletHasSufficientPID', 'KubeletHasInsufficientPID'], ['the node has sufficient PID available', 'the node has insufficient PID available']),
    condition('Ready', complaint === undefined ? 'True' : 'False', complaint === undefined ? 'KubeletReady' : 'RuntimeNotReady', complaint ?? 'the node is posting ready status'),
  ];
  return [...own, ...before.filter((each) => !own.some((mine) => mine.type === each.type))];
}

let info: NodeStatus['nodeInfo'];

export function nodeInfo(): NonNullable<NodeStatus['nodeInfo']> {
  info ??= {
    machineID: lineOf('/etc/machine-id'), systemUUID: lineOf('/sys/class/dmi/id/product_uuid') || lineOf('/etc/machine-id'), bootID: lineOf('/proc/sys/kernel/random/boot_id'),
    kernelVersion: lineOf('/proc/sys/kernel/osrelease'), osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release'))?.[1] ?? 'Linux', containerRuntimeVersion: `llmos://${version()}`,
    kubeletVersion: `v1.36.0+llmos.${version()}`, kubeProxyVersion: '', operatingSystem: 'linux', architecture: goArch(),
  };
  return info;
}

function lineOf(file: string): string {
  return textOf(file).trimEnd();
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

function goArch(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

async function renew(parts: NodeParts, node: Node, lease: Lease | undefined, leaseDurationSeconds: number): Promise<Lease> {
  const { client, machine, clock } = parts.context;
  const spec = { holderIdentity: machine.nodeName, leaseDurationSeconds, renewTime: rfc3339Micro(clock.nowMs()) };
  const owner = { apiVersion: 'v1', kind: 'Node', name: machine.nodeName, uid: node.metadata.uid ?? '' };
  const found = lease ?? (await ifThere(client.get(LeaseKind, machine.nodeName, { namespace: LEASE_NAMESPACE })));
  if (found === undefined) return client.create(LeaseKind, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: machine.nodeName, namespace: LEASE_NAMESPACE, ownerReferences: [owner] }, spec });
  return client.update(LeaseKind, { ...found, spec: { ...found.spec, ...spec } });
}

