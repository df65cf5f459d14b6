import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { capacityFor, claimNames, claimStep, PROVISIONER, volumeFor } from './plan.ts';

const claim = (spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim => ({ metadata: { name: 'data', namespace: 'default', uid: 'c1' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'local', ...spec } });
const volume = (name: string, storage: string, spec: PersistentVolume['spec'] = {}): PersistentVolume => ({ metadata: { name, labels: { tier: name } }, spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'local', ...spec } });
const storageClass = (more: Partial<StorageClass> = {}): StorageClass => ({ metadata: { name: 'local' }, provisioner: PROVISIONER, ...more });
const user: Pod = { metadata: { name: 'p' }, spec: { nodeName: 'n1', containers: [] } };

test('a claim waits, is bound, or gets a volume made', () => {
  const waits = storageClass({ volumeBindingMode: 'WaitForFirstConsumer' });
  const table: [string, PersistentVolumeClaim, PersistentVolume[], StorageClass | undefined, Pod[], string][] = [
    ['no pod yet', claim(), [volume('a', '2Gi')], waits, [], 'WaitForFirstConsumer'],
    ['a pod that has no node', claim(), [], waits, [{ metadata: {}, spec: { containers: [] } }], 'WaitForPodScheduled'],
    ['a node that was chosen', { ...claim(), metadata: { ...claim().metadata, annotations: { 'volume.kubernetes.io/selected-node': 'n1' } } }, [], waits, [], 'provision'],
    ['a pod with a node', claim(), [], waits, [user], 'provision'],
    ['at once', claim(), [], storageClass(), [], 'provision'],
    ['the smallest that fits', claim(), [volume('large', '9Gi'), volume('small', '500Mi'), volume('fits', '2Gi')], storageClass(), [], 'fits'],
    ['another mode of access', claim({ accessModes: ['ReadWriteMany'] }), [volume('a', '2Gi')], storageClass(), [], 'provision'],
    ['taken', claim(), [volume('a', '2Gi', { claimRef: { name: 'other', namespace: 'default' } })], storageClass(), [], 'provision'],
    ['kept for it', claim(), [volume('free', '1Gi'), volume('mine', '9Gi', { claimRef: { name: 'data', namespace: 'default' } })], storageClass(), [], 'mine'],
    ['kept for it, and too small', claim(), [volume('free', '1Gi'), volume('mine', '1Mi', { claimRef: { name: 'data', namespace: 'default' } })], storageClass(), [], 'free'],
    ['kept for it, of another class', claim(), [volume('mine', '9Gi', { storageClassName: 'other', claimRef: { name: 'data', namespace: 'default' } })], storageClass(), [], 'mine'],
    ['kept for it, of another mode', claim(), [volume('mine', '9Gi', { volumeMode: 'Block', claimRef: { name: 'data', namespace: 'default' } })], storageClass(), [], 'provision'],
    ['free, and given up', claim(), [{ ...volume('a', '2Gi'), status: { phase: 'Failed' } }], storageClass(), [], 'provision'],
    ['kept for an earlier claim of that name', claim(), [volume('a', '2Gi', { claimRef: { name: 'data', namespace: 'default', uid: 'c0' } })], storageClass(), [], 'provision'],
    ['by label', claim({ selector: { matchLabels: { tier: 'b' } } }), [volume('a', '1Gi'), volume('b', '2Gi')], storageClass(), [], 'b'],
    ['no class', claim({ storageClassName: '' }), [], undefined, [], 'FailedBinding'],
    ['a class that is not there', claim(), [], undefined, [], 'ProvisioningFailed'],
    ['a block device', claim({ volumeMode: 'Block' }), [], storageClass(), [], 'provision'],
    ['attributes that nobody could set', claim({ volumeAttributesClassName: 'fast' }), [], storageClass(), [], 'ProvisioningFailed'],
    ['made by somebody else', claim(), [], storageClass({ provisioner: 'example.com/disk' }), [], 'ExternalProvisioning'],
  ];
  for (const [why, of, volumes, itsClass, users, wanted] of table) {
    const step = claimStep({ claim: of, volumes, storageClass: itsClass, users });
    assert.equal(step.do === 'bind' ? step.volume.metadata.name : step.do === 'wait' ? step.reason : step.do, wanted, why);
  }
});

test('a volume is a folder of the node, for one claim', () => {
  assert.deepEqual(['1Gi', '5Mi'].map((storage) => capacityFor({ metadata: {}, spec: { resources: { requests: { storage } } } }, 16 * 2 ** 20)), ['1Gi', '16Mi']);
  const { metadata, spec } = volumeFor(claim(), storageClass({ reclaimPolicy: 'Retain', mountOptions: ['noatime'] }), { folder: '/state/volumes', node: { metadata: { name: 'n1' } } });
  assert.equal(metadata.name, 'pvc-c1');
  assert.deepEqual([spec?.hostPath?.path, spec?.persistentVolumeReclaimPolicy, spec?.claimRef?.uid, spec?.mountOptions], ['/state/volumes/pvc-c1_default_data', 'Retain', 'c1', ['noatime']]);
});

test('the claims of a pod', () => {
  const volumes = [{ name: 'a', persistentVolumeClaim: { claimName: 'data' } }, { name: 'b', ephemeral: {} }, { name: 'c', emptyDir: {} }];
  assert.deepEqual(claimNames({ metadata: { name: 'web' }, spec: { containers: [], volumes } }), ['data', 'web-b']);
});
