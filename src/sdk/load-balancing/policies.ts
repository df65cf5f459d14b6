/** LoadBalancingPolicies: what they say of a Service is laid beneath its own annotations, so that all else reads annotations alone. */
import type { LoadBalancingPolicy, LoadBalancingPolicySpec } from '../../api/network/load-balancing-policy.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import type { Cache } from '../cache.ts';
import { LOAD_BALANCING } from './algorithm.ts';
import { DRAIN, EJECTION, HASH_ON, HEALTH_CHECK, HEALTH_CHECK_INTERVAL, OUTLIERS, RESPONSE_TIMEOUT, SLOW_START } from './settings.ts';

/** The annotations that say what the policy says. Pure. */
export function annotationsOf(spec: LoadBalancingPolicySpec): Record<string, string> {
  const { algorithm, consistentHash, healthCheck, outlierDetection } = spec;
  const on = consistentHash?.by?.toLowerCase();
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

export const BY_TARGET = 'target';

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
