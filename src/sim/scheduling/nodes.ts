/**
 * Nodes as the room of a simulated queue: where a job goes is asked of the scheduler's own plugins, so a job starts only where one node takes it whole,
 * GPUs and parts of one GPU included.
 */
import type { Affinity, Node, Pod } from '../../api/generated/core-v1.ts';
import type { Job } from '../../modules/queue/policy/job.ts';
import { add, fits, subtract, type Resources } from '../../modules/queue/policy/resources.ts';
import type { Placement, Room } from '../../modules/queue/policy/room.ts';
import { Cluster } from '../../modules/scheduler/framework/cluster.ts';
import { createCycle } from '../../modules/scheduler/framework/cycle.ts';
import { podInfoOf, type PodInfo } from '../../modules/scheduler/framework/pod-info.ts';
import { createProfile } from '../../modules/scheduler/profile.ts';
import { numberOf, readRows } from '../csv.ts';
import { generator } from '../random.ts';
import { createGpuDevices } from './gpu-devices.ts';
import type { RecordedJob } from './trace.ts';

export interface SimulatedNode {
  readonly name: string;
  /** cpu in thousandths, memory in MiB, GPUs in thousandths of one. */
  readonly resources: Resources;
  readonly gpuModel: string;
}

export const GPU_MODEL_LABEL = 'gpu-model';
const NODE_COLUMNS = ['cpu_milli', 'memory_mib', 'gpu'];

/** A table of nodes: `node_id`, `cpu_milli`, `memory_mib`, `gpu` and `gpu_model`. `every`: takes one of so many, evenly. Throws an Error that names what is missing. */
export function readNodes(path: string, { every = 1 }: { every?: number } = {}): SimulatedNode[] {
  const rows = readRows(path);
  for (const column of NODE_COLUMNS) if (rows[0]?.[column] === undefined) throw new Error(`${path} has no column ${column}`);
  return rows.flatMap((row, index) => {
    const [cpu, memory, gpus] = NODE_COLUMNS.map((column) => numberOf(row, column, path, index)) as [number, number, number];
    return index % every === 0 ? [{ name: row['node_id'] || `node-${index}`, resources: [cpu, memory, 1_000 * gpus], gpuModel: row['gpu_model'] ?? '' }] : [];
  });
}

interface OnNode extends Placement {
  /** What holds it; absent of a place in a future of which only amounts are known. */
  readonly info?: PodInfo;
  readonly node?: string;
}

/** Jobs are of cpu, memory and GPU in the units of {@link SimulatedNode}. The same seed breaks the same ties. */
export function createNodesRoom(nodes: readonly SimulatedNode[], seed = 1): Room {
  const cluster = new Cluster();
  const gpus = createGpuDevices(nodes.map(({ name, resources }) => [name, resources[2]! / 1_000]));
  const profile = createProfile({ disabled: ['DefaultPreemption'] });
  const cycle = createCycle(cluster, { ...profile, plugins: [...profile.plugins, gpus] }, generator(seed));
  for (const node of nodes) cluster.setNode(nodeOf(node));
  const capacity = [0, 0, 0];
  for (const { resources } of nodes) add(capacity, resources);
  const free = [...capacity];
  /** Shapes of jobs that no node takes now. */
  const refused = new Set<string>();
  let placed = 0;
  return {
    capacity,
    free,
    place(job, available): OnNode | undefined {
      const { request } = job;
      if (!fits(request, available)) return undefined;
      // Of a time to come only amounts are known.
      if (available === capacity) return nodes.some((node) => takes(node, job)) ? { amount: request } : undefined;
      if (!fits(available, free)) return { amount: request };
      const shape = `${request.join()} ${gpuModelsOf(job).join('|')}`;
      if (refused.has(shape)) return undefined;
      const info = podInfoOf(podOf(job, placed++));
      const { node } = cycle.schedule(info);
      if (node === undefined) refused.add(shape);
      return node === undefined ? undefined : { amount: request, info, node: node.name };
    },
    take(placement: OnNode) {
      subtract(free, placement.amount);
      if (placement.info === undefined) return;
      cluster.place(placement.info, placement.node!);
      gpus.take(placement.info, placement.node!);
    },
    give(placement: OnNode) {
      add(free, placement.amount);
      refused.clear();
      if (placement.info === undefined) return;
      cluster.removePod(placement.info.uid);
      gpus.give(placement.info);
    },
  };
}

function takes({ resources, gpuModel }: SimulatedNode, job: Job): boolean {
  const models = gpuModelsOf(job);
  return fits(job.request, resources) && (models.length === 0 || models.includes(gpuModel));
}

function gpuModelsOf(job: Job): readonly string[] {
  return (job as RecordedJob).gpuModels ?? [];
}

function nodeOf({ name, resources: [cpu, memory, gpu], gpuModel }: SimulatedNode): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, [GPU_MODEL_LABEL]: gpuModel } }, spec: {},
    status: { allocatable: { cpu: `${cpu}m`, memory: `${memory}Mi`, pods: '1000', 'simulated/gpu-milli': String(gpu) } },
  };
}

function podOf(job: Job, index: number): Pod {
  const [cpu, memory, gpu] = job.request as [number, number, number];
  const models = gpuModelsOf(job);
  const requests = { cpu: `${cpu}m`, memory: `${memory}Mi`, ...(gpu > 0 && { 'simulated/gpu-milli': String(gpu) }) };
  const affinity: Affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: GPU_MODEL_LABEL, operator: 'In', values: [...models] }] }] } } };
  return {
    metadata: { name: `${job.id}-${index}`, namespace: 'default', uid: `${job.id}-${index}` },
    spec: { containers: [{ name: 'main', image: 'recorded', resources: { requests } }], ...(models.length > 0 && { affinity }) },
  };
}
