/** Each kind by a manifest as its users have it: what waits, how it is let go and stopped, and what is read out of its status. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ClusterTrainingRuntime, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { Workload } from '../../../api/kueue/types.ts';
import type { Caches } from '../../../sdk/index.ts';
import type { StartInfo } from '../start-info.ts';
import { at, withAt } from './fields.ts';
import { integrationOf } from './integration.ts';
import { FRAMEWORKS } from './table.ts';

const POD = (name: string, cpu: string, more = ''): string => `{ metadata: { labels: { app: ${name} } }, spec: { containers: [{ name: ${name}, image: "r/${name}:1", resources: { requests: { cpu: ${cpu} } } }]${more} } }`;
const CLUSTER = `
  headGroupSpec: { rayStartParams: {}, template: ${POD('ray-head', '1')} }
  workerGroupSpecs:
  - { groupName: Small, replicas: 2, minReplicas: 1, maxReplicas: 3, rayStartParams: {}, template: ${POD('ray-worker', '500m')} }
  - { groupName: hosts, replicas: 2, numOfHosts: 4, rayStartParams: {}, template: ${POD('ray-worker', '2', ', nodeSelector: { own: "yes" }, tolerations: [{ key: own, operator: Exists }]')} }`;
const indented = (text: string): string => text.replaceAll('\n', '\n  ');

interface Case {
  manifest: string;
  sets: [string, number][];
  /** CPU of the first container of each set, as its Workload has it. */
  cpu: string[];
  suspend: string[];
  /** Status, and what is read out of it: active, ready, end. */
  statuses: [string, { active?: boolean; ready?: boolean; end?: { failed: boolean; message: string } }][];
  /** Where a flavor's node selector of the first set is found once it runs. */
  selector: (string | number)[];
}

const CONDITIONS = (type: string, message = ''): string => `conditions: [{ type: Created, status: "True" }, { type: ${type}, status: "True", message: "${message}" }]`;
const replicas = (field: string, roles: [string, number | undefined][]): string => `
  ${field}:${roles.map(([role, count]) => `\n    ${role}: { ${count === undefined ? '' : `replicas: ${count}, `}restartPolicy: OnFailure, template: ${POD(role.toLowerCase(), '1')} }`).join('')}`;

function training(kind: string, apiVersion: string, field: string, roles: [string, number | undefined][]): Case {
  return {
    manifest: `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: train }\nspec:\n  runPolicy: { cleanPodPolicy: None, schedulingPolicy: { priorityClass: whole } }${replicas(field, roles)}`,
    sets: roles.map(([role, count]) => [role.toLowerCase(), count ?? 1]), cpu: roles.map(() => '1'), suspend: ['spec', 'runPolicy', 'suspend'],
    statuses: [
      ['{}', { active: false, ready: false }],
      [`{ ${CONDITIONS('Running')}, replicaStatuses: { ${roles[0]![0]}: { active: 1 } } }`, { active: true, ready: true }],
      [`{ ${CONDITIONS('Succeeded', 'done')}, replicaStatuses: { ${roles[0]![0]}: { succeeded: 1 } } }`, { active: false, end: { failed: false, message: 'done' } }],
      [`{ ${CONDITIONS('Failed', 'broke')} }`, { end: { failed: true, message: 'broke' } }],
    ],
    selector: ['spec', field, roles[0]![0], 'template', 'spec', 'nodeSelector'],
  };
}

const RUNTIME = parse(`
apiVersion: trainer.kubeflow.org/v1alpha1
kind: ClusterTrainingRuntime
metadata: { name: torch }
spec:
  mlPolicy: { numNodes: 1, torch: { numProcPerNode: auto } }
  template:
    spec:
      replicatedJobs:
      - { name: dataset, template: { metadata: { labels: { trainer.kubeflow.org/trainjob-ancestor-step: dataset-initializer } }, spec: { template: ${POD('dataset-initializer', '1')} } } }
      - { name: node, template: { metadata: { labels: { trainer.kubeflow.org/trainjob-ancestor-step: trainer } }, spec: { template: ${POD('node', '1', ', tolerations: [{ key: base, operator: Exists }]')} } } }`) as ForeignObject;

