/** A world with queues, and what tests of them do: make queues, submit jobs, play the node. One at a time. */
import assert from 'node:assert/strict';
import { Job, Pod } from '../../src/api/kinds.ts';
import type { JobSpec } from '../../src/api/generated/batch-v1.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { LocalQueue, ResourceFlavor } from '../../src/api/kueue/local-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { AdmissionRequest, Client, ModuleContext } from '../../src/sdk/index.ts';
import core from '../../src/modules/core/module.ts';
import customResources from '../../src/modules/custom-resources/module.ts';
import garbageCollector from '../../src/modules/garbage-collector/module.ts';
import jobSet from '../../src/modules/job-set/module.ts';
import queue from '../../src/modules/queue/module.ts';
import scheduler from '../../src/modules/scheduler/module.ts';
import workloads from '../../src/modules/workloads/module.ts';
import { eventually, startWorld, type World } from './world.ts';

/** The administrator's, of the world that is open. */
export let client: Client;
export let world: World;
/** What the module has Prometheus know. */
export let metrics: () => string | Promise<string>;

export interface QueueFaults {
  /** So long the module's own writes take. */
  slowMs?: number;
  /** Throws where a write of the module's is to fail. */
  refuses?(kind: Kind, object: KubeObject): void;
  /** In the place of the clock's. */
  sleep?: Clock['sleep'];
}

/** `config`: modules.queue of the configuration. */
export async function openQueues(config: Record<string, unknown> = {}, faults: QueueFaults = {}): Promise<void> {
  const within = (context: ModuleContext): ModuleContext => ({
    ...context, config, client: faulty(context.client, faults), clock: { ...context.clock, ...(faults.sleep !== undefined && { sleep: faults.sleep }) }, metrics: (text) => ((metrics = text), () => undefined),
  });
  const admissions = queue.admissions!.map((each) => ({ ...each, admit: (request: AdmissionRequest, context: ModuleContext) => each.admit?.(request, { ...context, config }) }));
  world = await startWorld([core, customResources, workloads, jobSet, garbageCollector, scheduler, { ...queue, admissions, run: (context) => queue.run!(within(context)) }]);
  client = world.client;
}

function faulty(sound: Client, { slowMs = 0, refuses }: QueueFaults): Client {
  return { ...sound, async update(kind, object, options) {
    if (slowMs > 0) await new Promise((later) => setTimeout(later, slowMs)); // as over a slow wire
    refuses?.(kind as unknown as Kind, object);
    return sound.update(kind, object, options);
  } };
}

export const NS = { namespace: 'default' };
export type QueueSpec = NonNullable<ClusterQueue['spec']>;

export async function flavor(name: string, spec: ResourceFlavor['spec'] = {}): Promise<void> {
  await client.create(ResourceFlavor, { metadata: { name }, spec });
}

/** A ClusterQueue of the name with a LocalQueue of the same name. */
export async function clusterQueue(name: string, quotas: Record<string, string | [string, string?, string?]>, more: QueueSpec = {}, annotations: Record<string, string> = {}): Promise<void> {
  const flavors = Object.entries(quotas).map(([each, quota]) => {
    const [nominalQuota = '0', borrowingLimit, lendingLimit] = typeof quota === 'string' ? [quota] : quota;
    return { name: each, resources: [{ name: 'cpu', nominalQuota, ...(borrowingLimit && { borrowingLimit }), ...(lendingLimit && { lendingLimit }) }] };
  });
  await client.create(ClusterQueue, { metadata: { name, annotations }, spec: { namespaceSelector: {}, resourceGroups: [{ coveredResources: ['cpu'], flavors }], ...more } });
  await client.create(LocalQueue, { metadata: { name, ...NS }, spec: { clusterQueue: name } });
}

export interface JobInput extends Partial<JobSpec> { cpu?: string; priority?: string; seconds?: number; annotations?: Record<string, string> }

export async function submit(name: string, queueName: string, { cpu = '1', priority, seconds, annotations = {}, ...spec }: JobInput = {}, more: Record<string, string> = {}): Promise<void> {
  const labels = { ...more, 'kueue.x-k8s.io/queue-name': queueName, ...(priority !== undefined && { 'kueue.x-k8s.io/priority-class': priority }) };
  const all = { ...annotations, ...(seconds !== undefined && { 'queue.llmos.dev/expected-run-time': `${seconds}s` }) };
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu } } }] } };
  await client.create(Job, { metadata: { name, ...NS, labels, annotations: all }, spec: { template, ...spec } } as Job);
}

export const job = (name: string): Promise<Job> => client.get(Job, name, NS);
export async function workload(owner: string): Promise<Workload> {
  const found = (await client.list(Workload, NS)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === owner);
  assert.ok(found, `there is no Workload of ${owner}`);
  return found;
}
export const conditionOf = async (owner: string, type: string) => (await workload(owner)).status?.conditions?.find((each) => each.type === type);
export const runs = async (name: string): Promise<boolean> => (await job(name)).spec?.suspend === false;
export const running = async (...names: string[]): Promise<void> => {
  for (const name of names) await eventually(`${name} runs`, () => runs(name));
};
export const waiting = async (...names: string[]): Promise<void> => {
  for (const name of names) await eventually(`${name} is told to wait`, async () => (await conditionOf(name, 'QuotaReserved').catch(() => undefined))?.status === 'False');
  for (const name of names) assert.equal(await runs(name), false, name);
};

/** Plays the node for a job: its pods succeed, or go when they are deleted. */
export async function endPods(of: string, most = Infinity): Promise<void> {
  let left = most;
  for (const pod of (await client.list(Pod, { ...NS, labelSelector: `job-name=${of}` })).items) {
    if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
    else if (pod.status?.phase === 'Pending' && left-- > 0) await client.update(Pod, { ...pod, status: { ...pod.status, phase: 'Succeeded' } } as Pod, { subresource: 'status' }).catch(() => {});
  }
}

export async function complete(name: string): Promise<void> {
  await eventually(`${name} is complete`, async () => {
    await endPods(name);
    return (await job(name)).status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') === true;
  });
}

/** As the node does with pods that are deleted. */
export async function clearDeleted(): Promise<void> {
  for (const pod of (await client.list(Pod, NS)).items) if (pod.metadata.deletionTimestamp !== undefined) await client.delete(Pod, pod.metadata.name ?? '', { ...NS, gracePeriodSeconds: 0 }).catch(() => {});
}
