/** LeaderWorkerSets in queues, with real containers: the test brings a definition of their shape and plays their operator, as small as that can be. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Job } from '../../src/api/batch/job.ts';
import { Pod } from '../../src/api/core/pod.ts';
import type { PodTemplateSpec } from '../../src/api/generated/core-v1.ts';
import { LeaderWorkerSet } from '../../src/api/kueue/frameworks.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { isApiError, type Client } from '../../src/sdk/index.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };
const LABEL = 'leaderworkerset.sigs.k8s.io';

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: leaderworkersets.leaderworkerset.x-k8s.io }
spec:
  group: leaderworkerset.x-k8s.io
  scope: Namespaced
  names: { plural: leaderworkersets, singular: leaderworkerset, kind: LeaderWorkerSet }
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {}, scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas } }
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { replicas: { type: integer, default: 1 } } }
          status: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { replicas: { type: integer } } }`;

/** For two groups of two pods there is room for one. */
const QUEUE = `
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: { name: plain }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: { name: team }
spec:
  namespaceSelector: {}
  preemption: { withinClusterQueue: LowerPriority }
  resourceGroups: [{ coveredResources: [cpu], flavors: [{ name: plain, resources: [{ name: cpu, nominalQuota: 200m }] }] }]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: { name: team, namespace: default }
spec: { clusterQueue: team }
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: WorkloadPriorityClass
metadata: { name: urgent }
value: 1000`;

const pods = (script: string): string => `{ spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: "${TEST_IMAGE}", imagePullPolicy: Never, command: [sh, -c, "${script}"], resources: { requests: { cpu: 100m } } }] } }`;
const SERVE = `
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: { name: serve, namespace: default, labels: { kueue.x-k8s.io/queue-name: team } }
spec: { replicas: 2, leaderWorkerTemplate: { size: 2, leaderTemplate: ${pods('sleep 3600')}, workerTemplate: ${pods('sleep 3600')} } }`;

interface Spec { replicas: number; leaderWorkerTemplate: { size: number; leaderTemplate: PodTemplateSpec; workerTemplate: PodTemplateSpec } }

/** Makes the pods that are not there, as the operator does: the leader with its number, workers with the name of their leader; and deletes those of groups that are too many. */
async function operate(client: Client): Promise<void> {
  const set = await client.get(LeaderWorkerSet, 'serve', NS);
  const { replicas, leaderWorkerTemplate: { size, leaderTemplate, workerTemplate } } = set.spec as unknown as Spec;
  const own = (await client.list(Pod, { ...NS, labelSelector: `${LABEL}/name=serve` })).items;
  for (const { metadata } of own) if (Number(metadata.labels?.[`${LABEL}/group-index`]) >= replicas) await client.delete(Pod, metadata.name!, NS);
  const ownerReferences = [{ apiVersion: 'leaderworkerset.x-k8s.io/v1', kind: 'LeaderWorkerSet', name: 'serve', uid: set.metadata.uid! }];
  for (const group of Array.from({ length: replicas }, (_, index) => index)) {
    for (let index = 0; index < size; index++) {
      const { metadata, spec } = index === 0 ? leaderTemplate : workerTemplate;
      const name = index === 0 ? `serve-${group}` : `serve-${group}-${index}`;
      const labels = { ...metadata?.labels, [`${LABEL}/name`]: 'serve', [`${LABEL}/group-index`]: String(group), [`${LABEL}/worker-index`]: String(index) };
      const annotations = { ...metadata?.annotations, ...(index > 0 && { [`${LABEL}/leader-name`]: `serve-${group}` }) };
      if (!own.some((each) => each.metadata.name === name)) await client.create(Pod, { metadata: { name, ...NS, labels, annotations, ownerReferences }, spec });
    }
  }
}

