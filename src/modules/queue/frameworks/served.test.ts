import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../api/meta.ts';
import type { ModuleContext } from '../../../sdk/index.ts';
import { createOrder } from '../owner.ts';
import { createFrameworks } from './served.ts';

test('whose part an object is cannot be told while the definition of its owner may be on its way, and later it is nobody\'s', async () => {
  let nowMs = 1_000_000;
  const context = { clock: { nowMs: () => nowMs }, kinds: { list: () => [], find: () => undefined, subscribe: () => () => {} }, caches: { of: () => assert.fail('nothing is read') }, signal: new AbortController().signal } as unknown as ModuleContext;
  const { isPart } = createFrameworks(context, createOrder(() => nowMs));
  const owned = (apiVersion: string, kind: string): KubeObject => ({ metadata: { name: 'a', namespace: 'default', ownerReferences: [{ apiVersion, kind, name: 'b', uid: 'u', controller: true }] } });
  assert.deepEqual([await isPart(owned('ray.io/v1', 'RayJob')), await isPart(owned('jobset.x-k8s.io/v1alpha2', 'JobSet')), await isPart(owned('example.com/v1', 'RayJob')), await isPart({ metadata: { name: 'a' } })], [undefined, undefined, false, false]);
  nowMs += 60_000;
  assert.deepEqual([await isPart(owned('ray.io/v1', 'RayJob')), await isPart(owned('jobset.x-k8s.io/v1alpha2', 'JobSet'))], [false, false]);
});
