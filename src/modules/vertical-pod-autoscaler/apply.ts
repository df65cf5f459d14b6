/** A recommendation as the resources of a container. Pure. */
import type { Amounts, RecommendedContainerResources, VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { numberOf, textOf } from './amounts.ts';
import { withinRanges, type LimitBounds } from './limit-range.ts';
import { policyFor } from './recommend.ts';

/** Label of the pods that an autoscaler has set or changed requests of. */
export const MANAGED = 'vpa-autoscaler.k8s.io/managed';

/** Requests become the target; limits keep their proportion to them, unless the policy says that requests alone are controlled. */
export function resourcesFor({ resources = {} }: Pick<Container, 'resources'>, target: Amounts, controlled: 'RequestsAndLimits' | 'RequestsOnly' = 'RequestsAndLimits'): ResourceRequirements {
  const requests = { ...resources.requests };
  const limits = { ...resources.limits };
  for (const [resource, wanted] of Object.entries(target)) {
    const limit = limits[resource];
    const before = requests[resource] ?? limit;
    requests[resource] = wanted;
    if (limit === undefined) continue;
    const proportion = before === undefined || numberOf(resource, before) === 0 ? 1 : numberOf(resource, limit) / numberOf(resource, before);
    if (controlled === 'RequestsAndLimits') limits[resource] = textOf(resource, numberOf(resource, wanted) * proportion);
    else if (numberOf(resource, wanted) > numberOf(resource, limit)) requests[resource] = limit;
  }
  return { ...resources, requests, ...(Object.keys(limits).length > 0 ? { limits } : {}) };
}

/** What is recommended for the containers of a pod, within the LimitRanges of its namespace; the policy goes before them, and limits that stay as they are before that. */
export function recommendedFor(pod: Pick<Pod, 'spec'>, { spec, status }: VerticalPodAutoscaler, bounds: LimitBounds): readonly RecommendedContainerResources[] {
  const { containers = [] } = pod.spec ?? {};
  return withinRanges(status?.recommendation?.containerRecommendations ?? [], containers, bounds).map((each) => {
    const policy = policyFor(spec.resourcePolicy?.containerPolicies ?? [], each.containerName);
    const limits = policy?.controlledValues === 'RequestsOnly' ? containers.find(({ name }) => name === each.containerName)?.resources?.limits : undefined;
    const allowed = (amounts: Amounts): Amounts => Object.fromEntries(Object.entries(amounts).map(([resource, amount]) => {
      const less = (one: string, other: string | undefined): string => (other !== undefined && numberOf(resource, other) < numberOf(resource, one) ? other : one);
      const least = policy?.minAllowed?.[resource];
      return [resource, less(less(least !== undefined && numberOf(resource, least) > numberOf(resource, amount) ? least : amount, policy?.maxAllowed?.[resource]), limits?.[resource])];
    }));
    return { ...each, target: allowed(each.target), lowerBound: allowed(each.lowerBound), upperBound: allowed(each.upperBound) };
  });
}

/** The containers of a pod with what they should have; those without a recommendation are left out. */
export function changesFor(pod: Pick<Pod, 'spec'>, vpa: VerticalPodAutoscaler, bounds: LimitBounds = {}): { name: string; resources: ResourceRequirements }[] {
  const policies = vpa.spec.resourcePolicy?.containerPolicies ?? [];
  const recommended = recommendedFor(pod, vpa, bounds);
  return (pod.spec?.containers ?? []).flatMap((container) => {
    const found = recommendationFor(recommended, container.name);
    return found === undefined || policyFor(policies, container.name)?.mode === 'Off' ? [] : [{ name: container.name, resources: resourcesFor(container, found.target, policyFor(policies, container.name)?.controlledValues) }];
  });
}

export function recommendationFor(all: readonly RecommendedContainerResources[] | undefined, name: string): RecommendedContainerResources | undefined {
  return all?.find(({ containerName }) => containerName === name);
}