const CASES: Record<string, Case> = {
  RayJob: {
    manifest: `apiVersion: ray.io/v1\nkind: RayJob\nmetadata: { name: train }\nspec:\n  entrypoint: python main.py\n  shutdownAfterJobFinishes: true\n  rayClusterSpec:${indented(CLUSTER)}`,
    sets: [['head', 1], ['small', 2], ['hosts', 8], ['submitter', 1]], cpu: ['1', '500m', '2', '500m'], suspend: ['spec', 'suspend'],
    statuses: [
      ['{}', { active: false, ready: false }],
      ['{ jobDeploymentStatus: Initializing }', { active: true, ready: false }],
      ['{ jobDeploymentStatus: Running, rayClusterStatus: { state: ready } }', { active: true, ready: true }],
      ['{ jobDeploymentStatus: Suspended }', { active: false }],
      ['{ jobDeploymentStatus: Complete, jobStatus: SUCCEEDED, message: ok }', { end: { failed: false, message: 'ok' } }],
      ['{ jobDeploymentStatus: Complete, jobStatus: FAILED, message: no }', { end: { failed: true, message: 'no' } }],
      ['{ jobDeploymentStatus: Failed }', { end: { failed: true, message: '' } }],
    ],
    selector: ['spec', 'rayClusterSpec', 'headGroupSpec', 'template', 'spec', 'nodeSelector'],
  },
  RayCluster: {
    manifest: `apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: { name: train }\nspec:${CLUSTER}`,
    sets: [['head', 1], ['small', 2], ['hosts', 8]], cpu: ['1', '500m', '2'], suspend: ['spec', 'suspend'],
    statuses: [['{}', { active: false, ready: false }], ['{ state: ready }', { active: true, ready: true }], ['{ state: failed }', { active: false }]],
    selector: ['spec', 'headGroupSpec', 'template', 'spec', 'nodeSelector'],
  },
  RayService: {
    manifest: `apiVersion: ray.io/v1\nkind: RayService\nmetadata: { name: train }\nspec:\n  serveConfigV2: ""\n  rayClusterConfig:${indented(CLUSTER)}`,
    sets: [['head', 1], ['small', 2], ['hosts', 8]], cpu: ['1', '500m', '2'], suspend: ['spec', 'rayClusterConfig', 'suspend'],
    statuses: [['{}', { active: false, ready: false }], [`{ ${CONDITIONS('Ready')} }`, { active: true, ready: true }]],
    selector: ['spec', 'rayClusterConfig', 'headGroupSpec', 'template', 'spec', 'nodeSelector'],
  },
  PyTorchJob: training('PyTorchJob', 'kubeflow.org/v1', 'pytorchReplicaSpecs', [['Master', 1], ['Worker', 3]]),
  TFJob: training('TFJob', 'kubeflow.org/v1', 'tfReplicaSpecs', [['Chief', undefined], ['PS', 2], ['Worker', 3], ['Evaluator', 1]]),
  XGBoostJob: training('XGBoostJob', 'kubeflow.org/v1', 'xgbReplicaSpecs', [['Master', 1], ['Worker', 2]]),
  PaddleJob: training('PaddleJob', 'kubeflow.org/v1', 'paddleReplicaSpecs', [['Worker', 2]]),
  JAXJob: training('JAXJob', 'kubeflow.org/v1', 'jaxReplicaSpecs', [['Worker', 4]]),
  MPIJob: training('MPIJob', 'kubeflow.org/v2beta1', 'mpiReplicaSpecs', [['Launcher', 1], ['Worker', 2]]),
  TrainJob: {
    manifest: `apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: { name: train }
spec:
  runtimeRef: { name: torch, kind: ClusterTrainingRuntime, apiGroup: trainer.kubeflow.org }
  trainer: { image: "mine:2", numNodes: 3, resourcesPerNode: { requests: { cpu: 4 } } }
  podTemplateOverrides: [{ targetJobs: [{ name: node }], spec: { nodeSelector: { own: "yes" } } }]`,
    sets: [['dataset', 1], ['node', 3]], cpu: ['1', '4'], suspend: ['spec', 'suspend'],
    statuses: [
      ['{}', { active: false, ready: false }],
      ['{ jobsStatus: [{ name: dataset, ready: 0, succeeded: 1, active: 0 }, { name: node, ready: 1, succeeded: 0, active: 1 }] }', { active: true, ready: true }],
      [`{ ${CONDITIONS('Complete', 'done')} }`, { end: { failed: false, message: 'done' } }],
      [`{ ${CONDITIONS('Failed', 'broke')} }`, { end: { failed: true, message: 'broke' } }],
    ],
    selector: ['spec', 'podTemplateOverrides', 1, 'spec', 'nodeSelector'],
  },
  AppWrapper: {
    manifest: `apiVersion: workload.codeflare.dev/v1beta2
kind: AppWrapper
metadata: { name: train }
spec:
  components:
  - template: { apiVersion: batch/v1, kind: Job, metadata: { name: a }, spec: { parallelism: 3, completions: 2, template: ${POD('a', '1')} } }
  - template: { apiVersion: v1, kind: ConfigMap, metadata: { name: b } }
  - declaredPodSets: [{ path: "template.spec.parts[1].template", replicas: 4 }]
    template: { apiVersion: example.com/v1, kind: Any, metadata: { name: c }, spec: { parts: [{}, { template: ${POD('c', '2')} }] } }`,
    sets: [['train-0', 2], ['train-1', 4]], cpu: ['1', '2'], suspend: ['spec', 'suspend'],
    statuses: [
      ['{}', { active: false, ready: false }],
      ['{ phase: Running, conditions: [{ type: QuotaReserved, status: "True" }, { type: PodsReady, status: "True" }] }', { active: true, ready: true }],
      ['{ phase: Succeeded }', { end: { failed: false, message: 'AppWrapper finished successfully' } }],
      ['{ phase: Failed, conditions: [{ type: ResourcesDeployed, status: "True" }] }', {}],
      ['{ phase: Failed }', { end: { failed: true, message: 'AppWrapper failed' } }],
    ],
    selector: ['spec', 'components', 0, 'podSetInfos', 0, 'nodeSelector'],
  },
  SparkApplication: {
    manifest: `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: train }
spec:
  type: Scala
  mode: cluster
  image: spark:4.0
  mainApplicationFile: local:///app.jar
  driver: { coreRequest: "1", memory: 512m, labels: { version: "4.0" }, serviceAccount: spark }
  executor: { instances: 2, coreRequest: 500m, coreLimit: "2", memory: 1g, gpu: { name: nvidia.com/gpu, quantity: 1 }, tolerations: [{ key: own, operator: Exists }], nodeSelector: { own: "yes" } }`,
    sets: [['driver', 1], ['executor', 2]], cpu: ['1', '500m'], suspend: ['spec', 'suspend'],
    statuses: [
      ['{}', { active: false, ready: false }],
      ['{ applicationState: { state: RUNNING }, executorState: { e1: RUNNING } }', { active: true, ready: false }],
      ['{ applicationState: { state: RUNNING }, executorState: { e1: RUNNING, e2: COMPLETED } }', { active: true, ready: true }],
      ['{ applicationState: { state: COMPLETED } }', { end: { failed: false, message: '' } }],
      ['{ applicationState: { state: FAILED, errorMessage: driver failed } }', { end: { failed: true, message: 'driver failed' } }],
    ],
    selector: ['spec', 'driver', 'nodeSelector'],
  },
};

