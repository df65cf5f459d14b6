/** What the condition Programmed of a LoadBalancingPolicy says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '../../../api/core/pod.ts';
import { Service } from '../../../api/core/service.ts';
import { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { LoadBalancingPolicy, type LoadBalancingPolicySpec } from '../../../api/network/load-balancing-policy.ts';
import { NetworkPolicy } from '../../../api/networking/network-policy.ts';
import type { ReconcileContext } from '../../../sdk/controller.ts';
import { memoryCache, type MemoryCache } from '../../../sdk/testing/memory-cache.ts';
import { policyStatus } from './policies.ts';

/** As `status reason message`, and when it is looked again. */
async function programmed(spec: Partial<LoadBalancingPolicySpec>, { protocol = 'TCP', whyNone }: { protocol?: string; whyNone?: string } = {}): Promise<{ said: string; requeueAfterMs: number | undefined }> {
  const known = new Map<unknown, MemoryCache<KubeObject>>([Pod, Service, EndpointSlice, LoadBalancingPolicy, NetworkPolicy].map((kind) => [kind, memoryCache<KubeObject>()]));
  const policy: LoadBalancingPolicy = { metadata: { name: 'p', namespace: 'shop', uid: 'u' }, spec: { targetRefs: [{ kind: 'Service', name: 'web' }], ...spec } };
  known.get(Service)!.set({ metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol }] } } as KubeObject);
  known.get(LoadBalancingPolicy)!.set(policy);
  let written: LoadBalancingPolicy | undefined;
  const client = { update: async (_kind: Kind, object: LoadBalancingPolicy) => (written = object) };
  const context = { client, caches: { of: (kind: unknown) => known.get(kind) }, clock: { nowMs: () => 0 } } as unknown as ReconcileContext;
  const again = await policyStatus(() => whyNone).reconcile('shop/p', policy, context);
  const { status = '', reason = '', message = '' } = written?.status?.conditions?.find(({ type }) => type === 'Programmed') ?? {};
  return { said: `${status} ${reason} ${message}`, requeueAfterMs: again?.requeueAfterMs };
}

test('connections are shared as a policy says where what it asks for can be had', async () => {
  const fine = 'True Programmed connections are shared as it says';
  assert.deepEqual(await programmed({ algorithm: 'LeastConnection' }), { said: fine, requeueAfterMs: 10_000 });
  assert.deepEqual(await programmed({ algorithm: 'LeastConnection' }, { whyNone: 'spawn haproxy ENOENT' }), { said: 'False SharedByKernel HAProxy cannot be had: as long as it is so, the kernel shares the connections of shop/web in turn, without health checks: spawn haproxy ENOENT', requeueAfterMs: 10_000 });
  assert.deepEqual(await programmed({ algorithm: 'Random' }, { whyNone: 'spawn haproxy ENOENT' }), { said: fine, requeueAfterMs: undefined }, 'the kernel does that');
  assert.match((await programmed({ algorithm: 'Random', slowStart: '1s' }, { protocol: 'UDP' })).said, /^False SharedByKernel service shop\/web has no port of TCP/);
  assert.equal((await programmed({ algorithm: 'Weighted' }, { protocol: 'UDP' })).said, fine);
});
