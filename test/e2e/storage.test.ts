import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { eventually } from '../fixtures/instance.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { conformance, create, get, gone, kubectl, namespace, patch, remove, running, until, type Body } from '../conformance/cluster.ts';

const claim = (name: string, spec: object = {}): Body => ({ metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec } });
const userOf = (name: string, script: string): Body => ({
  metadata: { name }, spec: {
    restartPolicy: 'Never', terminationGracePeriodSeconds: 0, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
  },
});

conformance('storage', [() => {
  it('a volume that was made by hand is bound by what it has, and kept when it is released', async () => {
    const ns = await namespace();
    const claims = `/api/v1/namespaces/${ns}/persistentvolumeclaims`;
    const make = (name: string, storage: string): Promise<Body> => create('/api/v1/persistentvolumes', {
      metadata: { name }, spec: { capacity: { storage }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], storageClassName: `hand-${ns}`, hostPath: { path: '/tmp' } },
    });
    for (const [name, storage] of [['small', '500Mi'], ['fits', '2Gi'], ['large', '20Gi']] as const) await make(`${name}-${ns}`, storage);
    await until(`/api/v1/persistentvolumes/fits-${ns}`, ({ status }) => status.phase === 'Available');
    await create(claims, claim('data', { storageClassName: `hand-${ns}` }));
    await until(`${claims}/data`, ({ status, spec }) => status.phase === 'Bound' && spec.volumeName === `fits-${ns}`);
    await remove(`${claims}/data`);
    await until(`/api/v1/persistentvolumes/fits-${ns}`, ({ status }) => status.phase === 'Released');
    for (const name of ['small', 'fits', 'large']) await remove(`/api/v1/persistentvolumes/${name}-${ns}`);
  });

  it('a claim that names its volume gets that one or none, and is told why', async () => {
    const ns = await namespace();
    const claims = `/api/v1/namespaces/${ns}/persistentvolumeclaims`;
    const storageClassName = `named-${ns}`;
    const volumePath = (name: string): string => `/api/v1/persistentvolumes/${name}-${ns}`;
    const make = (name: string, more: object = {}): Promise<Body> => create('/api/v1/persistentvolumes', { metadata: { name: `${name}-${ns}` }, spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'], storageClassName, persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/tmp' }, ...more } });
    const told = (name: string, reason: string, message: RegExp): Promise<unknown> => eventually(async () => (await get(`/api/v1/namespaces/${ns}/events`)).items.some((each: Body) => each.involvedObject.name === name && each.reason === reason && message.test(each.message)), { what: `${reason} of ${name}` });
    const bound = (name: string): Promise<Body> => until(`${claims}/${name}`, ({ status }) => status.phase === 'Bound');
    await make('small', { capacity: { storage: '1Mi' } });
    await create(claims, claim('large', { storageClassName, volumeName: `small-${ns}` }));
    await told('large', 'VolumeMismatch', /requested PV is too small/);
    await create(claims, claim('early', { storageClassName, volumeName: `late-${ns}` }));
    await make('late');
    const { metadata } = await bound('early');
    assert.deepEqual([metadata.annotations['pv.kubernetes.io/bound-by-controller'], (await get(volumePath('late'))).metadata.annotations?.['pv.kubernetes.io/bound-by-controller']], [undefined, 'yes']);
    await create(claims, claim('second', { storageClassName, volumeName: `late-${ns}` }));
    await told('second', 'FailedBinding', /already bound to a different claim/);
    await patch(`${claims}/second`, { metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } } });
    await told('second', 'ClaimMisbound', /bound incorrectly/);
    // Kept by hand for a claim that has found another: it is free for the next of that name.
    const { uid } = await make('other', { claimRef: { namespace: ns, name: 'early' } }).then(() => get(`${claims}/early`)).then((each) => each.metadata);
    await patch(volumePath('other'), { spec: { claimRef: { uid } } });
    await until(volumePath('other'), ({ spec, status }) => spec.claimRef.uid === undefined && spec.claimRef.name === 'early' && status.phase === 'Available');
    await patch(volumePath('late'), { metadata: { finalizers: null } });
    await remove(volumePath('late'));
    const lost = await until(`${claims}/early`, ({ status }) => status.phase === 'Lost');
    assert.deepEqual([lost.status.accessModes, lost.status.capacity], [undefined, undefined]);
    for (const name of ['large', 'early', 'second']) await remove(`${claims}/${name}`);
    for (const name of ['small', 'other']) await remove(volumePath(name));
  });

  it('attributes of volumes stay while a claim uses them', async () => {
    const ns = await namespace();
    const [claims, attributes] = [`/api/v1/namespaces/${ns}/persistentvolumeclaims`, `/apis/storage.k8s.io/v1/volumeattributesclasses/fast-${ns}`];
    const made = await create('/apis/storage.k8s.io/v1/volumeattributesclasses', { metadata: { name: `fast-${ns}` }, driverName: 'example.com', parameters: { speed: 'high' } });
    assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/vac-protection']);
    await create(claims, claim('data', { volumeAttributesClassName: `fast-${ns}` }));
    await remove(attributes);
    await new Promise((settle) => setTimeout(settle, 500));
    assert.notEqual((await get(attributes)).metadata.deletionTimestamp, undefined);
    await remove(`${claims}/data`);
    await gone(attributes);
  });

  it('a stateful set keeps the data of each of its pods', async () => {
    const ns = await namespace();
    const sets = `/apis/apps/v1/namespaces/${ns}/statefulsets`;
    const { spec } = userOf('x', 'echo "$(hostname)" >> /data/names; sleep 1000000');
    const template = { metadata: { labels: { app: 'db' } }, spec: { terminationGracePeriodSeconds: 0, containers: spec.containers } };
    await create(sets, { metadata: { name: 'db' }, spec: { serviceName: 'db', replicas: 2, selector: { matchLabels: { app: 'db' } }, template, volumeClaimTemplates: [claim('data')] } });
    await until(`${sets}/db`, ({ status }) => status.readyReplicas === 2);
    const before = (await get(`/api/v1/namespaces/${ns}/pods/db-1`)).metadata.uid;
    await remove(`/api/v1/namespaces/${ns}/pods/db-1`);
    await until(`/api/v1/namespaces/${ns}/pods/db-1`, (pod) => pod.metadata.uid !== before && pod.status.phase === 'Running');
    await eventually(async () => (await kubectl('exec', '-n', ns, 'db-1', '--', 'cat', '/data/names')) === 'db-1\ndb-1\n', { what: 'two lines' });
    assert.equal(await kubectl('exec', '-n', ns, 'db-0', '--', 'cat', '/data/names'), 'db-0\n');
    await patch(`${sets}/db`, { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } } });
    await eventually(async () => (await get(`/api/v1/namespaces/${ns}/persistentvolumeclaims`)).items.every((each: Body) => each.metadata.ownerReferences?.length === 1), { what: 'owned claims' });
    await remove(`${sets}/db`, { propagationPolicy: 'Background' });
    await gone(`/api/v1/namespaces/${ns}/persistentvolumeclaims/data-db-0`);
  });

  it('the reclaim policy holds when a volume is deleted before its claim', async () => {
    const ns = await namespace();
    await create(`/api/v1/namespaces/${ns}/persistentvolumeclaims`, claim('data'));
    await create(`/api/v1/namespaces/${ns}/pods`, userOf('writer', 'echo kept > /data/file'));
    const { spec: { volumeName } } = await until(`/api/v1/namespaces/${ns}/persistentvolumeclaims/data`, ({ status }) => status.phase === 'Bound');
    await until(`/api/v1/namespaces/${ns}/pods/writer`, (pod) => pod.status.phase === 'Succeeded');
    await remove(`/api/v1/persistentvolumes/${volumeName}`);
    const { spec } = await get(`/api/v1/persistentvolumes/${volumeName}`);
    assert.ok(existsSync(spec.hostPath.path), 'a claim has it');
    await remove(`/api/v1/namespaces/${ns}/persistentvolumeclaims/data`);
    await gone(`/api/v1/persistentvolumes/${volumeName}`);
    assert.equal(existsSync(spec.hostPath.path), false);
  });
}], { concurrency: 2, alone: [() => {
  it('a claim waits for its first pod, keeps what it writes, and goes with its folder', async () => {
    const ns = await namespace();
    const claims = `/api/v1/namespaces/${ns}/persistentvolumeclaims`;
    const pods = `/api/v1/namespaces/${ns}/pods`;
    assert.match(await kubectl('get', 'storageclass'), /local-path \(default\)\s+llmos\.dev\/local-path\s+Delete\s+WaitForFirstConsumer\s+true/);
    await create(claims, claim('data'));
    await eventually(async () => (await get(`/api/v1/namespaces/${ns}/events`)).items.some((each: Body) => each.reason === 'WaitForFirstConsumer'), { what: 'the event WaitForFirstConsumer' });
    assert.equal((await get(`${claims}/data`)).status.phase, 'Pending');
    await create(pods, userOf('writer', 'echo kept > /data/file'));
    await until(`${pods}/writer`, (pod) => pod.status.phase === 'Succeeded');
    const bound = await until(`${claims}/data`, ({ status }) => status.phase === 'Bound' && status.capacity.storage === '1Gi');
    const [node] = (await get('/api/v1/nodes')).items;
    const { annotations } = bound.metadata;
    assert.deepEqual([annotations['volume.kubernetes.io/storage-provisioner'], annotations['volume.beta.kubernetes.io/storage-provisioner'], annotations['volume.kubernetes.io/selected-node']], ['llmos.dev/local-path', 'llmos.dev/local-path', node.metadata.name]);
    assert.equal(node.metadata.annotations['volumes.kubernetes.io/controller-managed-attach-detach'], 'true');
    const volume = await until(`/api/v1/persistentvolumes/${bound.spec.volumeName}`, ({ status }) => status.phase === 'Bound');
    await create(pods, userOf('reader', 'test "$(cat /data/file)" = kept && sleep 1000000'));
    const reader = await until(`${pods}/reader`, (pod) => pod.status.phase === 'Running');
    await running().kill();
    await running().boot();
    await until(`${pods}/reader`, (pod) => pod.status.phase === 'Running' && pod.status.containerStatuses[0].containerID === reader.status.containerStatuses[0].containerID);
    await new Promise((settle) => setTimeout(settle, 500));
    assert.equal((await get(`${pods}/reader`)).status.containerStatuses[0].restartCount, 0, 'llmos was killed, the container goes on');
    await remove(`${claims}/data`);
    assert.match(await kubectl('get', 'pvc', '-n', ns), /data\s+Terminating\s+pvc-\S+\s+1Gi\s+RWO\s+local-path/);
    await remove(`${pods}/reader`);
    await gone(`${claims}/data`);
    await gone(`/api/v1/persistentvolumes/${bound.spec.volumeName}`);
    assert.equal(existsSync(volume.spec.hostPath.path), false);
  });
}] });
