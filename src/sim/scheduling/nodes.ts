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

const GPU_MODEL_LABEL = 'gpu-model';
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

/** After so many places given back all shapes are tried anew. */
const MOST_REMEMBERED = 65_536;

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
  const left = new Map(nodes.map((node) => [node.name, { node, free: [...node.resources] }]));
  /** The nodes that got something back, in the order of time; and of the shapes of jobs that no node took, how many of those they were tried after. */
  let givenBack: string[] = [];
  const refused = new Map<string, number>();
  const shapes = new WeakMap<Job, string>();
  const shapeOf = (job: Job): string => {
    let shape = shapes.get(job);
    if (shape === undefined) shapes.set(job, (shape = `${job.request.join()} ${gpuModelsOf(job).join('|')}`));
    return shape;
  };
  /** Whether one of the nodes that got something back since the shape was refused has enough for it by now. */
  const isStillRefused = (shape: string, job: Job): boolean => {
    const since = refused.get(shape);
    if (since === undefined) return false;
    for (let index = since; index < givenBack.length; index++) {
      const { node, free: nodeFree } = left.get(givenBack[index]!)!;
      if (fits(job.request, nodeFree) && takes(node, job)) return false;
    }
    refused.set(shape, givenBack.length);
    return true;
  };
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
      const shape = shapeOf(job);
      if (isStillRefused(shape, job)) return undefined;
      const info = podInfoOf(podOf(job, placed++));
      const { node } = cycle.schedule(info);
      if (node === undefined) refused.set(shape, givenBack.length);
      return node === undefined ? undefined : { amount: request, info, node: node.name };
    },
    take(placement: OnNode) {
      subtract(free, placement.amount);
      if (placement.info === undefined) return;
      subtract(left.get(placement.node!)!.free, placement.amount);
      cluster.place(placement.info, placement.node!);
      gpus.take(placement.info, placement.node!);
    },
    give(placement: OnNode) {
      add(free, placement.amount);
      if (placement.info === undefined) return;
      add(left.get(placement.node!)!.free, placement.amount);
      givenBack.push(placement.node!);
      if (givenBack.length > MOST_REMEMBERED) {
        givenBack = [];
        refused.clear();
      }
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
