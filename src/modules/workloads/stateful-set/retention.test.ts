import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { StatefulSet } from '../../../api/generated/apps-v1.ts';
import type { OwnerReference } from '../../../api/meta.ts';
import { wantedOwners } from './retention.ts';

type Keep = 'Retain' | 'Delete';

const pod = (ordinal: number): Pod => ({ metadata: { name: `db-${ordinal}`, uid: 'p' }, spec: { containers: [] } });
const set = (whenDeleted: Keep, whenScaled: Keep): StatefulSet => ({ metadata: { name: 'db', uid: 's' }, spec: { replicas: 2, persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } } as StatefulSet['spec'] });
const claim = (ownerReferences?: OwnerReference[]): PersistentVolumeClaim => ({ metadata: { name: 'data-db-0', ...(ownerReferences === undefined ? {} : { ownerReferences }) } });

const SET: OwnerReference = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's', controller: true, blockOwnerDeletion: true };
const podOwner = (ordinal: number, uid = 'p'): OwnerReference => ({ apiVersion: 'v1', kind: 'Pod', name: `db-${ordinal}`, uid, controller: true, blockOwnerDeletion: true });
const STRANGER: OwnerReference = { apiVersion: 'v1', kind: 'Pod', name: 'other', uid: 'x' };

test('a claim is controlled by whoever takes it along', () => {
  const table: [string, Keep, Keep, number, OwnerReference[] | undefined, OwnerReference[] | undefined][] = [
    ['kept', 'Retain', 'Retain', 0, undefined, undefined],
    ['kept from now on', 'Retain', 'Retain', 0, [SET], []],
    ['kept, scaled away', 'Retain', 'Retain', 3, [podOwner(3)], []],
    ['goes with the set', 'Delete', 'Retain', 0, undefined, [SET]],
    ['goes with the set, scaled away', 'Delete', 'Retain', 3, undefined, [SET]],
    ['has its owner', 'Delete', 'Retain', 0, [SET], undefined],
    ['its owner does not control it yet', 'Delete', 'Retain', 0, [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's' }], [SET]],
    ['goes with a pod that is scaled away', 'Retain', 'Delete', 3, undefined, [podOwner(3)]],
    ['stays while the pod does', 'Retain', 'Delete', 0, [podOwner(0)], []],
    ['both, in its place', 'Delete', 'Delete', 0, [podOwner(0)], [SET]],
    ['both, scaled away', 'Delete', 'Delete', 3, [SET], [podOwner(3)]],
    ['others stay owners', 'Delete', 'Retain', 0, [STRANGER], [STRANGER, SET]],
    ['somebody else controls it', 'Delete', 'Retain', 0, [{ ...STRANGER, controller: true }], undefined],
    ['somebody else controls it, and the set owned it', 'Delete', 'Retain', 0, [{ ...STRANGER, controller: true }, { ...SET, controller: false }], [{ ...STRANGER, controller: true }]],
    ['of an earlier set', 'Delete', 'Delete', 0, [{ ...SET, uid: 'old' }], undefined],
    ['of an earlier pod', 'Delete', 'Delete', 0, [podOwner(0, 'old')], undefined],
    ['of another group', 'Retain', 'Retain', 0, [{ ...SET, apiVersion: 'other/v1', uid: 'y' }], undefined],
  ];
  for (const [why, whenDeleted, whenScaled, ordinal, before, after] of table) assert.deepEqual(wantedOwners(claim(before), set(whenDeleted, whenScaled), pod(ordinal)), after, why);
});
