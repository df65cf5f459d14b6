import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, ServiceAccount } from '../../../api/generated/core-v1.ts';
import { giveServiceAccount, TOKEN_PATH } from './mount.ts';

const account: ServiceAccount = { metadata: { name: 'default' } };

test('every container gets the token, but where something else is mounted', () => {
  const pod = { metadata: {}, spec: { initContainers: [{ name: 'i' }], containers: [{ name: 'a' }, { name: 'b', volumeMounts: [{ name: 'own', mountPath: TOKEN_PATH }] }] } } as Pod;
  giveServiceAccount(pod, account, 'abcde');
  assert.deepEqual(pod.spec?.volumes?.map((each) => each.name), ['kube-api-access-abcde']);
  assert.deepEqual([...pod.spec!.initContainers!, ...pod.spec!.containers].map((each) => each.volumeMounts?.[0]?.name), ['kube-api-access-abcde', 'kube-api-access-abcde', 'own']);
});

test('a pod that lacks what it must have is left to validation', () => {
  for (const spec of [undefined, {}, { containers: [] }, { containers: [{}], volumes: [{}] }]) {
    assert.doesNotThrow(() => giveServiceAccount({ metadata: {}, spec } as unknown as Pod, account, 'abcde'), JSON.stringify(spec));
  }
});
