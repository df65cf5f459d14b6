/** `nodes/NAME/proxy/...`: the paths of kubelet that tools read through the door; with another port than kubelet's, what listens there on the node. */
import { existsSync } from 'node:fs';
import { ApiError } from '../../../api/errors.ts';
import type { Node } from '../../../api/generated/core-v1.ts';
import type { Route } from '../../../sdk/module.ts';
import { parseNamedPort, portNumber, PROXY_METHODS, proxyTo } from '../../../sdk/proxy/proxy-to.ts';
import { limitsOf } from '../cgroup/resources.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import type { Meter } from './meter.ts';
import { cgroupStalls, machineStalls } from './stalls.ts';
import { cadvisorText, resourceText, summaryOf, type PodUsage, type SummaryInput } from './summary.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json';

export function nodeProxyRoute(parts: NodeParts, meter: Meter): Route {
  const { machine, caches } = parts.context;
  const answers: Readonly<Record<string, () => { type: string; body: string }>> = {
    'stats/summary': () => ({ type: JSON_TYPE, body: JSON.stringify(summaryOf(summaryInput(parts, meter))) }),
    'metrics/resource': () => ({ type: TEXT, body: resourceText(summaryInput(parts, meter)) }),
    'metrics/cadvisor': () => ({ type: TEXT, body: cadvisorText(summaryInput(parts, meter)) }),
    pods: () => ({ type: JSON_TYPE, body: JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName) }) }),
    healthz: () => ({ type: 'text/plain; charset=utf-8', body: 'ok' }),
  };
  return {
    kind: NodeKind, subresource: 'proxy',
    async handle({ name, rest, response }) {
      const nodeName = parseNamedPort(name!, 'node').name;
      if (nodeName !== machine.nodeName) throw new ApiError('ServiceUnavailable', `node ${nodeName} does not run here, so that it cannot be reached; this is ${machine.nodeName}`);
      if (response === undefined) throw new ApiError('BadRequest', 'what the node tells is no stream that a connection could be upgraded for');
      const path = rest.replace(/\/+$/, '');
      const answer = Object.hasOwn(answers, path) ? answers[path]!() : undefined;
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

function summaryInput(parts: NodeParts, meter: Meter): SummaryInput {
  const { machine, caches } = parts.context;
  const byPod = meter.containers();
  const pods: PodUsage[] = [];
  for (const pod of caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName)) {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const of = [...pod.spec!.containers, ...(pod.spec!.initContainers ?? [])];
    const containers = (byPod.get(onNode(pod).metadata.uid ?? '') ?? []).map(({ record, rate }) => ({
      name: record.name, id: `${record.cgroup}`, image: record.image, startedMs: record.startedMs!, limitBytes: limitsOf(of.find((each) => each.name === record.name)?.resources).memoryBytes, rate, stalls: cgroupStalls({ version: machine.cgroupVersion, path: record.cgroup }),
    }));
    if (containers.length > 0) pods.push({ name, namespace, uid, startedMs: Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') || startedMs, containers });
  }
  return { nodeName: machine.nodeName, memoryBytes: machine.memoryBytes, startedMs, machine: meter.machine(), stalls: machineStalls(), pods, folders: { node: parts.paths.pods, images: existsSync(parts.paths.images.root) ? parts.paths.images.root : parts.paths.pods } };
}
