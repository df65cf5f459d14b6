/** The scheduling cycle by itself, without API writes: pods a second on clusters of 100, 1,000 and 5,000 nodes. */
import { podInfoOf } from '../src/modules/scheduler/framework/pod-info.ts';
import { Cluster } from '../src/modules/scheduler/framework/cluster.ts';
import { createCycle } from '../src/modules/scheduler/framework/cycle.ts';
import { createProfile } from '../src/modules/scheduler/profile.ts';
import type { Node, Pod } from '../src/api/generated/core-v1.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const ROUNDS = 7;
const BATCH = 1000;

function node(index: number): Node {
  const name = `node-${index}`;
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${index % 3}` } },
    spec: {}, status: { allocatable: { cpu: '32', memory: '64Gi', pods: '110' } },
  };
}

/** What a Deployment makes: owned by a replica set, asking for a little of both. */
function pod(index: number, more: Pod['spec'] = { containers: [] }): Pod {
  const workload = `web-${index % 20}`;
  return {
    metadata: {
      name: `p${index}`, namespace: 'default', uid: `uid-${index}`, labels: { app: workload },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: workload, uid: workload, controller: true }],
    },
    spec: { ...more, containers: [{ name: 'c', image: 'web:1', resources: { requests: { cpu: '100m', memory: '200Mi' } } }] },
  };
}

const SPREAD: Pod['spec'] = { containers: [], topologySpreadConstraints: [{ maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web-0' } } }] };
const APART: Pod['spec'] = { containers: [], affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web-0' } } } }] } } };

function podsPerSecond(nodes: number, spec?: Pod['spec']): Figure {
  const cluster = new Cluster();
  for (let index = 0; index < nodes; index++) cluster.setNode(node(index));
  const cycle = createCycle(cluster, createProfile());
  const rates: number[] = [];
  let next = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const startMs = performance.now();
    for (let index = 0; index < BATCH; index++) {
      const info = podInfoOf(pod(next++, spec));
      const decision = cycle.schedule(info);
      if (decision.node === undefined) throw new Error(decision.message);
      cluster.place(info, decision.node.name);
    }
    if (round > 0) rates.push((BATCH * 1000) / (performance.now() - startMs));
  }
  return figureOf('pods/s', rates);
}

/** What the scheduler keeps of a pod that is placed, beside the pod itself: the same whether there are few or many. */
function bytesPerPod(pods: number): Figure {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const objects = Array.from({ length: pods }, (_, index) => pod(index));
  const cluster = new Cluster();
  for (let index = 0; index < 5000; index++) cluster.setNode(node(index));
  collect();
  const before = process.memoryUsage().heapUsed;
  for (const [index, each] of objects.entries()) cluster.place(podInfoOf(each), `node-${index % 5000}`);
  collect();
  const figure = figureOf('bytes', [(process.memoryUsage().heapUsed - before) / pods]);
  if (cluster.nodes.length !== 5000) throw new Error('the cluster was collected');
  return figure;
}

export function run(): Promise<BenchResult> {
  const figures: Record<string, Figure> = {};
  for (const nodes of [100, 1000, 5000]) figures[`schedule${nodes}`] = podsPerSecond(nodes);
  figures['spread5000'] = podsPerSecond(5000, SPREAD);
  figures['apart5000'] = podsPerSecond(5000, APART);
  for (const pods of [10_000, 50_000]) figures[`bytesPerPod${pods}`] = bytesPerPod(pods);
  return Promise.resolve(resultOf('scheduler', figures));
}
