/** LoadBalancingPolicies: what they say of a Service is laid beneath its own annotations, so that all else reads annotations alone. */
import type { LoadBalancingPolicy, LoadBalancingPolicySpec, PolicyCondition } from '../../../api/network/load-balancing-policy.ts';
import { LoadBalancingPolicy as LoadBalancingPolicyKind } from '../../../api/network/load-balancing-policy.ts';
import { withCondition } from '../../../api/conditions.ts';
import { Service } from '../../../api/core/service.ts';
import { keyOf, type Cache } from '../../../sdk/cache.ts';
import type { Controller } from '../../../sdk/controller.ts';
import { watching } from '../../../sdk/controller.ts';
import { LOAD_BALANCING } from './algorithm.ts';
import { DRAIN, EJECTION, HASH_ON, HEALTH_CHECK, HEALTH_CHECK_INTERVAL, OUTLIERS, RESPONSE_TIMEOUT, SLOW_START } from './settings.ts';

/** The annotations that say what the policy says. Pure. */
export function annotationsOf(spec: LoadBalancingPolicySpec): Record<string, string> {
  const { algorithm, consistentHash, healthCheck, outlierDetection } = spec;
  const on = consistentHash?.on.toLowerCase();
  const said: Record<string, string | undefined> = {
    [LOAD_BALANCING]: algorithm?.replaceAll(/(?<=.)[A-Z]/g, '-$&').toLowerCase(),
    [HASH_ON]: consistentHash?.name === undefined || (on !== 'header' && on !== 'cookie') ? on : `${on}:${consistentHash.name}`,
    [HEALTH_CHECK]: healthCheck === undefined ? undefined : (healthCheck.path ?? 'tcp'), [HEALTH_CHECK_INTERVAL]: healthCheck?.interval,
    [OUTLIERS]: outlierDetection === undefined ? undefined : String(outlierDetection.consecutiveErrors), [EJECTION]: outlierDetection?.ejection,
    [SLOW_START]: spec.slowStart, [DRAIN]: spec.drain, [RESPONSE_TIMEOUT]: spec.responseTimeout,
  };
  return Object.fromEntries(Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** `namespace/name` of the Services that a policy is attached to. */
export function targetsOf({ metadata, spec }: LoadBalancingPolicy): string[] {
  return spec.targetRefs.map(({ name }) => `${metadata.namespace}/${name}`);
}

const BY_TARGET = 'target';

export function indexPolicies(policies: Cache<LoadBalancingPolicy>): void {
  policies.addIndex(BY_TARGET, targetsOf);
}

/** Of several the oldest, and of equally old ones the first by name (GEP-713, conflict resolution). */
export function policyFor(policies: Cache<LoadBalancingPolicy>, service: string): LoadBalancingPolicy | undefined {
  return [...policies.byIndex(BY_TARGET, service)].sort((a, b) => ageOf(a).localeCompare(ageOf(b)))[0];
}

function ageOf({ metadata }: LoadBalancingPolicy): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
}

/** The Service with what its policy says; its own annotations count more. */
export function withPolicy(service: Service, policy: LoadBalancingPolicy | undefined): Service {
  if (policy === undefined) return service;
  return { ...service, metadata: { ...service.metadata, annotations: { ...annotationsOf(policy.spec), ...service.metadata.annotations } } };
}

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
