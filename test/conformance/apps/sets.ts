/** Behaviours of StatefulSet, DaemonSet and ControllerRevision. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, namespace, ok, patch, put, refused, remove, until, type Body } from '../cluster.ts';
import { apps, hasCondition, isReady, livePods, names, podsOf, tryScale, tryStatus, workload } from './paths.ts';

const READY_FILE = { readinessProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 } };
const STATEFUL = 'StatefulSet Basic StatefulSet functionality';

function ss(name: string, spec: object = {}, pod: Parameters<typeof workload>[2] = {}): Body {
  return workload(name, { serviceName: 'test', replicas: 3, ...spec }, pod);
}

async function settled(ns: string, name: string, count: number): Promise<Body> {
  const set = await until(`${apps(ns, 'statefulsets')}/${name}`, (each) => (each.status.readyReplicas ?? 0) === count && each.status.replicas === count && each.status.observedGeneration === each.metadata.generation, 40_000);
  assert.equal((await livePods(ns, `app=${name}`)).length, count);
  return set;
}

const commandOf = (pod: Body): string => pod.spec.containers[0].command[1];
const useSeconds = (path: string, seconds: string): Promise<Body> => patch(path, { spec: { template: { spec: { containers: [{ name: 'main', command: ['sleep', seconds] }] } } } }, 'strategic-merge-patch');

export function statefulSets(): void {
  behaviour(`${STATEFUL} should perform rolling updates and roll backs of template modifications`, async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'statefulsets')}/ss`;
    await create(apps(ns, 'statefulsets'), ss('ss'));
    const before = (await settled(ns, 'ss', 3)).status.currentRevision;
    for (const seconds of ['1000001', '1000000']) {
      await useSeconds(path, seconds);
      await eventually(async () => {
        const pods = await livePods(ns, 'app=ss');
        return pods.length === 3 && pods.every((pod) => isReady(pod) && commandOf(pod) === seconds);
      }, { what: `all pods sleep ${seconds}`, timeoutMs: 40_000 });
      await until(path, (each) => each.status.currentRevision === each.status.updateRevision);
    }
    assert.equal((await get(path)).status.currentRevision, before);
  });

  behaviour(`${STATEFUL} should perform canary updates and phased rolling updates of template modifications`, async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'statefulsets')}/ss`;
    await create(apps(ns, 'statefulsets'), ss('ss', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } } }));
    await settled(ns, 'ss', 3);
    await useSeconds(path, '1000001');
    for (const partition of [2, 1, 0]) {
      await patch(path, { spec: { updateStrategy: { rollingUpdate: { partition } } } });
      await eventually(async () => {
        const pods = (await livePods(ns, 'app=ss')).sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
        return pods.length === 3 && pods.every((pod, index) => isReady(pod) && (commandOf(pod) === '1000001') === (index >= partition));
      }, { what: `partition ${partition}`, timeoutMs: 30_000 });
    }
  });

  behaviour(`${STATEFUL} Scaling should happen in predictable order and halt if any stateful pod is unhealthy`, async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'statefulsets')}/ss`;
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1 }, { container: READY_FILE }));
    await until(`${podsOf(ns)}/ss-0`, (pod) => pod.status.phase === 'Running');
    await patch(path, { spec: { replicas: 3 } });
    await new Promise((settle) => setTimeout(settle, 1_500));
    assert.deepEqual(await names(podsOf(ns, 'app=ss')), ['ss-0'], 'it halts while ss-0 is not ready');
    await patch(path, { spec: { template: { spec: { containers: [{ name: 'main', readinessProbe: null }] } } } }, 'strategic-merge-patch');
    await remove(`${podsOf(ns)}/ss-0`);
    await settled(ns, 'ss', 3);
    const order = (await livePods(ns, 'app=ss')).sort((a, b) => a.metadata.name.localeCompare(b.metadata.name)).map((pod) => pod.metadata.creationTimestamp);
    assert.deepEqual([...order].sort(), order);
    await patch(path, { spec: { replicas: 0 } });
    await settled(ns, 'ss', 0);
  });

  behaviour(`${STATEFUL} Burst scaling should run to completion even with unhealthy pods`, async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'statefulsets')}/ss`;
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1, podManagementPolicy: 'Parallel' }, { container: READY_FILE }));
    await until(path, (each) => each.status.replicas === 1);
    await patch(path, { spec: { replicas: 3 } });
    await eventually(async () => (await livePods(ns, 'app=ss')).length === 3, { what: 'three pods that are not ready' });
    await patch(path, { spec: { replicas: 0 } });
    await settled(ns, 'ss', 0);
  });

  behaviour(`${STATEFUL} Should recreate evicted statefulset`, async () => {
    const ns = await namespace();
    const holder = { metadata: { name: 'holder', labels: { holder: 'yes' } }, spec: { ...ss('x', {}, { container: { ports: [{ containerPort: 21017, hostPort: 21017 }] } }).spec.template.spec } };
    await create(podsOf(ns), holder);
    const { spec: { nodeName } } = await until(`${podsOf(ns)}/holder`, isReady);
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1 }, { container: { ports: [{ containerPort: 21017, hostPort: 21017 }] }, spec: { nodeName } }));
    const first = await until(`${podsOf(ns)}/ss-0`, () => true);
    await remove(`${podsOf(ns)}/holder`);
    await until(`${podsOf(ns)}/ss-0`, (pod) => isReady(pod), 30_000);
    await remove(`${podsOf(ns)}/ss-0`, { gracePeriodSeconds: 0 });
    await until(`${podsOf(ns)}/ss-0`, (pod) => pod.metadata.uid !== first.metadata.uid && isReady(pod), 30_000);
  });

  behaviour(`${STATEFUL} should have a working scale subresource`, async () => {
    const ns = await namespace();
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1 }));
    await settled(ns, 'ss', 1);
    await tryScale(`${apps(ns, 'statefulsets')}/ss`, { from: 1, to: 2 });
    await settled(ns, 'ss', 3);
  });

  behaviour(`${STATEFUL} should list, patch and delete a collection of StatefulSets`, async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'statefulsets')}/ss`;
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1 }));
    await settled(ns, 'ss', 1);
    await patch(path, { metadata: { labels: { test: 'patched' } }, spec: { replicas: 2 } });
    await settled(ns, 'ss', 2);
    assert.deepEqual(await names('/apis/apps/v1/statefulsets?labelSelector=test%3Dpatched'), ['ss']);
    await ok('DELETE', `${apps(ns, 'statefulsets')}?labelSelector=test%3Dpatched`);
    await gone(path);
  });

  behaviour(`${STATEFUL} should validate Statefulset Status endpoints`, async () => {
    const ns = await namespace();
    await create(apps(ns, 'statefulsets'), ss('ss', { replicas: 1 }));
    await settled(ns, 'ss', 1);
    await tryStatus(`${apps(ns, 'statefulsets')}/ss`);
  });
}

async function onAllNodes(ns: string, name: string, holds: (pod: Body) => boolean = isReady): Promise<void> {
  const nodes = (await get('/api/v1/nodes')).items.length;
  await eventually(async () => {
    const pods = await livePods(ns, `app=${name}`);
    return pods.length === nodes && pods.every(holds);
  }, { what: `${name} on each node`, timeoutMs: 30_000 });
}

export function daemonSets(): void {
  behaviour('Daemon set should run and stop simple daemon', async () => {
    const ns = await namespace();
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    const [pod] = await livePods(ns, 'app=ds');
    await remove(`${podsOf(ns)}/${pod.metadata.name}`);
    await onAllNodes(ns, 'ds', (each) => isReady(each) && each.metadata.uid !== pod.metadata.uid);
  });

  behaviour('Daemon set should run and stop complex daemon', async () => {
    const ns = await namespace();
    const node = `/api/v1/nodes/${(await get('/api/v1/nodes')).items[0].metadata.name}`;
    await create(apps(ns, 'daemonsets'), workload('ds', {}, { spec: { nodeSelector: { [`${ns}-color`]: 'blue' } } }));
    await until(`${apps(ns, 'daemonsets')}/ds`, (each) => each.status.observedGeneration === 1);
    assert.equal((await livePods(ns, 'app=ds')).length, 0);
    await patch(node, { metadata: { labels: { [`${ns}-color`]: 'blue' } } });
    await until(`${apps(ns, 'daemonsets')}/ds`, (each) => each.status.numberAvailable === 1);
    await patch(node, { metadata: { labels: { [`${ns}-color`]: 'green' } } });
    await eventually(async () => (await livePods(ns, 'app=ds')).length === 0, { what: 'no pod' });
    await patch(`${apps(ns, 'daemonsets')}/ds`, { spec: { template: { spec: { nodeSelector: { [`${ns}-color`]: 'green' } } } } });
    await until(`${apps(ns, 'daemonsets')}/ds`, (each) => each.status.numberAvailable === 1);
    await patch(node, { metadata: { labels: { [`${ns}-color`]: null } } });
  });

  behaviour('Daemon set should retry creating failed daemon pods', async () => {
    const ns = await namespace();
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    const [pod] = await livePods(ns, 'app=ds');
    await patch(`${podsOf(ns)}/${pod.metadata.name}/status`, { status: { phase: 'Failed' } });
    await onAllNodes(ns, 'ds', (each) => isReady(each) && each.metadata.uid !== pod.metadata.uid);
  });

  behaviour('Daemon set should update pod when spec was updated and update strategy is RollingUpdate', async () => {
    const ns = await namespace();
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    await useSeconds(`${apps(ns, 'daemonsets')}/ds`, '1000001');
    await onAllNodes(ns, 'ds', (pod) => isReady(pod) && commandOf(pod) === '1000001');
    assert.equal((await get(`${apps(ns, 'controllerrevisions')}?labelSelector=app%3Dds`)).items.length, 2);
  });

  behaviour('Daemon set should rollback without unnecessary restarts', async () => {
    const ns = await namespace();
    const path = `${apps(ns, 'daemonsets')}/ds`;
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    await patch(path, { spec: { template: { spec: { containers: [{ name: 'main', image: 'localhost/none:1', imagePullPolicy: 'Never' }] } } } }, 'strategic-merge-patch');
    await eventually(async () => (await livePods(ns, 'app=ds')).some((pod) => pod.spec.containers[0].image === 'localhost/none:1'), { what: 'a pod of the new image' });
    const kept = (await livePods(ns, 'app=ds')).filter(isReady).map((pod) => pod.metadata.uid);
    const [first] = (await get(`${apps(ns, 'controllerrevisions')}?labelSelector=app%3Dds`)).items.sort((a: Body, b: Body) => a.revision - b.revision);
    await patch(path, first.data, 'strategic-merge-patch');
    await onAllNodes(ns, 'ds');
    const now = (await livePods(ns, 'app=ds')).map((pod) => pod.metadata.uid);
    assert.ok(kept.every((uid) => now.includes(uid)));
  });

  behaviour('Daemon set should list and delete a collection of DaemonSets', async () => {
    const ns = await namespace();
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    assert.deepEqual(await names(`${apps(ns, 'daemonsets')}?labelSelector=app%3Dds`), ['ds']);
    await ok('DELETE', `${apps(ns, 'daemonsets')}?labelSelector=app%3Dds`);
    await gone(`${apps(ns, 'daemonsets')}/ds`);
  });

  behaviour('Daemon set should verify changes to a daemon set status', async () => {
    const ns = await namespace();
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    await tryStatus(`${apps(ns, 'daemonsets')}/ds`);
  });

  behaviour('ControllerRevision should manage the lifecycle of a ControllerRevision', async () => {
    const ns = await namespace();
    const path = apps(ns, 'controllerrevisions');
    await create(apps(ns, 'daemonsets'), workload('ds'));
    await onAllNodes(ns, 'ds');
    const [initial] = (await get(`${path}?labelSelector=app%3Dds`)).items;
    await patch(`${path}/${initial.metadata.name}`, { metadata: { labels: { [initial.metadata.name]: 'patched' } } });
    await create(path, { metadata: { name: 'second', labels: { app: 'ds' }, ownerReferences: initial.metadata.ownerReferences }, data: initial.data, revision: 7 });
    await refused(422, 'PUT', `${path}/second`, { body: { ...(await get(`${path}/second`)), data: { other: true } } });
    const second = await get(`${path}/second`);
    await put(`${path}/second`, { ...second, metadata: { ...second.metadata, resourceVersion: undefined, labels: { ...second.metadata.labels, second: 'updated' } } });
    await ok('DELETE', `${path}?labelSelector=second%3Dupdated`);
    await gone(`${path}/second`);
    assert.equal(hasCondition(await get(`${apps(ns, 'daemonsets')}/ds`), 'Any'), false);
  });
}
