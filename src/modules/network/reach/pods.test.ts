import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podProxyRoute } from './pods.ts';

test('no request goes on to a pod without an address, nor to one that is none of a pod (upstream: registry/core/pod, ResourceLocation)', async () => {
  for (const [status, what] of [[undefined, /^address not allowed: the pod has none yet; its phase is Pending$/], [{ podIP: '127.0.0.1' }, /^address not allowed: 127\.0\.0\.1 /]] as const) {
    const object = { metadata: { name: 'p', namespace: 'a' }, spec: { containers: [] }, ...(status === undefined ? {} : { status }) };
    await assert.rejects(async () => podProxyRoute.handle({ name: 'p', object } as never), { reason: 'BadRequest', message: what });
  }
});
