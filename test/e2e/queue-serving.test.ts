/** What serves in queues, with real containers: Deployments, whose pods wait each for itself, and StatefulSets, which wait as one. After Kueue's own e2e tests of them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { StatefulSet } from '../../src/api/apps/stateful-set.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };

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
  resourceGroups: [{ coveredResources: [cpu], flavors: [{ name: plain, resources: [{ name: cpu, nominalQuota: 300m }] }] }]
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

const app = (kind: string, name: string, { replicas = 2, queue = 'team', script = 'sleep 3600', labels = '' } = {}): string => `
apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${name}, namespace: default, labels: { kueue.x-k8s.io/queue-name: ${queue}${labels} } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  ${kind === 'StatefulSet' ? `serviceName: ${name}` : ''}
  template:
    metadata: { labels: { app: ${name} } }
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: "${TEST_IMAGE}", imagePullPolicy: Never, command: [sh, -c, "${script}"], resources: { requests: { cpu: 100m } } }] }`;

describe('what serves in queues', { timeout: 300_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods();
    await ok(llmos.kubectlWith(QUEUE, 'apply', '-f', '-'));
  });
  after(async () => llmos?.destroy());
  beforeEach(async () => {
    await ok(llmos.kubectl('delete', 'deployments,statefulsets', '--all', '--wait=false'));
    await eventually(async () => (await pods()).length === 0 && (await workloads()).length === 0, { what: 'nothing is left of the one before' });
  });

  const apply = (text: string): Promise<string> => ok(llmos.kubectlWith(text, 'apply', '-f', '-'));
  const pods = async (): Promise<Pod[]> => (await llmos.client.list(Pod, NS)).items;
  const workloads = async (): Promise<Workload[]> => (await llmos.client.list(Workload, NS)).items;
  const condition = (workload: Workload | undefined, type: string): string | undefined => workload?.status?.conditions?.find((each) => each.type === type)?.status;
  const ready = (kind: typeof Deployment | typeof StatefulSet, name: string, count: number): Promise<unknown> =>
    eventually(async () => ((await llmos.client.get(kind as typeof StatefulSet, name, NS)).status?.readyReplicas ?? 0) === count, { what: `${count} pods of ${name} are ready` });
  const only = async (): Promise<Workload> => {
    const all = await workloads();
    assert.equal(all.length, 1, all.map(({ metadata }) => metadata.name).join(' '));
    return all[0]!;
  };

  it('a Deployment that names a queue that is not there goes on in the one that it is given', async () => {
    await apply(app('Deployment', 'web', { queue: 'nowhere' }));
    await eventually(async () => (await workloads()).filter((each) => condition(each, 'QuotaReserved') === 'False').length === 2);
    const before = (await workloads()).map(({ metadata }) => metadata.name);
    await apply(app('Deployment', 'web'));
    await ready(Deployment, 'web', 2);
    await eventually(async () => (await pods()).length === 2 && (await workloads()).length === 2);
    assert.ok((await workloads()).every((each) => condition(each, 'Admitted') === 'True' && !before.includes(each.metadata.name)));
    assert.match((await llmos.kubectl('label', '--overwrite', 'deployment', 'web', 'kueue.x-k8s.io/queue-name=other')).stderr, /cannot be changed while pods of it are ready/);
  });

  it('a StatefulSet is given another template pod by pod, and keeps its place', async () => {
    await apply(app('StatefulSet', 'db'));
    await ready(StatefulSet, 'db', 2);
    const { uid } = (await only()).metadata;
    const moved = await llmos.kubectl('label', '--overwrite', 'statefulset', 'db', 'kueue.x-k8s.io/queue-name=other');
    assert.match(moved.stderr, /cannot be changed while pods of it are ready/);
    await apply(app('StatefulSet', 'db', { script: 'sleep 7200' }));
    await eventually(async () => (await pods()).filter(({ spec }) => spec?.containers[0]?.command?.[2] === 'sleep 7200').length === 2, { what: 'both pods are of the new template' });
    await ready(StatefulSet, 'db', 2);
    assert.equal((await only()).metadata.uid, uid);
  });

  it('a StatefulSet that is scaled to 0 gives its place back, and waits for it again', async () => {
    await apply(app('StatefulSet', 'db', { replicas: 3 }));
    await ready(StatefulSet, 'db', 3);
    await ok(llmos.kubectl('scale', 'statefulset', 'db', '--replicas=0'));
    await eventually(async () => (await workloads()).every((each) => condition(each, 'QuotaReserved') !== 'True'), { what: 'its quota is free' });
    await apply(app('Deployment', 'web', { replicas: 1 }));
    await ready(Deployment, 'web', 1);
    await ok(llmos.kubectl('scale', 'statefulset', 'db', '--replicas=3'));
    await eventually(async () => (await workloads()).some((each) => each.spec.podSets[0]?.count === 3 && condition(each, 'QuotaReserved') === 'False'), { what: 'there is room for two' });
    await ok(llmos.kubectl('delete', 'deployment', 'web'));
    await ready(StatefulSet, 'db', 3);
  });

  it('a StatefulSet that was made with no pods, in a queue that is not there, comes up in the one that it is given', async () => {
    await apply(app('StatefulSet', 'db', { replicas: 0, queue: 'nowhere' }));
    await ok(llmos.kubectl('scale', 'statefulset', 'db', '--replicas=2'));
    await eventually(async () => (await pods()).length === 1 && condition((await workloads())[0], 'QuotaReserved') === 'False');
    await ok(llmos.kubectl('label', '--overwrite', 'statefulset', 'db', 'kueue.x-k8s.io/queue-name=team'));
    await eventually(async () => { const all = await pods(); return all.length > 0 && all.every(({ metadata }) => metadata.labels?.['kueue.x-k8s.io/queue-name'] === 'team'); }, { what: 'its pods name it' });
    await ready(StatefulSet, 'db', 2);
    assert.equal((await only()).spec.queueName, 'team');
  });

  it('a StatefulSet makes way as a whole for what is urgent, and comes back', async () => {
    await apply(app('StatefulSet', 'db', { replicas: 3 }));
    await ready(StatefulSet, 'db', 3);
    await apply(app('StatefulSet', 'urgent', { replicas: 3, labels: ', kueue.x-k8s.io/priority-class: urgent' }));
    await ready(StatefulSet, 'urgent', 3);
    await ready(StatefulSet, 'db', 0);
    const of = async (name: string): Promise<Workload | undefined> => (await workloads()).find(({ metadata }) => metadata.name?.startsWith(`statefulset-${name}-`));
    assert.deepEqual([condition(await of('db'), 'Preempted'), condition(await of('db'), 'Admitted'), condition(await of('urgent'), 'Admitted')], ['True', 'False', 'True']);
    await ok(llmos.kubectl('delete', 'statefulset', 'urgent'));
    await ready(StatefulSet, 'db', 3);
  });

  it('a StatefulSet whose Workload is deactivated stops, is the same when it is activated again, and takes it along when it goes', async () => {
    await apply(app('StatefulSet', 'db'));
    await ready(StatefulSet, 'db', 2);
    const { name, uid } = (await only()).metadata;
    await ok(llmos.kubectl('patch', 'workload', name!, '--type=merge', '-p', '{"spec":{"active":false}}'));
    await ready(StatefulSet, 'db', 0);
    assert.deepEqual([(await only()).metadata.uid, condition(await only(), 'Evicted')], [uid, 'True']);
    await ok(llmos.kubectl('patch', 'workload', name!, '--type=merge', '-p', '{"spec":{"active":true}}'));
    await ready(StatefulSet, 'db', 2);
    assert.equal((await only()).metadata.uid, uid);
    await ok(llmos.kubectl('delete', 'statefulset', 'db'));
    await eventually(async () => (await pods()).length === 0 && (await workloads()).length === 0);
  });
});
