/** Tells LoadBalancingPolicies whether they count. */
import type { LoadBalancingPolicy, PolicyCondition } from '../../../api/network/load-balancing-policy.ts';
import { LoadBalancingPolicy as LoadBalancingPolicyKind } from '../../../api/network/load-balancing-policy.ts';
import { withCondition } from '../../../api/conditions.ts';
import { Service } from '../../../api/core/service.ts';
import { keyOf } from '../../../sdk/cache.ts';
import type { Controller } from '../../../sdk/controller.ts';
import { watching } from '../../../sdk/controller.ts';
import { BY_TARGET, indexPolicies, policyFor, targetsOf } from '../../../sdk/load-balancing/policies.ts';

/** Writes to the status of policies whether they count. */
export const policyStatus: Controller<LoadBalancingPolicy> = {
  name: 'load-balancing-policy', for: LoadBalancingPolicyKind, watches: [watching(Service, (service, caches) => {
    indexPolicies(caches.of(LoadBalancingPolicyKind));
    return caches.of(LoadBalancingPolicyKind).byIndex(BY_TARGET, keyOf(service)).map(keyOf);
  }), watching(LoadBalancingPolicyKind, (one, caches) => caches.of(LoadBalancingPolicyKind).list(one.metadata.namespace).filter((other) => other.metadata.uid !== one.metadata.uid && targetsOf(other).some((each) => targetsOf(one).includes(each))).map(keyOf))],
  async reconcile(key, policy, { client, caches, clock }) {
    if (policy === undefined) return;
    const policies = caches.of(LoadBalancingPolicyKind);
    indexPolicies(policies);
    const targets = targetsOf(policy);
    const missing = targets.filter((each) => caches.of(Service).get(each) === undefined);
    const lost = targets.map((each) => ({ service: each, by: policyFor(policies, each) })).filter(({ by }) => by !== undefined && keyOf(by) !== key);
    const now = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const before = policy.status?.conditions ?? [];
    const conditions = withCondition<PolicyCondition>(before, { type: 'Accepted', observedGeneration: policy.metadata.generation ?? 1, ...verdict(missing, lost) }, now);
    if (JSON.stringify(before) !== JSON.stringify(conditions)) await client.update(LoadBalancingPolicyKind, { ...policy, status: { conditions } }, { subresource: 'status' });
  },
};

function verdict(missing: readonly string[], lost: readonly { service: string; by: LoadBalancingPolicy | undefined }[]): Pick<PolicyCondition, 'status' | 'reason' | 'message'> {
  if (lost.length > 0) return { status: 'False', reason: 'Conflicted', message: lost.map(({ service, by }) => `service ${service} follows the older policy ${by?.metadata.name}`).join('; ') };
  if (missing.length > 0) return { status: 'False', reason: 'TargetNotFound', message: `there is no service ${missing.join(', ')}` };
  return { status: 'True', reason: 'Accepted', message: 'its services follow it' };
}
