/** Jobs of other operators in queues, with real containers: the test brings definitions of their shape and plays their operators, as small as these can be. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { Job } from '../../src/api/batch/job.ts';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import type { PodTemplateSpec } from '../../src/api/generated/core-v1.ts';
import { PyTorchJob, RayJob, type ForeignObject } from '../../src/api/kueue/frameworks.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import type { Kind } from '../../src/api/kind.ts';
import { isApiError, type Client } from '../../src/sdk/index.ts';
import { guestKubeconfig, whileAttached } from '../fixtures/attached.ts';
import { HELD, release } from '../fixtures/held.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };

const definition = (kind: Kind<ForeignObject>, spec: string, status: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${kind.plural}.${kind.group} }
spec:
  group: ${kind.group}
  scope: Namespaced
  names: { plural: ${kind.plural}, singular: ${kind.singular}, kind: ${kind.kind} }
  versions:
  - name: ${kind.version}
    served: true
    storage: true
    subresources: { status: {} }
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: { type: object, properties: ${spec} }
          status: { type: object, properties: ${status} }`;

const TEMPLATE = '{ type: object, x-kubernetes-preserve-unknown-fields: true }';
const COUNT = '{ type: integer, format: int32 }';
const DEFINITIONS = [
  definition(RayJob, `{ suspend: { type: boolean }, entrypoint: { type: string }, submissionMode: { type: string, default: K8sJobMode }, shutdownAfterJobFinishes: { type: boolean }, rayClusterSpec: { type: object, properties: {
    headGroupSpec: { type: object, properties: { rayStartParams: { type: object, additionalProperties: { type: string } }, template: ${TEMPLATE} } },
    workerGroupSpecs: { type: array, items: { type: object, properties: { groupName: { type: string }, replicas: ${COUNT}, template: ${TEMPLATE} } } } } } }`,
  '{ jobDeploymentStatus: { type: string }, jobStatus: { type: string }, message: { type: string }, rayClusterStatus: { type: object, properties: { state: { type: string } } } }'),
  definition(PyTorchJob, `{ runPolicy: { type: object, properties: { suspend: { type: boolean } } }, pytorchReplicaSpecs: { type: object, additionalProperties: { type: object, properties: { replicas: ${COUNT}, restartPolicy: { type: string }, template: ${TEMPLATE} } } } }`,
    `{ conditions: { type: array, items: { type: object, properties: { type: { type: string }, status: { type: string }, message: { type: string } } } }, replicaStatuses: { type: object, additionalProperties: { type: object, properties: { active: ${COUNT} } } } }`),
].join('\n---');

const QUEUE = `
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: { name: own }
spec: { nodeLabels: { tier: own } }
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: { name: team }
spec:
  namespaceSelector: {}
  preemption: { withinClusterQueue: LowerPriority }
  resourceGroups: [{ coveredResources: [cpu], flavors: [{ name: own, resources: [{ name: cpu, nominalQuota: 200m }] }] }]
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: { name: team, namespace: default }
spec: { clusterQueue: team }
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: WorkloadPriorityClass
metadata: { name: urgent }
value: 1000`;

const pods = (script: string): string => `{ spec: { restartPolicy: Never, terminationGracePeriodSeconds: 0, containers: [{ name: main, image: "${TEST_IMAGE}", imagePullPolicy: Never, command: [sh, -c, "${script}"], resources: { requests: { cpu: 0.1 } } }] } }`;

const rayJob = (name: string, script: string): string => `
apiVersion: ray.io/v1
kind: RayJob
metadata: { name: ${name}, namespace: default, labels: { kueue.x-k8s.io/queue-name: team } }
spec:
  entrypoint: "true"
  submissionMode: HTTPMode
  shutdownAfterJobFinishes: true
  rayClusterSpec: { headGroupSpec: { rayStartParams: {}, template: ${pods(script)} }, workerGroupSpecs: [{ groupName: workers, replicas: 1, template: ${pods(script)} }] }`;

const torchJob = (name: string, script: string): string => `
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: { name: ${name}, namespace: default, labels: { kueue.x-k8s.io/queue-name: team } }
spec: { pytorchReplicaSpecs: { Master: { replicas: 1, restartPolicy: Never, template: ${pods(script)} }, Worker: { replicas: 1, restartPolicy: Never, template: ${pods(script)} } } }`;

interface Operated { kind: Kind<ForeignObject>; isSuspended(job: ForeignObject): boolean; templatesOf(job: ForeignObject): [string, PodTemplateSpec][]; statusOf(phases: string[] | undefined): Record<string, unknown> }
type Specs = Record<string, { template: PodTemplateSpec }>;

const OPERATED: readonly Operated[] = [{
  kind: RayJob,
  isSuspended: ({ spec }) => spec?.['suspend'] === true,
  templatesOf({ spec }) {
    const { headGroupSpec, workerGroupSpecs } = spec!['rayClusterSpec'] as { headGroupSpec: Specs[string]; workerGroupSpecs: (Specs[string] & { groupName: string })[] };
    return [['head', headGroupSpec.template], ...workerGroupSpecs.map(({ groupName, template }): [string, PodTemplateSpec] => [groupName, template])];
  },
  statusOf(phases) {
    if (phases === undefined) return { jobDeploymentStatus: 'Suspended' };
    if (phases.every((each) => each === 'Succeeded')) return { jobDeploymentStatus: 'Complete', jobStatus: 'SUCCEEDED', message: 'Job finished successfully.' };
    return phases.every((each) => each === 'Running') ? { jobDeploymentStatus: 'Running', rayClusterStatus: { state: 'ready' } } : { jobDeploymentStatus: 'Initializing' };
  },
}, {
  kind: PyTorchJob,
  isSuspended: ({ spec }) => (spec?.['runPolicy'] as { suspend?: boolean } | undefined)?.suspend === true,
  templatesOf: ({ spec }) => Object.entries(spec!['pytorchReplicaSpecs'] as Specs).map(([role, { template }]) => [role.toLowerCase(), template]),
  statusOf(phases) {
    if (phases === undefined) return { conditions: [{ type: 'Suspended', status: 'True' }] };
    if (phases.every((each) => each === 'Succeeded')) return { conditions: [{ type: 'Succeeded', status: 'True', message: 'it is done' }] };
    return { conditions: phases.every((each) => each === 'Running') ? [{ type: 'Running', status: 'True' }] : [], replicaStatuses: { Master: { active: 1 }, Worker: { active: 1 } } };
  },
}];

/** Makes the pods of what is not suspended, deletes those of what is, and tells of them. */
async function operate(client: Client, { kind, isSuspended, templatesOf, statusOf }: Operated): Promise<void> {
  const { items } = await client.list(kind, NS);
  const all = (await client.list(Pod, NS)).items;
  for (const job of items) {
    const own = all.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid) === true);
    if (isSuspended(job)) for (const { metadata } of own) await client.delete(Pod, metadata.name!, NS);
    else {
      for (const [role, { metadata, spec }] of templatesOf(job)) {
        const name = `${job.metadata.name}-${role}`;
        const ownerReferences = [{ apiVersion: `${kind.group}/${kind.version}`, kind: kind.kind, name: job.metadata.name!, uid: job.metadata.uid!, controller: true }];
        if (!own.some((each) => each.metadata.name === name)) await client.create(Pod, { metadata: { ...metadata, name, ...NS, ownerReferences }, spec });
      }
    }
    const phases = isSuspended(job) ? (own.length === 0 ? undefined : own.map(() => 'Terminating')) : own.length < 2 ? ['Pending'] : own.map(({ status }) => status?.phase ?? 'Pending');
    const status = statusOf(phases);
    if (JSON.stringify(status) !== JSON.stringify(job.status)) await client.update(kind, { ...job, status }, { subresource: 'status' });
  }
}

