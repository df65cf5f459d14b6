/** Whether a pod is far enough from what is recommended to be changed, why, and which of several goes first (upstream: updater/priority). Pure. */
import type { Amounts, RecommendedContainerResources, VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { numberOf } from './amounts.ts';
import { recommendationFor, recommendedFor } from './apply.ts';
import type { LimitBounds } from './limit-range.ts';
import { observedContainers } from './observed-containers.ts';
import { policyFor } from './recommend.ts';

/** A pod that is within its bounds is changed when it is so far from the target, and has run for so long. */
const FAR = 0.1;
const LONG_MS = 12 * 3_600_000;
/** Who ran out of memory sooner than that after its start is changed at once. */
const QUICK_OOM_SECONDS = 600;

export interface Priority {
  why: string;
  /** One of its containers wants more of something: it goes before those that want less. */
  grows: boolean;
  /** How far what is asked for is from what is recommended: of each resource, of all containers together, as a part of what is asked for. */
  difference: number;
}

/** Whether it is being resized: then what it has is what its status says. */
export function resizeOf({ status }: Pod): { type: string; reason?: string; message?: string } | undefined {
  return status?.conditions?.find(({ type }) => type === 'PodResizePending') ?? status?.conditions?.find(({ type }) => type === 'PodResizeInProgress');
}

function requestsOf(pod: Pod, container: string): Amounts | undefined {
  const actual = resizeOf(pod) === undefined ? undefined : pod.status?.containerStatuses?.find(({ name }) => name === container)?.resources;
  return (actual ?? pod.spec?.containers.find(({ name }) => name === container)?.resources)?.requests;
}

/** Undefined when the pod is right as it is, or may not be changed yet. */
export function priorityOf(pod: Pod, vpa: VerticalPodAutoscaler, nowMs: number, bounds: LimitBounds = {}): Priority | undefined {
  const recommended = recommendedFor(pod, vpa, bounds);
  const observed = observedContainers(pod);
  const asked = new Map<string, { has: number; wanted: number }>();
  let outside: string | undefined;
  let grows = false;
  for (const { name } of pod.spec?.containers ?? []) {
    const found = observed?.has(name) === false ? undefined : recommendationFor(recommended, name);
    if (found === undefined) continue;
    const requests = requestsOf(pod, name);
    for (const [resource, target] of Object.entries(found.target)) {
      const request = requests?.[resource];
      const [has, wanted] = [request === undefined ? 0 : numberOf(resource, request), numberOf(resource, target)];
      const sum = asked.get(resource) ?? { has: 0, wanted: 0 };
      asked.set(resource, { has: sum.has + has, wanted: sum.wanted + wanted });
      grows ||= request === undefined || wanted > has;
      if (request === undefined) outside ??= `${name} asks for no ${resource}`;
      else if (has < numberOf(resource, found.lowerBound?.[resource] ?? '0')) outside ??= `${name} asks for ${request} ${resource}, less than ${found.lowerBound[resource]}`;
      else if (found.upperBound?.[resource] !== undefined && has > numberOf(resource, found.upperBound[resource])) outside ??= `${name} asks for ${request} ${resource}, more than ${found.upperBound[resource]}`;
    }
  }
  const difference = [...asked.values()].reduce((sum, { has, wanted }) => sum + Math.abs(wanted - has) / Math.max(has, 1), 0);
  const ended = difference === 0 ? undefined : quicklyOutOfMemory(pod, vpa, observed);
  const hasLived = nowMs - Date.parse(pod.status?.startTime ?? '') >= LONG_MS;
  const why = outside ?? (ended === undefined ? undefined : `${ended} ran out of memory`) ?? (hasLived && difference >= FAR ? 'its requests are far from the target' : undefined);
  return why === undefined || !meetsRequirements(pod, vpa, recommended) ? undefined : { why, grows, difference };
}

/** Those that want more go first, and of these those that are the furthest away. */
export function byPriority(one: Priority, other: Priority): number {
  return one.grows === other.grows ? other.difference - one.difference : one.grows ? -1 : 1;
}

/** The container whose last run ended so, soon after its start; one that nobody scales is not asked about. */
function quicklyOutOfMemory({ status }: Pod, { spec: { resourcePolicy, updatePolicy } }: VerticalPodAutoscaler, observed: ReadonlySet<string> | undefined): string | undefined {
  const mostMs = 1_000 * (updatePolicy?.evictAfterOOMSeconds ?? QUICK_OOM_SECONDS);
  return status?.containerStatuses?.find(({ name, lastState }) => {
    const { reason, startedAt = '', finishedAt = '' } = lastState?.terminated ?? {};
    return observed?.has(name) !== false && policyFor(resourcePolicy?.containerPolicies ?? [], name)?.mode !== 'Off' && reason === 'OOMKilled' && Date.parse(finishedAt) - Date.parse(startedAt) < mostMs;
  })?.name;
}

/** One of its containers meets all requirements, each by one of the resources that it names, or does not ask for cpu or memory at all (upstream: updater/priority, scaling direction). */
function meetsRequirements(pod: Pod, vpa: VerticalPodAutoscaler, recommended: readonly RecommendedContainerResources[]): boolean {
  const requirements = vpa.spec.updatePolicy?.evictionRequirements;
  if (requirements === undefined) return true;
  return (pod.spec?.containers ?? []).some(({ name }) => {
    const found = recommendationFor(recommended, name);
    if (found === undefined) return false;
    const requests = requestsOf(pod, name);
    if (requests?.['cpu'] === undefined || requests['memory'] === undefined) return true;
    return requirements.every(({ resources, changeRequirement }) => resources.some((resource) => {
      const [has, wanted] = [numberOf(resource, requests[resource] ?? '0'), numberOf(resource, found.target[resource] ?? '0')];
      return changeRequirement === 'TargetHigherThanRequests' ? wanted > has : wanted < has;
    }));
  });
}
