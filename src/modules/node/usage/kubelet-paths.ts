/** What the node tells of itself by the paths of the kubelet's own server (pkg/kubelet/server/server.go): through the door as `nodes/NAME/proxy/...`, and at the kubelet's port. */
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Agent } from '../agent.ts';
import { limitsOf, podLimits } from '../cgroup/resources.ts';
import { PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import type { Meter } from './meter.ts';
import { cgroupStalls, machineStalls } from './stalls.ts';
import type { PodStorage } from './storage.ts';
import type { PodUsage, SummaryInput } from './summary.ts';

const METRICS = 'text/plain; version=0.0.4; charset=utf-8';
const PLAIN = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

export interface Answer { type: string; body: string }

export interface KubeletPaths {
  /** Without a slash before and after. */
  readonly paths: readonly string[];
  /** Undefined where nothing is served. */
  answer(path: string): Promise<Answer | undefined>;
  /** Answers what is asked below `logs/` by itself; false, and nothing is answered, for all else and what is not there. `path`: without a slash before. */
  logs(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

/** Of the machine; kubelet's has no other. */
const LOGS_ROOT = '/var/log';

/** Few ask, and what they are told takes much code: it is loaded with the first of them. */
export function kubeletPaths(parts: NodeParts, meter: Meter, agent: Agent): KubeletPaths {
  const { machine, caches } = parts.context;
  let reader: (() => Promise<ReadonlyMap<string, PodStorage>>) | undefined;
  const storage = async (): Promise<ReadonlyMap<string, PodStorage>> => (reader ??= (await import('./storage.ts')).storageReader(parts, agent))();
  const input = (stored?: ReadonlyMap<string, PodStorage>): Promise<SummaryInput> => import('./details.ts').then((details) => summaryInput(parts, meter, details, stored));
  const summary = async (): Promise<Answer> => json((await import('./summary.ts')).summaryOf(await input(await storage())));
  const text = async (write: 'resourceText' | 'cadvisorText'): Promise<Answer> => ({ type: METRICS, body: (await import('./summary.ts'))[write](await input()) });
  const healthy = async (): Promise<Answer> => ({ type: PLAIN, body: 'ok' });
  const answers: Readonly<Record<string, () => Promise<Answer>>> = {
    'stats/summary': summary,
    stats: summary,
    metrics: async () => ({ type: METRICS, body: await (await import('./kubelet-metrics.ts')).kubeletText(parts, agent, await storage()) }),
    'metrics/resource': () => text('resourceText'),
    'metrics/cadvisor': () => text('cadvisorText'),
    'metrics/probes': async () => ({ type: METRICS, body: parts.counts.text({ probes: true }) }),
    configz: async () => json((await import('./configz.ts')).configz(parts)),
    pods: async () => json(podList(caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName))),
    runningpods: async () => json(podList(runningPods(agent))),
    healthz: async () => healthz(agent),
    'healthz/ping': healthy, 'healthz/log': healthy, 'healthz/syncloop': async () => healthz(agent),
  };
  return {
    paths: [...Object.keys(answers), 'logs'],
    answer: async (path) => (Object.hasOwn(answers, path) ? answers[path]!() : undefined),
    async logs(path, request, response) {
      if (path !== 'logs' && !path.startsWith('logs/')) return false;
      return (await import('./log-files.ts')).answerLogFile(LOGS_ROOT, path.slice('logs/'.length), request, response);
    },
  };
}

function json(value: unknown): Answer {
  return { type: JSON_TYPE, body: JSON.stringify(value) };
}

function podList(items: readonly Pod[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}

/** As the runtime sees them: names and images alone. */
function runningPods(agent: Agent): Pod[] {
  return agent.workers().flatMap((worker) => {
    const records = worker.records().filter(({ exit, startedMs }) => exit === undefined && startedMs !== undefined);
    const { name, namespace, uid } = worker.pod().metadata;
    return records.length === 0 ? [] : [{ metadata: { name, namespace, uid }, spec: { containers: records.map((record) => ({ name: record.name, image: record.wantedImage, resources: {} })) }, status: {} } as Pod];
  });
}

/** The node is well that comes round to its pods (upstream: the health check of the sync loop). */
function healthz(agent: Agent): Answer {
  const held = agent.workers().filter((worker) => worker.turnHeldMs() > HELD_MS);
  if (held.length > 0) throw new ApiError('InternalError', `sync Loop took longer than expected: ${held.map((worker) => `${worker.pod().metadata.namespace}/${worker.pod().metadata.name}`).join(', ')}`);
  return { type: PLAIN, body: 'ok' };
}

const HELD_MS = 4 * 60_000;

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
    const id = dirname(containers[0]!.id);
    pods.push({ id, limitBytes: podLimits(pod.spec!).memoryBytes, stalls: cgroupStalls({ version: machine.cgroupVersion, path: id }), network, storage: storage?.get(onNode(pod).metadata.uid ?? ''), name, namespace, uid, startedMs: Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') || startedMs, containers });
  }
  return { nodeName: machine.nodeName, memoryBytes: machine.memoryBytes, startedMs, machine: meter.machine(), details: machineDetails(), cpuCount: machine.cpuMillis / 1_000, stalls: machineStalls(), pods, folders: { node: parts.paths.pods, images: existsSync(parts.paths.images.root) ? parts.paths.images.root : parts.paths.pods } };
}
