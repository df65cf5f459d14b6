/** `nodes/NAME/proxy/...`: the paths of kubelet that tools read through the door; with another port than kubelet's, what listens there on the node. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ApiError } from '../../../api/errors.ts';
import type { Node } from '../../../api/generated/core-v1.ts';
import type { Route } from '../../../sdk/module.ts';
import { parseNamedPort, portNumber, PROXY_METHODS, proxyTo } from '../../../sdk/proxy/proxy-to.ts';
import { limitsOf } from '../cgroup/resources.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import type { Agent } from '../agent.ts';
import type { Meter } from './meter.ts';
import { cgroupStalls, machineStalls } from './stalls.ts';
import type { PodStorage } from './storage.ts';
import type { PodUsage, SummaryInput } from './summary.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json';

/** Few ask, and what they are told takes much code: it is loaded with the first of them. */
export function nodeProxyRoute(parts: NodeParts, meter: Meter, agent: Agent): Route {
  const { machine, caches } = parts.context;
  let storage: (() => Promise<ReadonlyMap<string, PodStorage>>) | undefined;
  const input = (stored?: ReadonlyMap<string, PodStorage>): Promise<SummaryInput> => import('./details.ts').then((details) => summaryInput(parts, meter, details, stored));
  async function summary(): Promise<object> {
    storage ??= (await import('./storage.ts')).storageReader(parts.paths, agent);
    return (await import('./summary.ts')).summaryOf(await input(await storage()));
  }
  const text = async (write: 'resourceText' | 'cadvisorText'): Promise<{ type: string; body: string }> => ({ type: TEXT, body: (await import('./summary.ts'))[write](await input()) });
  const answers: Readonly<Record<string, () => Promise<{ type: string; body: string }>>> = {
    'stats/summary': async () => ({ type: JSON_TYPE, body: JSON.stringify(await summary()) }),
    'metrics/resource': () => text('resourceText'),
    'metrics/cadvisor': () => text('cadvisorText'),
    pods: async () => ({ type: JSON_TYPE, body: JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName) }) }),
    healthz: async () => ({ type: 'text/plain; charset=utf-8', body: 'ok' }),
  };
  return {
    kind: NodeKind, subresource: 'proxy',
    async handle({ name, rest, response }) {
      const nodeName = parseNamedPort(name!, 'node').name;
      if (nodeName !== machine.nodeName) throw new ApiError('ServiceUnavailable', `node ${nodeName} does not run here, so that it cannot be reached; this is ${machine.nodeName}`);
      if (response === undefined) throw new ApiError('BadRequest', 'what the node tells is no stream that a connection could be upgraded for');
      const path = rest.replace(/\/+$/, '');
      const answer = Object.hasOwn(answers, path) ? await answers[path]!() : undefined;
      if (answer === undefined) throw new ApiError('NotFound', `the node does not serve /${path}; it serves ${Object.keys(answers).join(', ')}`);
      response.writeHead(200, { 'Content-Type': answer.type });
      response.end(answer.body);
    },
  };
}

const KUBELET_PORT = '10250';

/** With a port that is not kubelet's, the request goes on to it; all else is for `kubelet`. */
export function withNodePorts(kubelet: Route): Route {
  return {
    ...kubelet, methods: PROXY_METHODS,
    nameOf: (id) => parseNamedPort(id, 'node').name,
    async handle(request) {
      const { scheme, name, port } = parseNamedPort(request.name!, 'node');
      if (port === '' || port === KUBELET_PORT) {
        if (request.method !== 'GET' && request.method !== 'HEAD') throw new ApiError('MethodNotAllowed', 'what the node tells can only be read: use GET');
        return kubelet.handle(request);
      }
      const address = (request.object as Node).status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      const number = portNumber(port);
      if (number === undefined) throw new ApiError('BadRequest', `${JSON.stringify(port)} is no number of a port`);
      if (address === undefined) throw new ApiError('ServiceUnavailable', `node ${JSON.stringify(name)} has no address`);
      return proxyTo(request, { scheme, address, port: number });
    },
  };
}

/** When this llmos took the node over. */
const startedMs = Date.now();

function summaryInput(parts: NodeParts, meter: Meter, { containerDetails, machineDetails, networkOf }: typeof import('./details.ts'), storage?: ReadonlyMap<string, PodStorage>): SummaryInput {
  const { machine, caches } = parts.context;
  const byPod = meter.containers();
  const pods: PodUsage[] = [];
  for (const pod of caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName)) {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const of = [...pod.spec!.containers, ...(pod.spec!.initContainers ?? [])];
    const containers = (byPod.get(onNode(pod).metadata.uid ?? '') ?? []).map(({ record, rate }) => ({
      name: record.name, id: record.cgroup, containerId: record.id, image: record.image, startedMs: record.startedMs!, limitBytes: limitsOf(of.find((each) => each.name === record.name)?.resources).memoryBytes, rate, stalls: cgroupStalls({ version: machine.cgroupVersion, path: record.cgroup }), details: containerDetails({ version: machine.cgroupVersion, path: record.cgroup }),
    }));
    if (containers.length === 0) continue;
    const [first] = byPod.get(onNode(pod).metadata.uid ?? '') ?? [];
    const network = pod.spec?.hostNetwork === true || first?.record.pid === undefined ? [] : networkOf(first.record.pid);
    pods.push({ id: dirname(containers[0]!.id), network, storage: storage?.get(onNode(pod).metadata.uid ?? ''), name, namespace, uid, startedMs: Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') || startedMs, containers });
  }
  return { nodeName: machine.nodeName, memoryBytes: machine.memoryBytes, startedMs, machine: meter.machine(), details: machineDetails(), cpuCount: machine.cpuMillis / 1_000, stalls: machineStalls(), pods, folders: { node: parts.paths.pods, images: existsSync(parts.paths.images.root) ? parts.paths.images.root : parts.paths.pods } };
}
