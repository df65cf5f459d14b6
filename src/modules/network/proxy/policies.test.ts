/** What the condition Programmed of a LoadBalancingPolicy says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { Pod } from '../../../api/core/pod.ts';
import { Service } from '../../../api/core/service.ts';
import { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { LoadBalancingPolicy, type LoadBalancingPolicySpec } from '../../../api/network/load-balancing-policy.ts';
import { NetworkPolicy } from '../../../api/networking/network-policy.ts';
import type { ReconcileContext } from '../../../sdk/controller.ts';
import { runController } from '../../../sdk/run-controller.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { memoryCache, type MemoryCache } from '../../../sdk/testing/memory-cache.ts';
import { policyStatus } from './policies.ts';

/** As `status reason message`. */
async function programmed(spec: Partial<LoadBalancingPolicySpec>, { protocol = 'TCP', whyNone, forWhom = 'shop/web' }: { protocol?: string; whyNone?: string; forWhom?: string } = {}): Promise<string> {
  const known = new Map<unknown, MemoryCache<KubeObject>>([Pod, Service, EndpointSlice, LoadBalancingPolicy, NetworkPolicy].map((kind) => [kind, memoryCache<KubeObject>()]));
  const policy: LoadBalancingPolicy = { metadata: { name: 'p', namespace: 'shop', uid: 'u' }, spec: { targetRefs: [{ kind: 'Service', name: 'web' }], ...spec } };
  known.get(Service)!.set({ metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol }] } } as KubeObject);
  known.get(LoadBalancingPolicy)!.set(policy);
  let written: LoadBalancingPolicy | undefined;
  const client = { update: async (_kind: Kind, object: LoadBalancingPolicy) => (written = object) };
  const context = { client, caches: { of: (kind: unknown) => known.get(kind) }, clock: { nowMs: () => 0 } } as unknown as ReconcileContext;
  await policyStatus({ whyNone: (service) => (service === forWhom ? whyNone : undefined), follow: () => () => {} }).reconcile('shop/p', policy, context);
  const { status = '', reason = '', message = '' } = written?.status?.conditions?.find(({ type }) => type === 'Programmed') ?? {};
  return `${status} ${reason} ${message}`;
}

test('connections are shared as a policy says where what it asks for can be had', async () => {
  const fine = 'True Programmed connections are shared as it says';
  assert.deepEqual(await programmed({ algorithm: 'LeastConnection' }), fine);
  assert.deepEqual(await programmed({ algorithm: 'LeastConnection' }, { whyNone: 'spawn haproxy ENOENT' }), 'False SharedByKernel HAProxy cannot be had: as long as it is so, the kernel shares the connections of shop/web in turn, without health checks: spawn haproxy ENOENT');
  assert.equal(await programmed({ algorithm: 'LeastConnection' }, { whyNone: 'no port is free', forWhom: 'shop/other' }), fine);
  assert.deepEqual(await programmed({ algorithm: 'Random' }, { whyNone: 'spawn haproxy ENOENT' }), fine, 'the kernel does that');
  assert.match(await programmed({ algorithm: 'Random', slowStart: '1s' }, { protocol: 'UDP' }), /^False SharedByKernel service shop\/web has no port of TCP/);
  assert.equal(await programmed({ algorithm: 'Weighted' }, { protocol: 'UDP' }), fine);
});

test('a policy is looked at when the proxy turns, and not by the clock', async () => {
  const policies = memoryCache<LoadBalancingPolicy>();
  const services = memoryCache<Service>();
  const known = new Map<unknown, unknown>([[LoadBalancingPolicy, policies], [Service, services], ...[Pod, EndpointSlice, NetworkPolicy].map((kind) => [kind, memoryCache()] as const)]);
  services.set({ metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol: 'TCP' }] } });
  policies.set({ metadata: { name: 'p', namespace: 'shop', uid: 'u' }, spec: { targetRefs: [{ kind: 'Service', name: 'web' }], algorithm: 'LeastConnection' } });
  let [whyNone, turned, writes]: [string | undefined, () => void, number] = [undefined, () => {}, 0];
  const client = { async update(_kind: Kind, object: LoadBalancingPolicy) { writes++; policies.set(object); } };
  const stop = new AbortController();
  const context = { client, caches: { of: (kind: unknown) => known.get(kind) }, clock: { nowMs: () => 0 }, log: silentLog, signal: stop.signal } as unknown as ReconcileContext;
  const controller = policyStatus({ whyNone: () => whyNone, follow: (tell) => { turned = tell; return () => void (turned = () => assert.fail('it has ended')); } });
  const running = runController(controller, context);
  const reason = (): string | undefined => policies.get('shop/p')?.status?.conditions?.find(({ type }) => type === 'Programmed')?.reason;
  const turns = async (why: string | undefined, expected: string): Promise<void> => {
    whyNone = why;
    turned();
    await eventually(async () => reason() === expected, { what: expected, timeoutMs: 5_000 });
  };
  await eventually(async () => reason() === 'Programmed', { what: 'it is well at first' });
  await turns('it ended', 'SharedByKernel');
  await turns(undefined, 'Programmed');
  assert.equal(await controller.reconcile('shop/p', policies.get('shop/p'), context), undefined);
  assert.equal(writes, 3);
  stop.abort();
  await running;
  assert.throws(turned, /it has ended/);
});
