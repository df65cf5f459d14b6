/** [sig-node] Pods, PodTemplates, Lease, RuntimeClass, PreStop, taints: the objects of the node. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, gone, namespace, ok, patch, podOf, put, refused, remove, until, watch, type Body } from '../cluster.ts';
import { isReady, outputOf, pathOf, scriptPod, start } from './pod.ts';

const NODE = ' [NodeConformance]';
const CLASSES = '/apis/node.k8s.io/v1/runtimeclasses';

export function pods(): void {
  behaviour(`Pods should get a host IP${NODE}`, async () => {
    assert.match((await start(await namespace(), podOf('p'))).status.hostIP, /^\d+\.\d+\.\d+\.\d+$/);
  });
  behaviour(`Pods should be updated${NODE}`, async () => {
    const space = await namespace();
    const pod = await start(space, podOf('p', { labels: { time: 'before' } }));
    await put(pathOf(space, 'p'), { ...(await get(pathOf(space, 'p'))), metadata: { ...pod.metadata, resourceVersion: undefined, labels: { time: 'after' } } });
    assert.equal((await get(`/api/v1/namespaces/${space}/pods?labelSelector=time%3Dafter`)).items.length, 1);
  });
  behaviour(`Pods should be submitted and removed${NODE}`, async () => {
    const space = await namespace();
    const seen = await watch(`/api/v1/namespaces/${space}/pods?labelSelector=time%3Dnow`);
    await start(space, podOf('p', { labels: { time: 'now' } }));
    await remove(pathOf(space, 'p'));
    await seen.nextOf('DELETED');
    seen.close();
    assert.equal((await get(`/api/v1/namespaces/${space}/pods?labelSelector=time%3Dnow`)).items.length, 0);
  });
  behaviour(`Pods should allow activeDeadlineSeconds to be updated${NODE}`, async () => {
    const space = await namespace();
    await start(space, podOf('p'));
    await patch(pathOf(space, 'p'), { spec: { activeDeadlineSeconds: 1 } });
    await until(pathOf(space, 'p'), ({ status }) => status.phase === 'Failed' && status.reason === 'DeadlineExceeded');
  });
  behaviour(`Pods should contain environment variables for services${NODE}`, async () => {
    const space = await namespace();
    const { spec } = await create(`/api/v1/namespaces/${space}/services`, { metadata: { name: 'fooservice' }, spec: { ports: [{ port: 8765, targetPort: 8080 }], selector: { name: 'server' } } });
    const text = await outputOf(space, scriptPod('p', 'env'));
    for (const each of [`FOOSERVICE_SERVICE_HOST=${spec.clusterIP}`, 'FOOSERVICE_SERVICE_PORT=8765', `FOOSERVICE_PORT=tcp://${spec.clusterIP}:8765`, 'FOOSERVICE_PORT_8765_TCP_PORT=8765', 'FOOSERVICE_PORT_8765_TCP_PROTO=tcp', `FOOSERVICE_PORT_8765_TCP=tcp://${spec.clusterIP}:8765`, `FOOSERVICE_PORT_8765_TCP_ADDR=${spec.clusterIP}`]) assert.ok(text.split('\n').includes(each), each);
  });
  behaviour('Pods should delete a collection of pods', async () => {
    const all = `/api/v1/namespaces/${await namespace()}/pods`;
    for (const name of ['one', 'two', 'three']) await create(all, podOf(name, { labels: { type: 'Testing' } }));
    await ok('DELETE', `${all}?labelSelector=type%3DTesting`, { body: { gracePeriodSeconds: 0 } });
    await until(all, ({ items }) => items.length === 0);
  });
  behaviour('Pods should patch a pod status', async () => {
    const space = await namespace();
    await start(space, podOf('p'));
    await patch(`${pathOf(space, 'p')}/status`, { status: { conditions: [{ type: 'example.com/mine', status: 'True' }] } }, 'strategic-merge-patch');
    await until(pathOf(space, 'p'), ({ status }) => status.conditions.some((each: Body) => each.type === 'example.com/mine'));
  });
  behaviour('Pods should run through the lifecycle of Pods and PodStatus', async () => {
    const space = await namespace();
    await start(space, podOf('p', { labels: { 'test-pod-static': 'true' } }));
    await patch(pathOf(space, 'p'), { metadata: { labels: { 'test-pod': 'patched' } } }, 'strategic-merge-patch');
    const now = await get(`${pathOf(space, 'p')}/status`);
    const conditions = [...now.status.conditions, { type: 'example.com/gate', status: 'False' }];
    await put(`${pathOf(space, 'p')}/status`, { ...now, metadata: { ...now.metadata, resourceVersion: undefined }, status: { ...now.status, conditions } });
    await ok('DELETE', `/api/v1/namespaces/${space}/pods?labelSelector=test-pod-static%3Dtrue`);
    await gone(pathOf(space, 'p'));
  });
  behaviour('Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu', async () => {
    const same = { cpu: '100m', memory: '100Mi' };
    assert.equal((await create(`/api/v1/namespaces/${await namespace()}/pods`, podOf('p', { container: { resources: { requests: same, limits: same } } }))).status.qosClass, 'Guaranteed');
  });
  generations();
  behaviour('PreStop should call prestop when killing a pod', async () => {
    const space = await namespace();
    const { status } = await start(space, podOf('server', { container: { command: ['sh', '-c', "nc -l -p 8080 -e sh -c 'read line; echo $line > /tmp/said'; cat /tmp/said; sleep 1000"] } }));
    // The server runs, which is not to say that it listens.
    const say = `until echo received | nc -w 2 ${status.podIP} 8080; do sleep 0.1; done`;
    await start(space, podOf('tester', { spec: { terminationGracePeriodSeconds: 20 }, container: { command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'], lifecycle: { preStop: { exec: { command: ['sh', '-c', say] } } } } }));
    await remove(pathOf(space, 'tester'));
    await gone(pathOf(space, 'tester'));
    await until(`${pathOf(space, 'server')}/log`, (log) => String(log).includes('received'));
  });

  behaviour('PodTemplates should run the lifecycle of PodTemplates', async () => {
    const all = `/api/v1/namespaces/${await namespace()}/podtemplates`;
    await create(all, { metadata: { name: 't', labels: { static: 'true' } }, template: { metadata: { labels: { a: 'b' } }, spec: podOf('x').spec } });
    await patch(`${all}/t`, { metadata: { labels: { patched: 'true' } } }, 'strategic-merge-patch');
    assert.equal((await get(`${all}?labelSelector=patched%3Dtrue`)).items.length, 1);
    await remove(`${all}/t`);
    await gone(`${all}/t`);
  });
  behaviour('PodTemplates should replace a pod template', async () => {
    const all = `/api/v1/namespaces/${await namespace()}/podtemplates`;
    const made = await create(all, { metadata: { name: 't' }, template: { spec: podOf('x').spec } });
    await put(`${all}/t`, { ...made, metadata: { ...made.metadata, annotations: { updated: 'true' } } });
    assert.equal((await get(`${all}/t`)).metadata.annotations.updated, 'true');
  });
  behaviour('PodTemplates should delete a collection of pod templates', async () => {
    const all = `/api/v1/namespaces/${await namespace()}/podtemplates`;
    for (const name of ['one', 'two', 'three']) await create(all, { metadata: { name, labels: { set: 'true' } }, template: { spec: podOf('x').spec } });
    await ok('DELETE', `${all}?labelSelector=set%3Dtrue`);
    assert.equal((await get(all)).items.length, 0);
  });

  behaviour('Lease lease API should be available', async () => {
    const all = `/apis/coordination.k8s.io/v1/namespaces/${await namespace()}/leases`;
    const spec = { holderIdentity: 'holder', leaseDurationSeconds: 30, acquireTime: '2026-01-01T00:00:00.000000Z', renewTime: '2026-01-01T00:00:05.000000Z', leaseTransitions: 0 };
    const made = await create(all, { metadata: { name: 'lease' }, spec });
    assert.deepEqual((await get(`${all}/lease`)).spec, spec);
    await put(`${all}/lease`, { ...made, spec: { ...spec, holderIdentity: 'other' } });
    await patch(`${all}/lease`, { spec: { leaseDurationSeconds: 60 } });
    assert.deepEqual((await get(`${all}/lease`)).spec, { ...spec, holderIdentity: 'other', leaseDurationSeconds: 60 });
    await create(all, { metadata: { name: 'second', labels: { deletecollection: 'true' } }, spec });
    assert.equal((await get(all)).items.length, 2);
    await ok('DELETE', `${all}?labelSelector=deletecollection%3Dtrue`);
    assert.equal((await get(all)).items.length, 1);
    await remove(`${all}/lease`);
    await gone(`${all}/lease`);
  });
  behaviour('Node Lifecycle should run through the lifecycle of a node', async () => {
    await create('/api/v1/nodes', { metadata: { name: 'fake', labels: { fake: 'made' } }, spec: { taints: [{ key: 'fake', effect: 'NoSchedule' }] } });
    await patch('/api/v1/nodes/fake', { metadata: { labels: { fake: 'patched' } } }, 'strategic-merge-patch');
    const { items } = await get('/api/v1/nodes?labelSelector=fake%3Dpatched');
    assert.equal(items.length, 1);
    const now = await get('/api/v1/nodes/fake');
    await put('/api/v1/nodes/fake', { ...now, metadata: { ...now.metadata, resourceVersion: undefined, labels: { fake: 'updated' } } });
    assert.equal((await get('/api/v1/nodes/fake')).metadata.labels.fake, 'updated');
    await remove('/api/v1/nodes/fake');
    await gone('/api/v1/nodes/fake');
  });

  behaviour(`RuntimeClass should reject a Pod requesting a non-existent RuntimeClass${NODE}`, async () => {
    await refused(403, 'POST', `/api/v1/namespaces/${await namespace()}/pods`, { body: podOf('p', { spec: { runtimeClassName: 'nonexistent' } }) });
  });
  behaviour(`RuntimeClass should reject a Pod requesting a deleted RuntimeClass${NODE}`, async () => {
    await create(CLASSES, { metadata: { name: 'deleted' }, handler: 'crun' });
    await remove(`${CLASSES}/deleted`);
    await refused(403, 'POST', `/api/v1/namespaces/${await namespace()}/pods`, { body: podOf('p', { spec: { runtimeClassName: 'deleted' } }) });
  });
  for (const [name, overhead] of [['and initialize its Overhead', { podFixed: { cpu: '10m', memory: '1Mi' } }], ['without PodOverhead', undefined]] as const) {
    behaviour(`RuntimeClass should schedule a Pod requesting a RuntimeClass ${name}${NODE}`, async () => {
      const space = await namespace();
      await create(CLASSES, { metadata: { name: space }, handler: 'crun', overhead });
      const { spec } = await start(space, podOf('p', { spec: { runtimeClassName: space } }));
      assert.deepEqual(spec.overhead, overhead?.podFixed);
      await remove(`${CLASSES}/${space}`);
    });
  }
  behaviour('RuntimeClass should support RuntimeClasses API operations', async () => {
    assert.ok((await get('/apis')).groups.some((each: Body) => each.name === 'node.k8s.io'));
    assert.ok((await get('/apis/node.k8s.io')).versions.some((each: Body) => each.version === 'v1'));
    assert.ok((await get('/apis/node.k8s.io/v1')).resources.some((each: Body) => each.name === 'runtimeclasses'));
    const seen = await watch(`${CLASSES}?labelSelector=test%3Dapi`);
    for (const name of ['api-one', 'api-two', 'api-three']) await create(CLASSES, { metadata: { name, labels: { test: 'api' } }, handler: 'crun' });
    assert.equal((await get(`${CLASSES}?labelSelector=test%3Dapi`)).items.length, 3);
    await patch(`${CLASSES}/api-one`, { metadata: { annotations: { patched: 'true' } } });
    const now = await get(`${CLASSES}/api-one`);
    await put(`${CLASSES}/api-one`, { ...now, metadata: { ...now.metadata, annotations: { updated: 'true' } } });
    await seen.nextOf('MODIFIED');
    assert.equal((await seen.nextOf('MODIFIED')).object.metadata.annotations.updated, 'true');
    seen.close();
    await remove(`${CLASSES}/api-one`);
    await gone(`${CLASSES}/api-one`);
    await ok('DELETE', `${CLASSES}?labelSelector=test%3Dapi`);
    assert.equal((await get(`${CLASSES}?labelSelector=test%3Dapi`)).items.length, 0);
  });
}

/** What a user wishes has a number, and the node says which one it has seen. */
function generations(): void {
  const mark = ' [MinimumKubeletVersion:1.34]';
  const title = 'Pods Extended (pod generation) Pod Generation';
  const seen = (path: string, generation: number): Promise<Body> => until(path, ({ metadata, status }) => metadata.generation === generation && status.observedGeneration === generation);
  const change = async (path: string, edit: (pod: Body) => void): Promise<void> => {
    await eventually(async () => {
      const pod = await get(path);
      edit(pod);
      const { code, body } = await call('PUT', path, { body: pod });
      assert.ok(code === 200 || code === 409, JSON.stringify(body)); // the node may have written in between
      return code === 200;
    }, { timeoutMs: 20_000, what: `a change of ${path}` });
  };

  behaviour(`${title} pod generation should start at 1 and increment per update${mark}`, async () => {
    const space = await namespace();
    const path = pathOf(space, 'p');
    const { containers } = podOf('x').spec;
    const pod = await create(`/api/v1/namespaces/${space}/pods`, podOf('p', { spec: { initContainers: [{ ...containers[0], name: 'init', command: ['true'] }] } }));
    assert.equal(pod.metadata.generation, 1);
    await isReady(space, 'p');
    const edits: [string, (pod: Body) => void, boolean][] = [
      ['nothing', () => {}, false],
      ['a toleration', ({ spec }) => spec.tolerations.push({ key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' }), true],
      ['a deadline', ({ spec }) => (spec.activeDeadlineSeconds = 5_000), true],
      ['an image', ({ spec }) => (spec.containers[0].image = 'localhost/other:1'), true],
      ['an image of an init container', ({ spec }) => (spec.initContainers[0].image = 'localhost/other:1'), true],
      ['metadata', ({ metadata }) => (metadata.annotations = { key: 'value' }), false],
      ['the generation itself', ({ metadata }) => (metadata.generation = 1), false],
    ];
    let generation = 1;
    for (const [what, edit, counts] of edits) {
      await change(path, edit);
      if (counts) generation += 1;
      assert.equal((await get(path)).metadata.generation, generation, what);
      await seen(path, generation);
    }
  });

  behaviour(`${title} custom-set generation on new pods and graceful delete`, async () => {
    const space = await namespace();
    const pod = podOf('p', { metadata: { generation: 100 } });
    assert.equal((await start(space, pod)).metadata.generation, 1);
    await ok('DELETE', `${pathOf(space, 'p')}?gracePeriodSeconds=60`);
    assert.equal((await get(pathOf(space, 'p'))).metadata.generation, 2);
    await ok('DELETE', `${pathOf(space, 'p')}?gracePeriodSeconds=0`);
  });

  behaviour(`${title} issue 500 podspec updates and verify generation and observedGeneration eventually converge${mark}`, async () => {
    const space = await namespace();
    const path = pathOf(space, 'p');
    await start(space, podOf('p'));
    // Ten at a time, each with a toleration of its own, so that a busy machine is not waited for 499 times.
    const tolerations = Array.from({ length: 499 }, (_each, index) => ({ key: `k${index}`, operator: 'Exists', effect: 'NoSchedule' }));
    const tolerate = async (): Promise<void> => {
      for (let value = tolerations.pop(); value !== undefined; value = tolerations.pop()) {
        const { code, body } = await call('PATCH', path, { body: [{ op: 'add', path: '/spec/tolerations/-', value }], contentType: 'application/json-patch+json' });
        if (code === 409) tolerations.push(value);
        else assert.equal(code, 200, JSON.stringify(body));
      }
    };
    await Promise.all(Array.from({ length: 10 }, tolerate));
    await seen(path, 500);
  });
}