/** Until `stop` is called. */
function operators(client: Client): { stop(): Promise<void> } {
  let going = true;
  const loop = async (each: Operated): Promise<void> => {
    while (going) {
      await operate(client, each).catch((error: unknown) => assert.ok(isApiError(error, 'Conflict', 'NotFound', 'AlreadyExists'), String(error)));
      await new Promise((later) => setTimeout(later, 50));
    }
  };
  const loops = Promise.all(OPERATED.map(loop));
  return { stop: async () => { going = false; await loops; } };
}

const finished = async ({ client }: Instance, owner: string): Promise<string | undefined> =>
  (await client.list(Workload, NS)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === owner)?.status?.conditions?.find(({ type, status }) => type === 'Finished' && status === 'True')?.message;

const ranAt = async ({ client }: Instance, name: string): Promise<[number, number]> => {
  const { terminated } = (await client.get(Pod, name, NS)).status!.containerStatuses![0]!.state!;
  return [Date.parse(terminated!.startedAt!), Date.parse(terminated!.finishedAt!)];
};

async function labelled({ client }: Instance): Promise<void> {
  await eventually(async () => {
    const [node] = (await client.list(Node)).items;
    return client.patch(Node, node!.metadata.name!, { type: 'merge', body: { metadata: { labels: { tier: 'own' } } } }).then(() => true, () => false);
  });
}