/** Of a cluster that has the runtime alone. */
const caches = { of: (kind: unknown) => ({ get: (key: string) => (kind === ClusterTrainingRuntime && key === 'torch' ? RUNTIME : undefined) }) } as unknown as Caches;
const infoOf = (set: string): StartInfo => ({ count: 1, nodeSelector: { tier: set }, tolerations: [{ key: 'flavor', operator: 'Exists' }], labels: { 'kueue.x-k8s.io/podset': set }, annotations: { 'kueue.x-k8s.io/workload': 'w' } });

test('each kind of the table has a case', () => assert.deepEqual(Object.keys(CASES), FRAMEWORKS.map(({ kind }) => kind.kind)));

for (const framework of FRAMEWORKS) {
  const name = framework.kind.kind;
  const { manifest, sets, cpu, suspend, statuses, selector } = CASES[name]!;
  const job = parse(manifest) as ForeignObject;
  const of = integrationOf(framework);

  test(`${name}: what waits`, () => {
    assert.equal(job.apiVersion, `${framework.kind.group}/${framework.kind.version}`);
    assert.deepEqual(framework.errorsOf?.(job) ?? [], []);
    const podSets = of.podSetsOf(job, caches);
    assert.deepEqual(podSets.map((each) => [each.name, each.count]), sets);
    assert.deepEqual(podSets.map(({ template }) => template.spec?.containers[0]?.resources?.requests?.['cpu']), cpu);
    assert.ok(podSets.every(({ template }) => template.spec!.containers[0]!.image!.length > 0));
  });

  test(`${name}: runs where its flavors are, and is as it was when it is stopped`, () => {
    assert.equal(of.isSuspended(job), false);
    const waiting = of.suspended(job);
    assert.deepEqual([of.isSuspended(waiting), at(waiting, suspend), at(job, suspend)], [true, true, undefined]);
    const workload = { metadata: {}, spec: { podSets: of.podSetsOf(waiting, caches) } } as unknown as Workload;
    const prepared = of.prepared?.(waiting, workload, infoOf, caches) ?? waiting;
    assert.equal(of.isSuspended(prepared), true);
    const running = of.started(prepared, workload, infoOf, caches);
    assert.equal(of.isSuspended(running), false);
    assert.equal((at(running, selector) as Record<string, string>)['tier'], sets[0]![0]);
    assert.equal(JSON.stringify(running).split('"flavor"').length - 1 >= sets.filter(([set]) => set !== 'submitter').length, true, 'each set tolerates what its flavor does');
    assert.deepEqual(of.podSetsOf(running, caches).map(({ count }) => count), sets.map(([, count]) => count));
    assert.deepEqual(JSON.parse(JSON.stringify(of.restored(of.suspended(running), workload, caches))), JSON.parse(JSON.stringify(waiting)));
  });

  test(`${name}: what its status says`, () => {
    for (const [text, { active, ready, end }] of statuses) {
      const now = withAt(job, ['status'], parse(text));
      if (active !== undefined) assert.equal(of.isActive(now), active, text);
      if (ready !== undefined) assert.equal(of.isReady(now, {} as Workload, caches), ready, text);
      assert.deepEqual(of.endOf(now), end, text);
    }
  });
}

