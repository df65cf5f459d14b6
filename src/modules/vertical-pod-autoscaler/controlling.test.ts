import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { ApiError, notFound, type StatusReason } from '../../api/errors.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { topmostController } from './controlling.ts';

const pod = { metadata: { name: 'web-1-x', namespace: 'default', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'r', controller: true }] } };
const above = (get: () => Promise<unknown>) => topmostController(pod, { client: { get }, kinds: { find: () => ReplicaSet } } as unknown as ModuleContext);

test('who is above a pod is not guessed while that cannot be read', async () => {
  const refused = (reason: StatusReason) => above(() => Promise.reject(new ApiError(reason, 'not now')));
  await assert.rejects(refused('ServiceUnavailable'), /not now/);
  await assert.rejects(above(() => Promise.reject(new Error('ECONNREFUSED'))), /ECONNREFUSED/);
  const own = { kind: 'ReplicaSet', name: 'web-1' };
  assert.deepEqual([await refused('Forbidden'), await above(() => Promise.reject(notFound(ReplicaSet, 'web-1'))), await above(() => Promise.resolve({ metadata: {} }))], [own, own, own]);
});
