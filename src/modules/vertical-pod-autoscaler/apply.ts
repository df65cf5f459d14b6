/** A recommendation as the resources of a container, and whether a pod is far enough from it to be changed (upstream: updater/priority). Pure. */
import type { Amounts, RecommendedContainerResources, VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { quantityValue } from '../../api/quantity.ts';
import { numberOf, textOf } from './amounts.ts';
import { withinRanges, type LimitBounds } from './limit-range.ts';
import { policyFor } from './recommend.ts';

/** A pod that is within its bounds is changed when it is so far from the target, and has run for so long. */
const FAR = 0.1;
const LONG_MS = 12 * 3_600_000;

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
function recommendedFor(pod: Pick<Pod, 'spec'>, { spec, status }: VerticalPodAutoscaler, bounds: LimitBounds): readonly RecommendedContainerResources[] {
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

function recommendationFor(all: readonly RecommendedContainerResources[] | undefined, name: string): RecommendedContainerResources | undefined {
  return all?.find(({ containerName }) => containerName === name);
}

/** Why the pod should be changed now; undefined when it is right as it is. */
export function whyChange(pod: Pod, vpa: VerticalPodAutoscaler, nowMs: number, bounds: LimitBounds = {}): string | undefined {
  const recommended = recommendedFor(pod, vpa, bounds);
  if (!meetsRequirements(pod, vpa, recommended)) return undefined;
  let distance = 0;
  for (const container of pod.spec?.containers ?? []) {
    const found = recommendationFor(recommended, container.name);
    if (found === undefined) continue;
    if (pod.status?.containerStatuses?.some(({ name, lastState }) => name === container.name && lastState?.terminated?.reason === 'OOMKilled' && nowMs - Date.parse(lastState.terminated.finishedAt ?? '') < 600_000) === true) {
      const had = container.resources?.requests?.['memory'];
      if (had === undefined || quantityValue(had) < quantityValue(found.target['memory'] ?? '0')) return `${container.name} ran out of memory`;
    }
    for (const [resource, target] of Object.entries(found.target)) {
      const request = container.resources?.requests?.[resource];
      const [has, wanted] = [request === undefined ? 0 : numberOf(resource, request), numberOf(resource, target)];
      if (request === undefined) return `${container.name} asks for no ${resource}`;
      if (has < numberOf(resource, found.lowerBound[resource] ?? '0')) return `${container.name} asks for ${request} ${resource}, less than ${found.lowerBound[resource]}`;
      if (has > numberOf(resource, found.upperBound[resource] ?? target)) return `${container.name} asks for ${request} ${resource}, more than ${found.upperBound[resource]}`;
      distance += Math.abs(wanted - has) / Math.max(has, 1);
    }
  }
  return distance >= FAR && nowMs - Date.parse(pod.status?.startTime ?? '') > LONG_MS ? 'its requests are far from the target' : undefined;
}

/** One of its containers meets all requirements, each by one of the resources that it names (upstream: updater/priority, scaling direction). */
function meetsRequirements({ spec }: Pick<Pod, 'spec'>, vpa: VerticalPodAutoscaler, recommended: readonly RecommendedContainerResources[]): boolean {
  const requirements = vpa.spec.updatePolicy?.evictionRequirements ?? [];
  const meets = ({ resources }: Container, target: Amounts): boolean => requirements.every(({ resources: named, changeRequirement }) => named.some((resource) => {
    const [has, wanted] = [numberOf(resource, resources?.requests?.[resource] ?? '0'), numberOf(resource, target[resource] ?? '0')];
    return changeRequirement === 'TargetHigherThanRequests' ? wanted > has : wanted < has;
  }));
  return requirements.length === 0 || (spec?.containers ?? []).some((container) => {
    const found = recommendationFor(recommended, container.name);
    return found !== undefined && meets(container, found.target);
  });
}