test('jobs of Kubeflow have one PriorityClass for all', () => {
  const of = (name: string): ReturnType<typeof integrationOf> => integrationOf(FRAMEWORKS.find(({ kind }) => kind.kind === name)!);
  assert.deepEqual([of('TFJob').priorityClassOf?.(parse(CASES['TFJob']!.manifest) as ForeignObject), of('RayJob').priorityClassOf?.(parse(CASES['RayJob']!.manifest) as ForeignObject)], ['whole', undefined]);
});

test('TrainJobs tell the trainer by each name that its API has had, and take only their own back', () => {
  const framework = FRAMEWORKS.find(({ kind }) => kind.kind === 'TrainJob')!;
  const job = parse(CASES['TrainJob']!.manifest) as ForeignObject;
  const given = framework.information!.given(job, infoOf, caches);
  assert.equal(given.metadata.annotations?.['kueue.x-k8s.io/trainjob-override-idx'], '1');
  assert.deepEqual([at(given, ['spec', 'podSpecOverrides']), at(given, ['spec', 'podTemplateOverrides', 2, 'metadata', 'labels'])], [undefined, { 'kueue.x-k8s.io/podset': 'node' }], 'the list that its user has is the one that the definition knows');
  const without = framework.information!.given(withAt(job, ['spec', 'podTemplateOverrides'], undefined), infoOf, caches);
  assert.deepEqual(['podSpecOverrides', 'podTemplateOverrides', 'runtimePatches'].map((list) => (at(without, ['spec', list]) as unknown[]).length), [2, 2, 1]);
  assert.deepEqual(at(without, ['spec', 'podSpecOverrides', 1, 'nodeSelector']), { tier: 'node' });
  const patch = at(given, ['spec', 'runtimePatches', 0, 'trainingRuntimeSpec', 'template', 'spec', 'replicatedJobs', 1]);
  assert.deepEqual(at(patch, ['template', 'spec', 'template', 'spec', 'tolerations']), [{ key: 'base', operator: 'Exists' }, { key: 'flavor', operator: 'Exists' }], 'a patch stands for the whole list');
  assert.deepEqual(framework.information!.given(given, infoOf, caches), given, 'a second time changes nothing');
  assert.throws(() => framework.placesOf(withAt(job, ['spec', 'runtimeRef', 'name'], 'other'), caches), /ClusterTrainingRuntime other is not there/);
});

test('what queues cannot do with Ray and Spark is refused', () => {
  const errors = (name: string, change: (job: ForeignObject) => ForeignObject): string[] => (FRAMEWORKS.find(({ kind }) => kind.kind === name)!.errorsOf!(change(parse(CASES[name]!.manifest) as ForeignObject))).map(({ field }) => field);
  assert.deepEqual(errors('RayJob', (job) => withAt(job, ['spec', 'shutdownAfterJobFinishes'], false)), ['spec.shutdownAfterJobFinishes']);
  assert.deepEqual(errors('RayJob', (job) => withAt(job, ['spec', 'rayClusterSpec', 'enableInTreeAutoscaling'], true)), ['spec.rayClusterSpec.enableInTreeAutoscaling']);
  assert.deepEqual(errors('RayJob', (job) => withAt(job, ['spec', 'clusterSelector'], { a: 'b' })), ['spec.clusterSelector']);
  assert.deepEqual(errors('RayCluster', (job) => withAt(job, ['spec', 'workerGroupSpecs', 0, 'groupName'], 'head')), ['spec.workerGroupSpecs[0].groupName']);
  assert.deepEqual(errors('SparkApplication', (job) => withAt(withAt(job, ['spec', 'mode'], 'client'), ['spec', 'dynamicAllocation'], { enabled: true })), ['spec.mode', 'spec.dynamicAllocation.enabled']);
});
