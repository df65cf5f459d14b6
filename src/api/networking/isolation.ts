/**
 * Which pods NetworkPolicies isolate (Kubernetes, "The two sorts of pod isolation"). Pure; for who keeps the policies, and for who must not
 * carry anything past them.
 */
import type { Pod } from '../generated/core-v1.ts';
import type { NetworkPolicy } from '../generated/networking-v1.ts';
import { matcherOfSelector } from '../selector.ts';

export type Direction = 'ingress' | 'egress';

/** Addresses of isolated pods, of both families. */
export type Isolated = Readonly<Record<Direction, ReadonlySet<string>>>;

export const NOBODY: Isolated = { ingress: new Set(), egress: new Set() };

/** In which directions a policy isolates the pods that it chooses. */
export function directionsOf({ spec }: NetworkPolicy): Direction[] {
  const types = (spec?.policyTypes ?? []).length > 0 ? (spec?.policyTypes ?? []) : ['Ingress', ...((spec?.egress ?? []).length > 0 ? ['Egress'] : [])];
  return [...new Set(types.map((type) => (type === 'Egress' ? 'egress' : 'ingress') as Direction))];
}

/** None for pods to which no policy applies: without an address of their own, or ended. */
export function judgedAddresses({ spec, status }: Pod): string[] {
  if (spec?.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const all = [...(status?.podIPs ?? []).map(({ ip }) => ip), status?.podIP];
  return [...new Set(all.filter((each): each is string => each !== undefined && each !== ''))];
}

export function isolatedPods(policies: readonly NetworkPolicy[], pods: readonly Pod[]): Isolated {
  if (policies.length === 0) return NOBODY;
  const isolated = { ingress: new Set<string>(), egress: new Set<string>() };
  const byNamespace = Map.groupBy(pods, ({ metadata }) => metadata.namespace ?? '');
  for (const policy of policies) {
    const matcher = matcherOfSelector(policy.spec?.podSelector ?? {});
    const addresses = (byNamespace.get(policy.metadata.namespace ?? '') ?? []).filter(({ metadata }) => matcher.matches(metadata.labels ?? {})).flatMap(judgedAddresses);
    for (const direction of directionsOf(policy)) for (const each of addresses) isolated[direction].add(each);
  }
  return isolated;
}
