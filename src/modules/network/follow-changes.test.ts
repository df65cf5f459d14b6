import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { LoadBalancingPolicy, LoadBalancingPolicySpec } from '../../api/network/load-balancing-policy.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { followChanges } from './follow-changes.ts';

test('a policy is about its Services when what it says changes, not when something is told of it', () => {
  const policies = memoryCache<LoadBalancingPolicy>();
  const marked: string[] = [];
  followChanges({ services: memoryCache<Service>(), slices: memoryCache<EndpointSlice>(), policies, facts: { nodeName: 'n1', podCidr: '10.61.0.0/16' } }, (key) => marked.push(key));
  const policy = (algorithm: LoadBalancingPolicySpec['algorithm'], more: Partial<LoadBalancingPolicy> = {}, uid = 'u'): LoadBalancingPolicy => ({ metadata: { name: 'p', namespace: 'shop', uid }, spec: { targetRefs: [{ kind: 'Service', name: 'web' }], algorithm } as LoadBalancingPolicySpec, ...more });
  const marksOf = (step: () => void): number => {
    marked.length = 0;
    step();
    return marked.filter((each) => each === 'shop/web').length;
  };
  assert.equal(marksOf(() => policies.set(policy('LeastConnection'))), 1);
  assert.equal(marksOf(() => policies.set(policy('LeastConnection', { status: { conditions: [] } }))), 0);
  assert.notEqual(marksOf(() => policies.set(policy('Random', { status: { conditions: [] } }))), 0);
  assert.notEqual(marksOf(() => policies.set(policy('Random', {}, 'v'))), 0, 'another one, whose age may decide');
  assert.notEqual(marksOf(() => policies.remove('shop/p')), 0);
});
