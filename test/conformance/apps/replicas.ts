/** Behaviours of Deployment, ReplicaSet and ReplicationController. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, namespace, ok, patch, podOf, put, remove, until, type Body } from '../cluster.ts';
import { apps, hasCondition, isReady, livePods, names, podsOf, template, tryScale, tryStatus, workload } from './paths.ts';

const sleepFor = (path: string, seconds: string): Promise<Body> => patch(path, { spec: { template: { spec: { containers: [{ name: 'main', command: ['sleep', seconds] }] } } } }, 'strategic-merge-patch');
const rolledOut = (path: string, replicas: number): Promise<Body> => until(path, ({ status, metadata }) =>
  status.observedGeneration === metadata.generation && status.replicas === replicas && status.updatedReplicas === replicas && status.availableReplicas === replicas, 40_000);
const readyReplicas = (path: string, replicas: number): Promise<Body> => until(path, ({ status }) => (status.readyReplicas ?? 0) === replicas && status.replicas === replicas, 40_000);

export function deployments(): void {
  for (const [name, strategy] of [['RollingUpdateDeployment should delete old pods and create new ones', 'RollingUpdate'], ['RecreateDeployment should delete old pods and create new ones', 'Recreate']] as const) {
    behaviour(`Deployment ${name}`, async () => {
      const ns = await namespace();
      const path = `${apps(ns, 'deployments')}/web`;
      await create(apps(ns, 'deployments'), workload('web', { replicas: 2, strategy: { type: strategy } }));
      await rolledOut(path, 2);
      await sleepFor(path, '1000001');
      await rolledOut(path, 2);
      const pods = await livePods(ns, 'app=web');
      assert.ok(pods.length === 2 && pods.every((pod) => pod.spec.containers[0].command[1] === '1000001'));
    });
  }

  behaviour('Deployment deployment should delete old replica sets', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'deployments')}/web`;
    await create(apps(ns, 'deployments'), workload('web', { replicas: 1, revisionHistoryLimit: 0 }));
    await rolledOut(path, 1);
    await sleepFor(path, '1000001');
    await rolledOut(path, 1);
    await eventually(async () => (await names(apps(ns, 'replicasets'))).length === 1, { what: 'one replica set' });
  });

  behaviour('Deployment deployment should support rollover', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'deployments')}/web`;
    await create(apps(ns, 'deployments'), workload('web', { replicas: 1, minReadySeconds: 0, strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } }));
    await rolledOut(path, 1);
    await patch(path, { spec: { template: { spec: { containers: [{ name: 'main', image: 'localhost/none:1', imagePullPolicy: 'Never' }] } } } }, 'strategic-merge-patch');
    await eventually(async () => (await names(apps(ns, 'replicasets'))).length === 2, { what: 'a second replica set' });
    await patch(path, { spec: { template: { spec: { containers: [{ name: 'main', image: 'localhost/test:latest', command: ['sleep', '1000002'] }] } } } }, 'strategic-merge-patch');
    await rolledOut(path, 1);
    const sizes = (await get(apps(ns, 'replicasets'))).items.map((each: Body) => each.spec.replicas).sort();
    assert.deepEqual(sizes, [0, 0, 1]);
  });

  behaviour('Deployment deployment should support proportional scaling', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'deployments')}/web`;
    await create(apps(ns, 'deployments'), workload('web', { replicas: 10, strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }));
    await rolledOut(path, 10);
    await patch(path, { spec: { template: { spec: { containers: [{ name: 'main', image: 'localhost/none:1', imagePullPolicy: 'Never' }] } } } }, 'strategic-merge-patch');
    const sizes = async (): Promise<number[]> => (await get(apps(ns, 'replicasets'))).items.map((each: Body) => each.spec.replicas).sort((a: number, b: number) => a - b);
    await eventually(async () => (await sizes()).join() === '5,8', { what: 'eight old and five new', timeoutMs: 20_000 });
    await patch(path, { spec: { replicas: 30 } });
    await eventually(async () => (await sizes()).join() === '13,20', { what: 'twenty old and thirteen new', timeoutMs: 20_000 });
    await remove(path, { propagationPolicy: 'Background' });
  });

  behaviour('Deployment Deployment should have a working scale subresource', async () => {
    const ns = await namespace();
    await create(apps(ns, 'deployments'), workload('web', { replicas: 1 }));
    await tryScale(`${apps(ns, 'deployments')}/web`, { from: 1, to: 2 });
    await rolledOut(`${apps(ns, 'deployments')}/web`, 3);
  });

  behaviour('Deployment should run the lifecycle of a Deployment', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'deployments')}/web`;
    await create(apps(ns, 'deployments'), workload('web', { replicas: 2 }));
    await rolledOut(path, 2);
    await patch(path, { metadata: { labels: { test: 'patched' } }, spec: { replicas: 1 } });
    await rolledOut(path, 1);
    assert.deepEqual(await names('/apis/apps/v1/deployments?labelSelector=test%3Dpatched'), ['web']);
    const now = await get(path);
    await put(path, { ...now, metadata: { ...now.metadata, resourceVersion: undefined, labels: { ...now.metadata.labels, test: 'updated' } } });
    await ok('DELETE', `${apps(ns, 'deployments')}?labelSelector=test%3Dupdated`);
    await gone(path);
  });

  behaviour('Deployment should validate Deployment Status endpoints', async () => {
    const ns = await namespace();
    await create(apps(ns, 'deployments'), workload('web', { replicas: 1 }));
    await rolledOut(`${apps(ns, 'deployments')}/web`, 1);
    await tryStatus(`${apps(ns, 'deployments')}/web`);
  });
}

export function replicaSets(): void {
  behaviour('ReplicaSet should serve a basic image on each replica with a public image', async () => {
    const ns = await namespace();
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 2 }, { script: 'hostname > /www/index.html; exec httpd -f -p 8080 -h /www', container: { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } } }));
    await readyReplicas(`${apps(ns, 'replicasets')}/rs`, 2);
    assert.ok((await livePods(ns, 'app=rs')).every(isReady));
  });

  behaviour('ReplicaSet should adopt matching pods on creation and release no longer matching pods', async () => {
    const ns = await namespace();
    await create(podsOf(ns), podOf('orphan', { labels: { app: 'rs' } }));
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 1 }));
    await until(`${podsOf(ns)}/orphan`, (pod) => pod.metadata.ownerReferences?.[0]?.name === 'rs');
    await patch(`${podsOf(ns)}/orphan`, { metadata: { labels: { app: 'other' } } });
    await until(`${podsOf(ns)}/orphan`, (pod) => pod.metadata.ownerReferences === undefined);
    await readyReplicas(`${apps(ns, 'replicasets')}/rs`, 1);
  });

  behaviour('ReplicaSet Replicaset should have a working scale subresource', async () => {
    const ns = await namespace();
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 1 }));
    await tryScale(`${apps(ns, 'replicasets')}/rs`, { from: 1, to: 2 });
    await readyReplicas(`${apps(ns, 'replicasets')}/rs`, 3);
  });

  behaviour('ReplicaSet Replace and Patch tests', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'replicasets')}/rs`;
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 1 }));
    const now = await readyReplicas(path, 1);
    await put(path, { ...now, metadata: { ...now.metadata, resourceVersion: undefined, labels: { replaced: 'yes' } }, spec: { ...now.spec, replicas: 2 } });
    await readyReplicas(path, 2);
    await patch(path, { metadata: { labels: { patched: 'yes' } }, spec: { replicas: 3, template: { spec: { terminationGracePeriodSeconds: 1 } } } });
    const { metadata, spec } = await readyReplicas(path, 3);
    assert.deepEqual([metadata.labels, spec.template.spec.terminationGracePeriodSeconds], [{ replaced: 'yes', patched: 'yes' }, 1]);
  });

  behaviour('ReplicaSet should list and delete a collection of ReplicaSets', async () => {
    const ns = await namespace();
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 3 }));
    await readyReplicas(`${apps(ns, 'replicasets')}/rs`, 3);
    assert.deepEqual(await names(`${apps(ns, 'replicasets')}?labelSelector=app%3Drs`), ['rs']);
    await ok('DELETE', `${apps(ns, 'replicasets')}?labelSelector=app%3Drs`);
    await gone(`${apps(ns, 'replicasets')}/rs`);
  });

  behaviour('ReplicaSet should validate Replicaset Status endpoints', async () => {
    const ns = await namespace();
    await create(apps(ns, 'replicasets'), workload('rs', { replicas: 1 }));
    await readyReplicas(`${apps(ns, 'replicasets')}/rs`, 1);
    await tryStatus(`${apps(ns, 'replicasets')}/rs`);
  });
}

const controllersOf = (ns: string): string => `/api/v1/namespaces/${ns}/replicationcontrollers`;
const controller = (replicas: number): Body => ({ metadata: { name: 'rc', labels: { test: 'rc' } }, spec: { replicas, selector: { app: 'rc' }, template: template({ app: 'rc' }) } });

export function replicationControllers(): void {
  behaviour('ReplicationController should serve a basic image on each replica with a public image', async () => {
    const ns = await namespace();
    await create(controllersOf(ns), controller(2));
    await readyReplicas(`${controllersOf(ns)}/rc`, 2);
  });

  behaviour('ReplicationController should adopt matching pods on creation', async () => {
    const ns = await namespace();
    await create(podsOf(ns), podOf('orphan', { labels: { app: 'rc' } }));
    await create(controllersOf(ns), controller(1));
    await until(`${podsOf(ns)}/orphan`, (pod) => pod.metadata.ownerReferences?.[0]?.kind === 'ReplicationController');
  });

  behaviour('ReplicationController should release no longer matching pods', async () => {
    const ns = await namespace();
    await create(controllersOf(ns), controller(1));
    const pod = await eventually(async () => (await livePods(ns, 'app=rc'))[0], { what: 'a pod' });
    await patch(`${podsOf(ns)}/${pod.metadata.name}`, { metadata: { labels: { app: 'not-rc' } } });
    await until(`${podsOf(ns)}/${pod.metadata.name}`, (each) => each.metadata.ownerReferences === undefined);
  });

  behaviour('ReplicationController should get and update a ReplicationController scale', async () => {
    const ns = await namespace();
    await create(controllersOf(ns), controller(1));
    await readyReplicas(`${controllersOf(ns)}/rc`, 1);
    await tryScale(`${controllersOf(ns)}/rc`, { from: 1, to: 2 });
    await readyReplicas(`${controllersOf(ns)}/rc`, 3);
  });

  behaviour('ReplicationController should surface a failure condition on a common issue like exceeded quota', async () => {
    const ns = await namespace();
    const path = `${controllersOf(ns)}/rc`;
    await create(`/api/v1/namespaces/${ns}/resourcequotas`, { metadata: { name: 'two-pods' }, spec: { hard: { pods: '2' } } });
    await until(`/api/v1/namespaces/${ns}/resourcequotas/two-pods`, (quota) => quota.status?.hard?.pods === '2');
    await create(controllersOf(ns), controller(3));
    await until(path, (each) => hasCondition(each, 'ReplicaFailure'));
    await patch(path, { spec: { replicas: 2 } });
    await until(path, (each) => !hasCondition(each, 'ReplicaFailure'));
  });

  behaviour('ReplicationController should test the lifecycle of a ReplicationController', async () => {
    const ns = await namespace();
    const path = `${controllersOf(ns)}/rc`;
    await create(controllersOf(ns), controller(1));
    await readyReplicas(path, 1);
    await patch(path, { metadata: { labels: { 'test-rc': 'patched' } } });
    const status = await patch(`${path}/status`, { status: { readyReplicas: 0, availableReplicas: 0 } });
    assert.equal(status.metadata.name, 'rc');
    await patch(`${path}/scale`, { spec: { replicas: 2 } });
    await readyReplicas(path, 2);
    const now = await get(path);
    await put(path, { ...now, metadata: { ...now.metadata, resourceVersion: undefined }, spec: { ...now.spec, replicas: 3 } });
    await readyReplicas(path, 3);
    assert.equal((await get('/api/v1/replicationcontrollers?labelSelector=test-rc%3Dpatched')).items.length, 1);
    await ok('DELETE', `${controllersOf(ns)}?labelSelector=test-rc%3Dpatched`);
    await gone(path);
  });
}
