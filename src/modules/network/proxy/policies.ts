/** Tells LoadBalancingPolicies whether they count, and whether connections are shared as they say. */
import type { LoadBalancingPolicy, PolicyCondition } from '../../../api/network/load-balancing-policy.ts';
import { LoadBalancingPolicy as LoadBalancingPolicyKind } from '../../../api/network/load-balancing-policy.ts';
import { withCondition } from '../../../api/conditions.ts';
import { Pod } from '../../../api/core/pod.ts';
import { Service } from '../../../api/core/service.ts';
import { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts';
import { isolatedPods } from '../../../api/networking/isolation.ts';
import { NetworkPolicy } from '../../../api/networking/network-policy.ts';
import { keyOf, type Caches, type ObjectKey } from '../../../sdk/cache.ts';
import type { Controller } from '../../../sdk/controller.ts';
import { watching } from '../../../sdk/controller.ts';
import { BY_TARGET, indexPolicies, policyFor, targetsOf, withPolicy } from '../../../sdk/load-balancing/policies.ts';
import { isBeyondProxy, isProxied } from '../../../sdk/load-balancing/settings.ts';
import { isolatedEndpoints } from '../isolation.ts';
import { indexSlices, serviceKeyOf } from '../service-index.ts';

function policiesOf(service: ObjectKey, caches: Caches): ObjectKey[] {
  indexPolicies(caches.of(LoadBalancingPolicyKind));
  return caches.of(LoadBalancingPolicyKind).byIndex(BY_TARGET, service).map(keyOf);
}

function policiesIn(namespace: string | undefined, caches: Caches): ObjectKey[] {
  return caches.of(LoadBalancingPolicyKind).list(namespace).map(keyOf);
}

/** What the proxy says of itself. */
export interface ProxyState {
  /** Why HAProxy cannot be had for the Service, undefined where it can. */
  whyNone(service: ObjectKey): string | undefined;
  /** Calls `turned` whenever that is another for any of them; gives what ends it. */
  follow(turned: () => void): () => void;
}

/** Writes to the status of policies whether they count. */
export const policyStatus = ({ whyNone, follow }: ProxyState): Controller<LoadBalancingPolicy> => ({
  name: 'load-balancing-policy', for: LoadBalancingPolicyKind, watches: [
    watching(Service, (service, caches) => policiesOf(keyOf(service), caches)),
    watching(LoadBalancingPolicyKind, (one, caches) => caches.of(LoadBalancingPolicyKind).list(one.metadata.namespace).filter((other) => other.metadata.uid !== one.metadata.uid && targetsOf(other).some((each) => targetsOf(one).includes(each))).map(keyOf)),
    watching(EndpointSlice, (slice, caches) => policiesOf(serviceKeyOf(slice) ?? '', caches)),
    watching(NetworkPolicy, ({ metadata }, caches) => policiesIn(metadata.namespace, caches)),
    watching(Pod, ({ metadata }, caches) => (caches.of(NetworkPolicy).list(metadata.namespace).length === 0 ? [] : policiesIn(metadata.namespace, caches))),
  ],
  follow: (add, caches) => follow(() => caches.of(LoadBalancingPolicyKind).list().forEach((each) => add(keyOf(each)))),
  async reconcile(key, policy, { client, caches, clock }) {
    if (policy === undefined) return;
    const policies = caches.of(LoadBalancingPolicyKind);
    indexPolicies(policies);
    const targets = targetsOf(policy);
    const missing = targets.filter((each) => caches.of(Service).get(each) === undefined);
    const lost = targets.map((each) => ({ service: each, by: policyFor(policies, each) })).filter(({ by }) => by !== undefined && keyOf(by) !== key);
    const now = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const before = policy.status?.conditions ?? [];
    const observedGeneration = policy.metadata.generation ?? 1;
    const accepted = verdict(missing, lost);
    const programmed = accepted.status === 'True' ? sharing(policy, targets, caches, whyNone) : { status: 'False' as const, reason: 'Invalid', message: accepted.message };
    const conditions = [{ type: 'Accepted', ...accepted }, { type: 'Programmed', ...programmed }].reduce((all, each) => withCondition<PolicyCondition>(all, { observedGeneration, ...each }, now), before);
    if (JSON.stringify(before) !== JSON.stringify(conditions)) await client.update(LoadBalancingPolicyKind, { ...policy, status: { conditions } }, { subresource: 'status' });
  },
});

function verdict(missing: readonly string[], lost: readonly { service: string; by: LoadBalancingPolicy | undefined }[]): Pick<PolicyCondition, 'status' | 'reason' | 'message'> {
  if (lost.length > 0) return { status: 'False', reason: 'Conflicted', message: lost.map(({ service, by }) => `service ${service} follows the older policy ${by?.metadata.name}`).join('; ') };
  if (missing.length > 0) return { status: 'False', reason: 'TargetNotFound', message: `there is no service ${missing.join(', ')}` };
  return { status: 'True', reason: 'Accepted', message: 'its services follow it' };
}

/** Those of the targets that only HAProxy can share as they ask. */
function asksForProxy(policy: LoadBalancingPolicy, targets: readonly ObjectKey[], caches: Caches): ObjectKey[] {
  return targets.filter((service) => {
    const found = caches.of(Service).get(service);
    return found !== undefined && isProxied(withPolicy(found, policy));
  });
}

const SHARED = { status: 'True', reason: 'Programmed', message: 'connections are shared as it says' } as const;

/** Whether what carries the connections does what the policy says (Gateway API: the condition Programmed). */
function sharing(policy: LoadBalancingPolicy, targets: readonly ObjectKey[], caches: Caches, whyNone: ProxyState['whyNone']): Pick<PolicyCondition, 'status' | 'reason' | 'message'> {
  const { namespace } = policy.metadata;
  const beyond = targets.filter((service) => {
    const found = caches.of(Service).get(service);
    return found !== undefined && isBeyondProxy(withPolicy(found, policy));
  });
  if (beyond.length > 0) return { status: 'False', reason: 'SharedByKernel', message: `service ${beyond.join(', ')} has no port of TCP, and a proxy carries no others: the kernel shares its datagrams` };
  const asking = asksForProxy(policy, targets, caches);
  if (asking.length === 0) return SHARED;
  const without = asking.map((service) => ({ service, why: whyNone(service) })).filter(({ why }) => why !== undefined);
  const [{ why } = {}] = without;
  if (why !== undefined) return { status: 'False', reason: 'SharedByKernel', message: `HAProxy cannot be had: as long as it is so, the kernel shares the connections of ${without.map(({ service }) => service).join(', ')} in turn, without health checks: ${why}` };
  indexSlices(caches.of(EndpointSlice));
  const isolated = isolatedPods(caches.of(NetworkPolicy).list(namespace), caches.of(Pod).list(namespace));
  const past = asking.flatMap((service) => {
    const endpoints = isolatedEndpoints(caches.of(EndpointSlice).byIndex('service', service), isolated);
    return endpoints.length === 0 ? [] : [`endpoints of service ${service} (${endpoints[0]}${endpoints.length > 1 ? ` and ${endpoints.length - 1} more` : ''})`];
  });
  if (past.length === 0) return SHARED;
  return { status: 'False', reason: 'SharedByKernel', message: `network policies isolate ${past.join(', ')}, and a proxy would lead past them: as long as it is so, the kernel shares connections in turn, without health checks` };
}