describe('jobs of other operators', { timeout: 180_000 }, () => {
  let llmos: Instance;
  let playing: { stop(): Promise<void> };
  before(async () => {
    llmos = await bootForPods();
    await ok(llmos.kubectlWith(DEFINITIONS, 'apply', '--validate=strict', '-f', '-'));
    await ok(llmos.kubectlWith(QUEUE, 'apply', '--validate=strict', '-f', '-'));
    await labelled(llmos);
    for (const { kind } of OPERATED) await eventually(() => llmos.client.list(kind, NS).then(() => true, () => false), { what: `${kind.kind} is served` });
    playing = operators(llmos.client);
  });
  after(async () => {
    await playing?.stop();
    await llmos?.destroy();
  });

  it('run one after the other, with all of their pods, on the nodes of their flavor', async () => {
    await ok(llmos.kubectlWith(rayJob('ray', HELD), 'create', '--validate=strict', '-f', '-'));
    await eventually(async () => (await llmos.client.list(Workload, NS)).items.length === 1);
    await ok(llmos.kubectlWith(torchJob('torch', 'sleep 1'), 'create', '--validate=strict', '-f', '-'));
    await eventually(async () => /torch: pending/.test(await ok(llmos.llmos('queue', 'explain', 'pytorchjob/torch'))), { what: 'it is told why it waits' });
    assert.match(await ok(llmos.llmos('queue', 'explain', 'torch')), /couldn't assign flavors to pod set master: insufficient unused quota for cpu in flavor own, 100m more needed\. It is the first in its queue/);
    await release(llmos, ['ray-head', 'ray-workers']);
    await eventually(async () => (await finished(llmos, 'ray')) === 'Job finished successfully.', { timeoutMs: 60_000, what: 'the first one is done' });
    await eventually(async () => (await finished(llmos, 'torch')) === 'it is done', { timeoutMs: 60_000, what: 'the second one is done' });
    const [head, workers, master, worker] = await Promise.all(['ray-head', 'ray-workers', 'torch-master', 'torch-worker'].map((name) => ranAt(llmos, name)));
    assert.ok(Math.min(master![0], worker![0]) >= Math.max(head![1], workers![1]), JSON.stringify({ head, workers, master, worker }));
    const { spec, metadata } = await llmos.client.get(Pod, 'torch-worker', NS);
    assert.deepEqual([spec?.nodeSelector?.['tier'], metadata.labels?.['kueue.x-k8s.io/podset'], metadata.labels?.['kueue.x-k8s.io/cluster-queue-name']], ['own', 'worker', 'team']);
    assert.equal((await llmos.client.list(Workload, NS)).items.length, 2, 'their pods have none of their own');
  });

  it('stop for what is urgent, when the last of their pods has ended, and begin anew', async () => {
    await ok(llmos.kubectlWith(torchJob('long', HELD), 'create', '-f', '-'));
    const first = await eventually(async () => {
      const pod = await llmos.client.get(Pod, 'long-worker', NS).catch(() => undefined);
      return pod?.status?.phase === 'Running' && pod.metadata.uid;
    }, { what: 'it runs' });
    const template = parse(pods('true')) as PodTemplateSpec;
    await llmos.client.create(Job, { metadata: { name: 'urgent', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team', 'kueue.x-k8s.io/priority-class': 'urgent' } }, spec: { template } } as Job);
    await eventually(async () => (await llmos.client.get(Job, 'urgent', NS)).status?.succeeded === 1, { timeoutMs: 60_000, what: 'the urgent one is done' });
    await release(llmos, ['long-master', 'long-worker']);
    await eventually(async () => (await finished(llmos, 'long')) === 'it is done', { timeoutMs: 60_000, what: 'it is done after all' });
    const [urgent] = (await llmos.client.list(Pod, { ...NS, labelSelector: 'job-name=urgent' })).items;
    const again = await llmos.client.get(Pod, 'long-worker', NS);
    assert.notEqual(again.metadata.uid, first);
    assert.ok(Date.parse(again.status!.containerStatuses![0]!.state!.terminated!.startedAt!) >= Date.parse(urgent!.status!.containerStatuses![0]!.state!.terminated!.finishedAt!));
  });
});

describe('jobs of other operators of another cluster', { timeout: 180_000 }, () => {
  let cluster: Instance;
  let playing: { stop(): Promise<void> } | undefined;
  before(async () => {
    cluster = await bootForPods({ config: 'modules: { queue: { enabled: false }, node: { readySandboxes: 0 } }\n' });
    const needed = await Promise.all([['--crds', 'queue'], ['--rules', 'queue']].map((args) => ok(cluster.llmos('attach', ...args))));
    assert.match(needed[1]!, /rayjobs/);
    const guest = [
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: guest, namespace: default }\n',
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: { name: guest }\nroleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "llmos:queue" }\nsubjects: [{ kind: ServiceAccount, name: guest, namespace: default }]\n',
    ];
    await ok(cluster.kubectlWith([...needed, ...guest].join('\n---\n'), 'apply', '--server-side', '-f', '-'));
    await labelled(cluster);
  });
  after(async () => {
    await playing?.stop();
    await cluster?.destroy();
  });

  it('wait for the attached module, also where their definitions come later than it', async () => {
    const kubeconfig = await guestKubeconfig(cluster);
    await whileAttached({ cluster, kubeconfig, module: 'queue' }, async (log) => {
      await ok(cluster.kubectlWith(QUEUE, 'apply', '-f', '-'));
      await cluster.client.create(Job, { metadata: { name: 'holder', ...NS, labels: { 'kueue.x-k8s.io/queue-name': 'team' } }, spec: { template: parse(pods('sleep 2')) as PodTemplateSpec } } as Job);
      await eventually(async () => (await finished(cluster, 'holder')) !== undefined, { timeoutMs: 60_000, what: 'a Job of its own is done' });
      await ok(cluster.kubectlWith(DEFINITIONS, 'apply', '-f', '-'));
      for (const { kind } of OPERATED) await eventually(() => cluster.client.list(kind, NS).then(() => true, () => false));
      // Suspended by their users, as nobody else does it there when they are made.
      await ok(cluster.kubectlWith(rayJob('far', 'sleep 1').replace('spec:\n', 'spec:\n  suspend: true\n'), 'create', '-f', '-'));
      playing = operators(cluster.client);
      await eventually(async () => (await finished(cluster, 'far')) === 'Job finished successfully.', { timeoutMs: 90_000, what: 'it ran' });
      assert.equal((await cluster.client.get(Pod, 'far-head', NS)).spec?.nodeSelector?.['tier'], 'own');
      assert.doesNotMatch(log(), /forbidden/);
    });
  });
});
