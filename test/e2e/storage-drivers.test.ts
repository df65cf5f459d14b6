/** A storage driver (CSI) in a container of its own: registered, told to the cluster, asked for volumes and to take them back. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { it } from 'node:test';
import { eventually } from '../fixtures/instance.ts';
import { call, conformance, create, get, gone, kubectl, namespace, patch, podOf, put, remove, running, until, type Body } from '../conformance/cluster.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NAME = 'lake.example.com';
const kubelet = (): string => join(running().run, 'node/kubelet');
const podPath = (space: string, name: string): string => `/api/v1/namespaces/${space}/pods/${name}`;

/** What the driver was asked, from the call of that number on. */
function calls(from = 0): Body[] {
  const file = join(kubelet(), 'plugins', NAME, 'calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Body).slice(from) : [];
}

/** Pods without grace are gone before what they had. */
const told = (from: number, methods: string): Promise<unknown> => eventually(async () => calls(from).map(({ method }) => method).join(' ') === methods, { what: methods }).catch((error: Error) => assert.fail(`${error.message}, but ${calls(from).map(({ method }) => method).join(' ')}`));

function driverPod(): Body {
  const node = realpathSync(process.execPath);
  const folders: [string, string, boolean][] = [['/usr', '/usr', false], ['/usr/lib', '/lib', false], ['/usr/lib64', '/lib64', false], [ROOT, ROOT, false], ...(node.startsWith('/usr/') || node.startsWith(`${ROOT}/`) ? [] : [[dirname(node), dirname(node), false] as [string, string, boolean]]), [kubelet(), kubelet(), true]];
  return podOf('driver', {
    spec: { volumes: folders.map(([path], index) => ({ name: `v${index}`, hostPath: { path } })), terminationGracePeriodSeconds: 10 },
    container: {
      command: [node, '--disable-warning=ExperimentalWarning', join(ROOT, 'test/fixtures/csi-driver.ts'), kubelet(), NAME], env: [{ name: 'PATH', value: '/usr/sbin:/usr/bin:/bin' }], securityContext: { privileged: true },
      volumeMounts: folders.map(([, mountPath, both], index) => ({ name: `v${index}`, mountPath, ...(both ? { mountPropagation: 'Bidirectional' } : { readOnly: true }) })),
    },
  });
}

const user = (name: string, volume: object, container: object = { volumeMounts: [{ name: 'data', mountPath: '/data' }] }, spec: object = {}): Body => podOf(name, { spec: { volumes: [{ name: 'data', ...volume }], ...spec }, container });
const start = async (space: string, pod: Body): Promise<Body> => {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  return until(podPath(space, pod.metadata.name), ({ status }) => status.phase === 'Running', 40_000);
};
const exec = async (space: string, name: string, script: string): Promise<string> => {
  const { stdout, stderr } = await running().kubectl('exec', '-n', space, name, '--', 'sh', '-c', script);
  return `${stdout}${stderr}`.trim();
};

conformance('storage drivers', [() => {
  it('a driver registers, and the cluster is told', async () => {
    await until('/api/v1/namespaces/default/serviceaccounts/default', () => true);
    await create('/apis/storage.k8s.io/v1/csidrivers', { metadata: { name: NAME }, spec: { attachRequired: true, podInfoOnMount: true, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent', 'Ephemeral'], tokenRequests: [{ audience: 'lake' }] } });
    await start('default', driverPod());
    const { spec } = await until('/apis/storage.k8s.io/v1/csinodes/node1', (each) => each.spec.drivers?.length === 1).catch(async (error: Error) => assert.fail(`${error.message} ${await kubectl('logs', 'driver')}`));
    assert.deepEqual(spec.drivers, [{ name: NAME, nodeID: 'island', topologyKeys: [`topology.${NAME}/shore`], allocatable: { count: 7 } }]);
    const { metadata } = await get('/api/v1/nodes/node1');
    assert.deepEqual([metadata.labels[`topology.${NAME}/shore`], JSON.parse(metadata.annotations['csi.volume.kubernetes.io/nodeid'])], ['north', { [NAME]: 'island' }]);
    await eventually(async () => calls().some(({ method, registered }) => method === 'Registered' && registered));
  });

  it('how many volumes a node may have is asked again as often as the driver wants, and when one too many was attached', async () => {
    const path = `/apis/storage.k8s.io/v1/csidrivers/${NAME}`;
    const has = (count: number): Promise<Body> => until('/apis/storage.k8s.io/v1/csinodes/node1', ({ spec }) => spec.drivers[0].allocatable.count === count, 60_000);
    const most = join(kubelet(), 'plugins', NAME, 'most');
    writeFileSync(most, '9');
    await patch(path, { spec: { nodeAllocatableUpdatePeriodSeconds: 10 } });
    await has(9);
    await patch(path, { spec: { nodeAllocatableUpdatePeriodSeconds: 1_000_000 } });
    const space = await namespace();
    const pv = `/api/v1/persistentvolumes/full-${space}`;
    await create('/api/v1/persistentvolumes', { metadata: { name: `full-${space}` }, spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: '', persistentVolumeReclaimPolicy: 'Retain', csi: { driver: NAME, volumeHandle: `full-${space}` } } });
    await create(`/api/v1/namespaces/${space}/persistentvolumeclaims`, { metadata: { name: 'data' }, spec: { storageClassName: '', volumeName: `full-${space}`, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } });
    await create(`/api/v1/namespaces/${space}/pods`, user('one', { persistentVolumeClaim: { claimName: 'data' } }));
    const attachment = await eventually(async () => (await get('/apis/storage.k8s.io/v1/volumeattachments')).items.find((each: Body) => each.spec.source.persistentVolumeName === `full-${space}`) as Body, { what: 'an attachment' });
    writeFileSync(most, '7');
    await put(`/apis/storage.k8s.io/v1/volumeattachments/${attachment.metadata.name}/status`, { ...attachment, status: { attached: false, attachError: { errorCode: 8, message: 'the shore is full' } } });
    await has(7);
    await remove(podPath(space, 'one'));
    await gone(podPath(space, 'one'));
    await remove(`/api/v1/namespaces/${space}/persistentvolumeclaims/data`);
    await remove(pv);
    await patch(path, { spec: { nodeAllocatableUpdatePeriodSeconds: null } });
  });

  it('a volume is attached, staged once, published to each pod, and given back in reverse', async () => {
    const space = await namespace();
    const pv = `/api/v1/persistentvolumes/lake-${space}`;
    await create(`/api/v1/namespaces/${space}/secrets`, { metadata: { name: 'key' }, stringData: { key: 'opensesame' } });
    await create('/api/v1/persistentvolumes', {
      metadata: { name: `lake-${space}` }, spec: {
        capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: '', persistentVolumeReclaimPolicy: 'Retain', mountOptions: ['noatime'],
        csi: { driver: NAME, volumeHandle: `volume-${space}`, fsType: 'ext4', volumeAttributes: { depth: '7' }, nodeStageSecretRef: { name: 'key', namespace: space } },
      },
    });
    await create(`/api/v1/namespaces/${space}/persistentvolumeclaims`, { metadata: { name: 'data' }, spec: { storageClassName: '', volumeName: `lake-${space}`, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } });
    const from = calls().length;
    const claim = { persistentVolumeClaim: { claimName: 'data' } };
    await create(`/api/v1/namespaces/${space}/pods`, user('one', claim, undefined, { securityContext: { fsGroup: 1234 } }));
    const attachment = await eventually(async () => (await get('/apis/storage.k8s.io/v1/volumeattachments')).items.find((each: Body) => each.spec.source.persistentVolumeName === `lake-${space}`) as Body, { what: 'an attachment' });
    assert.deepEqual([attachment.spec.attacher, attachment.spec.nodeName], [NAME, 'node1']);
    assert.equal(calls(from).length, 0, 'not before it is attached');
    const path = `/apis/storage.k8s.io/v1/volumeattachments/${attachment.metadata.name}`;
    await put(`${path}/status`, { ...attachment, status: { attached: true, attachmentMetadata: { path: '/dev/lake7' } } });
    await until(podPath(space, 'one'), ({ status }) => status.phase === 'Running', 40_000);
    assert.equal(await exec(space, 'one', 'echo water > /data/file; stat -c "%g %a" /data'), '1234 2775');
    await start(space, user('two', { persistentVolumeClaim: { claimName: 'data', readOnly: true } }));
    assert.match(await exec(space, 'two', 'cat /data/file; echo x > /data/file'), /^water\n.*Read-only file system/);
    const metrics = (await running().kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/metrics')).stdout;
    const used = (series: string): number => Number(new RegExp(`^kubelet_volume_stats_${series}\\{namespace="${space}",persistentvolumeclaim="data"\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
    assert.deepEqual(['capacity_bytes', 'available_bytes', 'used_bytes', 'inodes', 'inodes_free', 'inodes_used'].map(used), [1_000, 600, 400, 9, 7, 2], 'as the driver says');
    const [stage, publish, ...rest] = calls(from).filter(({ method }) => method !== 'Registered');
    const { uid } = (await get(podPath(space, 'one'))).metadata;
    assert.deepEqual([stage.method, stage.id, stage.context, stage.secrets, stage.attributes, stage.capability.mount, stage.capability.access.mode], ['NodeStageVolume', `volume-${space}`, { path: '/dev/lake7' }, { key: 'opensesame' }, { depth: '7' }, { fs: 'ext4', flags: ['noatime'] }, 1]);
    assert.deepEqual([publish.method, publish.staging, publish.target, publish.readonly, publish.attributes['csi.storage.k8s.io/pod.uid'], publish.attributes['csi.storage.k8s.io/ephemeral'], publish.attributes.depth], ['NodePublishVolume', stage.staging, join(kubelet(), `pods/${uid}/volumes/kubernetes.io~csi/lake-${space}/mount`), false, uid, 'false', '7']);
    assert.match(JSON.parse(publish.attributes['csi.storage.k8s.io/serviceAccount.tokens']).lake.token, /^ey/);
    assert.deepEqual(rest.map(({ method, readonly }) => [method, readonly]).filter(([method]) => method === 'NodePublishVolume'), [['NodePublishVolume', true]]);
    await running().kill();
    await running().boot();
    await until('/apis/storage.k8s.io/v1/csinodes/node1', (each) => each.spec.drivers?.length === 1);
    await patch(pv, { spec: { capacity: { storage: '3Gi' } } });
    const again = calls().length;
    await start(space, user('three', claim));
    await eventually(async () => calls(again).some(({ method, range }) => method === 'NodeExpandVolume' && range.required === 3 * 2 ** 30));
    await until(`/api/v1/namespaces/${space}/persistentvolumeclaims/data`, ({ status }) => status.capacity.storage === '3Gi');
    // What the driver's own resizer says is larger grows on the node while pods have it.
    await patch(pv, { spec: { capacity: { storage: '5Gi' } } });
    const inUse = calls().length;
    const data = `/api/v1/namespaces/${space}/persistentvolumeclaims/data`;
    const claimed = await get(data);
    await put(`${data}/status`, { ...claimed, status: { ...claimed.status, conditions: [{ type: 'FileSystemResizePending', status: 'True', message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.' }] } });
    await until(data, ({ status }) => status.capacity.storage === '5Gi' && status.conditions === undefined);
    assert.deepEqual(calls(inUse).map(({ method, range }) => [method, range?.required]), [['NodeExpandVolume', 5 * 2 ** 30]], 'nothing else is done again');
    const last = calls().length;
    for (const name of ['one', 'two', 'three']) {
      await remove(podPath(space, name));
      await gone(podPath(space, name));
    }
    await told(last, 'NodeUnpublishVolume NodeUnpublishVolume NodeUnpublishVolume NodeUnstageVolume');
    assert.equal(readFileSync(join(kubelet(), 'plugins', NAME, 'data', `volume-${space}`, 'file'), 'utf8'), 'water\n');
    await eventually(async () => !existsSync(join(kubelet(), 'pods', uid)) && !existsSync(stage.staging));
    await gone(path);
    await remove(`/api/v1/namespaces/${space}/persistentvolumeclaims/data`);
    await remove(pv);
  });

  it('a volume of the pod itself comes without a claim, and a refusal is told', async () => {
    const space = await namespace();
    const from = calls().length;
    await patch(`/apis/storage.k8s.io/v1/csidrivers/${NAME}`, { spec: { serviceAccountTokenInSecrets: true } });
    const { metadata } = await start(space, user('own', { csi: { driver: NAME, volumeAttributes: { depth: '1' } } }));
    assert.equal(await exec(space, 'own', 'echo drop > /data/file; cat /data/file'), 'drop');
    const [publish] = calls(from);
    assert.deepEqual([publish.method, publish.staging, publish.attributes['csi.storage.k8s.io/ephemeral'], publish.attributes.depth], ['NodePublishVolume', '', 'true', '1']);
    assert.match(JSON.parse(publish.secrets['csi.storage.k8s.io/serviceAccount.tokens']).lake.token, /^ey/);
    assert.equal(publish.attributes['csi.storage.k8s.io/serviceAccount.tokens'], undefined, 'which is written into logs');
    await patch(`/apis/storage.k8s.io/v1/csidrivers/${NAME}`, { spec: { serviceAccountTokenInSecrets: null } });
    await remove(podPath(space, 'own'));
    await gone(podPath(space, 'own'));
    await told(from, 'NodePublishVolume NodeUnpublishVolume');
    await eventually(async () => !existsSync(join(kubelet(), 'pods', metadata.uid)));
    await create(`/api/v1/namespaces/${space}/pods`, user('other', { csi: { driver: 'sea.example.com' } }));
    await eventually(async () => (await get(`/api/v1/namespaces/${space}/events`)).items.some((each: Body) => each.reason === 'FailedMount' && /not found in the list of registered CSI drivers|not supported by driver sea/.test(each.message)), { what: 'an event that says what is missing' });
    await remove(podPath(space, 'other'));
    await gone(podPath(space, 'other'));
  });

  it('a block volume is the device that the driver gives', async () => {
    const space = await namespace();
    const from = calls().length;
    await patch(`/apis/storage.k8s.io/v1/csidrivers/${NAME}`, { spec: { podInfoOnMount: false } });
    await create('/api/v1/persistentvolumes', { metadata: { name: `disk-${space}` }, spec: { capacity: { storage: '4Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: '', volumeMode: 'Block', persistentVolumeReclaimPolicy: 'Retain', csi: { driver: NAME, volumeHandle: `disk-${space}` } } });
    await create(`/api/v1/namespaces/${space}/persistentvolumeclaims`, { metadata: { name: 'disk' }, spec: { storageClassName: '', volumeMode: 'Block', volumeName: `disk-${space}`, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '4Mi' } } } });
    await create(`/api/v1/namespaces/${space}/pods`, user('one', { persistentVolumeClaim: { claimName: 'disk' } }, { volumeDevices: [{ name: 'data', devicePath: '/dev/lake' }] }));
    const attachment = await eventually(async () => (await get('/apis/storage.k8s.io/v1/volumeattachments')).items.find((each: Body) => each.spec.source.persistentVolumeName === `disk-${space}`) as Body, { what: 'an attachment' });
    await put(`/apis/storage.k8s.io/v1/volumeattachments/${attachment.metadata.name}/status`, { ...attachment, status: { attached: true } });
    await until(podPath(space, 'one'), ({ status }) => status.phase === 'Running', 40_000);
    assert.equal(await exec(space, 'one', 'test -b /dev/lake && blockdev --getsize64 /dev/lake && echo deep > /dev/lake && head -c 4 /dev/lake'), `${4 * 2 ** 20}\ndeep`);
    await remove(podPath(space, 'one'));
    await gone(podPath(space, 'one'));
    await eventually(async () => calls(from).at(-1).method === 'NodeUnstageVolume', { what: 'the end of the stage' });
    await remove(`/api/v1/namespaces/${space}/persistentvolumeclaims/disk`);
    await remove(`/api/v1/persistentvolumes/disk-${space}`);
  });

  it('a driver that goes is struck off', async () => {
    await remove('/api/v1/namespaces/default/pods/driver', { gracePeriodSeconds: 10 });
    await gone('/api/v1/namespaces/default/pods/driver');
    await until('/apis/storage.k8s.io/v1/csinodes/node1', ({ spec }) => (spec.drivers ?? []).length === 0);
    assert.equal((await call('GET', '/api/v1/nodes/node1')).body.metadata.annotations?.['csi.volume.kubernetes.io/nodeid'], undefined);
  });
}]);
