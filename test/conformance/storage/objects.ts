/** [sig-storage] The objects of storage: drivers, nodes, capacities, attachments, classes, volumes and claims. */
import assert from 'node:assert/strict';
import { behaviour, create, get, gone, namespace, ok, patch, podOf, put, remove, until, type Body } from '../cluster.ts';
import { eventually } from '../../fixtures/instance.ts';
import { liveThrough } from '../resource-life.ts';

const STORAGE = { group: 'storage.k8s.io', version: 'v1', subresources: [] };
const ATTACHMENTS = '/apis/storage.k8s.io/v1/volumeattachments';
const attachment = (name: string): Body => ({ metadata: { name }, spec: { attacher: 'example.com', nodeName: 'nowhere', source: { persistentVolumeName: 'none' } } });

export function objects(): void {
  behaviour('CSIInlineVolumes should run through the lifecycle of a CSIDriver', () => liveThrough({ ...STORAGE, plural: 'csidrivers', make: (name) => ({ metadata: { name }, spec: { attachRequired: false } }) }));
  behaviour('CSIInlineVolumes should support CSIVolumeSource in Pod API', async () => {
    const pods = `/api/v1/namespaces/${await namespace()}/pods`;
    const volume = { name: 'inline', csi: { driver: 'e2e.example.com', volumeAttributes: { size: '1Gi' } } };
    // Bound to no node, so that nobody looks for the driver.
    await create(pods, podOf('p', { spec: { volumes: [volume], schedulerName: 'nobody' } }));
    assert.deepEqual((await get(`${pods}/p`)).spec.volumes.find((each: Body) => each.name === 'inline'), volume);
    await patch(`${pods}/p`, { metadata: { labels: { patched: 'true' } } });
    assert.equal((await get(`${pods}?labelSelector=patched%3Dtrue`)).items.length, 1);
    await remove(`${pods}/p`);
    await gone(`${pods}/p`);
  });
  behaviour('CSINodes CSI Conformance should run through the lifecycle of a csinode', () => liveThrough({ ...STORAGE, plural: 'csinodes', make: (name) => ({ metadata: { name }, spec: { drivers: [{ name: 'example.com', nodeID: name }] } }) }));
  behaviour('CSIStorageCapacity should support CSIStorageCapacities API operations', async () => {
    await liveThrough({ ...STORAGE, plural: 'csistoragecapacities', namespace: await namespace(), make: (name) => ({ metadata: { name }, storageClassName: 'example', capacity: '1Gi' }) });
  });
  behaviour('VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment', () => liveThrough({ ...STORAGE, plural: 'volumeattachments', make: attachment }));
  behaviour('VolumeAttachment Conformance should apply changes to a volumeattachment status', async () => {
    const made = await create(ATTACHMENTS, { ...attachment('status'), status: { attached: true } });
    assert.equal(made.status.attached, false, 'a creator does not set status');
    const patched = await patch(`${ATTACHMENTS}/status/status`, { status: { attached: true } });
    assert.equal(patched.status.attached, true);
    assert.equal((await put(`${ATTACHMENTS}/status/status`, { ...patched, status: { attached: false } })).status.attached, false);
    await remove(`${ATTACHMENTS}/status`);
    await gone(`${ATTACHMENTS}/status`);
  });
  behaviour('StorageClasses CSI Conformance should run through the lifecycle of a StorageClass', () => liveThrough({ ...STORAGE, plural: 'storageclasses', make: (name) => ({ metadata: { name }, provisioner: 'example.com' }) }));
  behaviour('VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass', () => liveThrough({ ...STORAGE, plural: 'volumeattributesclasses', isProtected: true, make: (name) => ({ metadata: { name }, driverName: 'example.com', parameters: { speed: 'high' } }) }));

  behaviour('PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC', async () => {
    const life = await pair(await namespace());
    await patch(life.volume, { metadata: { labels: { patched: 'true' } } });
    await patch(life.claim, { metadata: { labels: { patched: 'true' } } });
    assert.equal((await get(`/api/v1/persistentvolumes?labelSelector=patched%3Dtrue,life%3D${life.space}`)).items.length, 1);
    assert.equal((await get(`${life.claims}?labelSelector=patched%3Dtrue`)).items.length, 1);
    for (const path of [life.claim, life.volume]) {
      await remove(path);
      await gone(path);
    }
    const again = await pair(life.space);
    for (const path of [again.volume, again.claim]) {
      await eventually(async () => {
        const now = await get(path);
        return put(path, { ...now, metadata: { ...now.metadata, labels: { ...now.metadata.labels, updated: 'true' } } }).then(() => true, () => false); // a controller may have written in between
      }, { what: 'an update' });
      assert.equal((await get(path)).metadata.labels.updated, 'true');
    }
    await ok('DELETE', `${life.claims}?labelSelector=updated%3Dtrue`);
    await ok('DELETE', `/api/v1/persistentvolumes?labelSelector=life%3D${life.space}`);
    for (const path of [again.claim, again.volume]) await gone(path);
  });
  behaviour('PersistentVolumes CSI Conformance should apply changes to a pv/pvc status', async () => {
    const life = await pair(await namespace());
    assert.ok(['Pending', 'Bound'].includes((await get(`${life.claim}/status`)).status.phase));
    await until(`${life.volume}/status`, ({ status }) => status.phase === 'Available' || status.phase === 'Bound');
    const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E patchStatus', message: 'Set by e2e test' };
    await patch(`${life.claim}/status`, { status: { conditions: [condition] } });
    await patch(`${life.volume}/status`, { status: { message: 'StatusPatched', reason: 'E2E patchStatus' } });
    await until(life.claim, ({ status }) => status.conditions?.some((each: Body) => each.type === 'StatusPatched'));
    await until(life.volume, ({ status }) => status.reason === 'E2E patchStatus');
    await replaceStatus(life.claim, (status) => ({ ...status, conditions: [...(status.conditions ?? []), { ...condition, type: 'StatusUpdated' }] }));
    await replaceStatus(life.volume, (status) => ({ ...status, reason: 'E2E updateStatus', message: 'StatusUpdated' }));
    assert.ok((await get(life.claim)).status.conditions.some((each: Body) => each.type === 'StatusUpdated'));
    assert.equal((await get(life.volume)).status.reason, 'E2E updateStatus');
    for (const path of [life.claim, life.volume]) {
      await remove(path);
      await gone(path);
    }
  });
}

/** A volume and the claim that it is for. */
async function pair(space: string): Promise<{ space: string; volume: string; claim: string; claims: string }> {
  const claims = `/api/v1/namespaces/${space}/persistentvolumeclaims`;
  const shared = { storageClassName: `class-${space}`, accessModes: ['ReadWriteOnce'] };
  const volume = await create('/api/v1/persistentvolumes', { metadata: { generateName: `${space}-`, labels: { life: space } }, spec: { ...shared, capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/tmp' } } });
  const claim = await create(claims, { metadata: { generateName: 'claim-' }, spec: { ...shared, resources: { requests: { storage: '1Gi' } } } });
  return { space, claims, volume: `/api/v1/persistentvolumes/${volume.metadata.name}`, claim: `${claims}/${claim.metadata.name}` };
}

async function replaceStatus(path: string, change: (status: Body) => Body): Promise<void> {
  await eventually(async () => {
    const now = await get(`${path}/status`);
    return put(`${path}/status`, { ...now, status: change(now.status) }).then(() => true, () => false);
  }, { what: `a status of ${path}` });
}