function operator(client: Client): { stop(): Promise<void> } {
  let going = true;
  const loop = async (): Promise<void> => {
    while (going) {
      await operate(client).catch((error: unknown) => assert.ok(isApiError(error, 'Conflict', 'NotFound', 'AlreadyExists'), String(error)));
      await new Promise((later) => setTimeout(later, 50));
    }
  };
  const playing = loop();
  return { stop: async () => { going = false; await playing; } };
}

describe('LeaderWorkerSets', { timeout: 240_000 }, () => {
  let llmos: Instance;
  let playing: { stop(): Promise<void> } | undefined;
  before(async () => {
    llmos = await bootForPods();
    await ok(llmos.kubectlWith(DEFINITION, 'apply', '--validate=strict', '-f', '-'));
    await ok(llmos.kubectlWith(QUEUE, 'apply', '--validate=strict', '-f', '-'));
    await eventually(() => llmos.client.list(LeaderWorkerSet, NS).then(() => true, () => false), { what: 'they are served' });
    playing = operator(llmos.client);
  });
  after(async () => {
    await playing?.stop();
    await llmos?.destroy();
  });

  const podOf = (name: string): Promise<Pod | undefined> => llmos.client.get(Pod, name, NS).catch(() => undefined);
  const phases = async (): Promise<Record<string, string | undefined>> => Object.fromEntries((await llmos.client.list(Pod, { ...NS, labelSelector: `${LABEL}/name=serve` })).items.map(({ metadata, status }) => [metadata.name!, status?.phase]).sort());
  const runs = (...names: string[]) => async (): Promise<boolean> => (await Promise.all(names.map(podOf))).every((pod) => pod?.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined);

  it('run a group at a time as far as there is quota, whole', async () => {
    await ok(llmos.kubectlWith(SERVE, 'create', '--validate=strict', '-f', '-'));
    await eventually(runs('serve-0', 'serve-0-1'), { timeoutMs: 60_000, what: 'the first group runs' });
    await eventually(async () => (await Promise.all(['serve-1', 'serve-1-1'].map(podOf))).every((pod) => pod?.spec?.schedulingGates?.[0]?.name === 'kueue.x-k8s.io/admission'), { what: 'the second one is held back' });
    assert.deepEqual(await phases(), { 'serve-0': 'Running', 'serve-0-1': 'Running', 'serve-1': 'Pending', 'serve-1-1': 'Pending' });
    const first = (await llmos.client.list(Workload, NS)).items.find(({ metadata }) => metadata.name?.startsWith('leaderworkerset-serve-0-'));
    assert.deepEqual(first?.spec.podSets.map(({ name, count }) => [name, count]), [['leader', 1], ['worker', 1]]);
  });

  it('make way as a whole for what is urgent, and run again after it', async () => {
    await ok(llmos.kubectl('scale', 'leaderworkerset', 'serve', '--replicas=1'));
    await eventually(async () => Object.keys(await phases()).length === 2, { what: 'the second group is gone' });
    const before = (await podOf('serve-0'))!.metadata.uid;
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['true'], resources: { requests: { cpu: '200m' } } }] } };
    await llmos.client.create(Job, { metadata: { name: 'urgent', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team', 'kueue.x-k8s.io/priority-class': 'urgent' } }, spec: { template } } as Job);
    await eventually(async () => (await llmos.client.get(Job, 'urgent', NS)).status?.succeeded === 1, { timeoutMs: 60_000, what: 'the urgent one is done' });
    await eventually(runs('serve-0', 'serve-0-1'), { timeoutMs: 60_000, what: 'the group runs again' });
    assert.notEqual((await podOf('serve-0'))!.metadata.uid, before);
    const { metadata, status } = (await llmos.client.list(Pod, { ...NS, labelSelector: 'job-name=urgent' })).items[0]!;
    assert.ok(Date.parse((await podOf('serve-0-1'))!.status!.containerStatuses![0]!.state!.running!.startedAt!) >= Date.parse(status!.containerStatuses![0]!.state!.terminated!.finishedAt!), metadata.name);
  });
});
