import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../kind.ts';
import { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';

const CASES: [Kind, object, object, string[]][] = [
  [Deployment, { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 0 }, {}, []],
  [Deployment, {}, {}, []],
  [Deployment, { unavailableReplicas: -1 }, {}, ['status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0']],
  [Deployment, { replicas: 1, updatedReplicas: 2 }, {}, ['status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas']],
  [Deployment, { replicas: 2, readyReplicas: 1, availableReplicas: 2 }, {}, ['status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas']],
  [Deployment, { collisionCount: 1 }, { collisionCount: 2 }, ['status.collisionCount: Invalid value: 1: cannot be decremented']],
  [Deployment, {}, { collisionCount: 2 }, ['status.collisionCount: Invalid value: null: cannot be decremented']],
  [ReplicaSet, { replicas: 1, fullyLabeledReplicas: 2 }, {}, ['status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas']],
  [StatefulSet, { replicas: 1, currentReplicas: 2 }, {}, ['status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas']],
  [DaemonSet, { numberReady: -1 }, {}, ['status.numberReady: Invalid value: -1: must be greater than or equal to 0']],
];

for (const [kind, status, old, expected] of CASES) test(`${kind.kind}: ${expected[0] ?? JSON.stringify(status)}`, () => {
  const made = (of: object): KubeObject => ({ apiVersion: 'apps/v1', kind: kind.kind, metadata: { name: 'x' }, status: of }) as KubeObject;
  assert.deepEqual(kind.rules.validateStatus!(made(status), made(old)).map(({ field, message }) => `${field}: ${message}`), expected);
});
