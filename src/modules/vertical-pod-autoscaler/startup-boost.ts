/** More cpu while a pod starts, given at creation and taken back in place a while after it is ready (upstream: enhancement 7862, startupBoost). Pure. */
import type { StartupBoost, VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { isJsonObject } from '../../api/json.ts';
import { podReadySinceMs } from '../../api/pod-readiness.ts';
import { isQuantity, quantityMillis, quantityOfMilli } from '../../api/quantity.ts';
import { changesFor, resourcesFor } from './apply.ts';
import { withinRanges, type LimitBounds } from './limit-range.ts';
import { policyFor } from './recommend.ts';

/** On a pod that is boosted: what cpu its boosted containers had before, by their names. */
export const BOOSTED = 'startup-cpu-boost';

type Boost = NonNullable<StartupBoost['cpu']>;
/** Of cpu; undefined is none. */
interface Cpu { request?: string; limit?: string }

export const isBoosted = ({ metadata }: Pick<Pod, 'metadata'>): boolean => metadata.annotations?.[BOOSTED] !== undefined;

/** Whether it boosts any container. */
export function boosts({ spec: { startupBoost, resourcePolicy } }: Pick<VerticalPodAutoscaler, 'spec'>): boolean {
  return startupBoost?.cpu !== undefined || resourcePolicy?.containerPolicies?.some((each) => each.startupBoost?.cpu !== undefined) === true;
}

/** That of its own policy goes before that of all; whom nobody scales has none. */
function boostOf({ spec: { startupBoost, resourcePolicy } }: Pick<VerticalPodAutoscaler, 'spec'>, container: string): Boost | undefined {
  const policy = policyFor(resourcePolicy?.containerPolicies ?? [], container);
  return policy?.mode === 'Off' ? undefined : (policy?.startupBoost ?? startupBoost)?.cpu;
}

function raised(millis: number, { type, factor = 1, quantity = 0 }: Boost): number {
  return type === 'Quantity' ? millis + quantityMillis(String(quantity)) : Math.trunc(millis * factor);
}

const cpuOf = (resources: ResourceRequirements | undefined): Cpu => ({ request: resources?.requests?.['cpu'], limit: resources?.limits?.['cpu'] });
const cpuAs = ({ request, limit }: Cpu): ResourceRequirements => ({ ...(request !== undefined && { requests: { cpu: request } }), ...(limit !== undefined && { limits: { cpu: limit } }) });

/** What a new pod's containers get, with the value for {@link BOOSTED}; `given` are those that a recommendation changes. Who asks for no cpu has nothing that could be raised, and could not lose it again. */
export function boosted(pod: Pick<Pod, 'spec'>, vpa: VerticalPodAutoscaler, given: ReadonlyMap<string, ResourceRequirements>, { bounds, mostCpuMillis = Infinity }: { bounds: LimitBounds; mostCpuMillis?: number }): { containers: { name: string; resources: ResourceRequirements }[]; original: string } {
  const containers = pod.spec?.containers ?? [];
  const wanted = containers.flatMap((container) => {
    const boost = boostOf(vpa, container.name);
    const base = quantityMillis(cpuOf(given.get(container.name) ?? container.resources).request ?? '0');
    return boost === undefined || base === 0 ? [] : [{ container, base, millis: Math.min(raised(base, boost), mostCpuMillis, mostBelowLimit(container, base, vpa)) }];
  });
  const within = withinRanges(wanted.map(({ container, millis }) => ({ containerName: container.name, target: { cpu: quantityOfMilli(millis) }, lowerBound: {}, upperBound: {}, uncappedTarget: {} })), containers, bounds);
  const rising = wanted.flatMap(({ container, base }) => {
    const millis = quantityMillis(within.find(({ containerName }) => containerName === container.name)?.target['cpu'] ?? '0');
    return millis <= base ? [] : [{ container, cpu: cpuOf(resourcesFor(container, { cpu: quantityOfMilli(millis) }, controlledOf(vpa, container.name))) }];
  });
  return {
    containers: rising.map(({ container: { name, resources }, cpu }) => ({ name, resources: withCpu(given.get(name) ?? resources, cpu) })),
    original: JSON.stringify(Object.fromEntries(rising.map(({ container: { name, resources } }) => [name, cpuAs(cpuOf(resources))]))),
  };
}

/** Where limits stay, a request that was less than its limit stays so: the pod's quality of service may not change when the boost is taken back. */
function mostBelowLimit({ name, resources }: Container, base: number, vpa: VerticalPodAutoscaler): number {
  const { limit } = cpuOf(resources);
  if (limit === undefined || controlledOf(vpa, name) !== 'RequestsOnly') return Infinity;
  return base < quantityMillis(limit) ? quantityMillis(limit) - 1 : quantityMillis(limit);
}

const controlledOf = (vpa: VerticalPodAutoscaler, name: string): 'RequestsAndLimits' | 'RequestsOnly' | undefined => policyFor(vpa.spec.resourcePolicy?.containerPolicies ?? [], name)?.controlledValues;

function withCpu(resources: ResourceRequirements = {}, cpu: Cpu): ResourceRequirements {
  const { requests, limits } = cpuAs(cpu);
  return { ...resources, ...((requests ?? resources.requests) && { requests: { ...resources.requests, ...requests } }), ...((limits ?? resources.limits) && { limits: { ...resources.limits, ...limits } }) };
}

/** By container of the pod; a note that makes no sense is none. */
function originalsOf({ metadata, spec }: Pick<Pod, 'metadata' | 'spec'>): Map<string, Cpu> {
  let noted: unknown;
  try {
    noted = JSON.parse(metadata.annotations?.[BOOSTED] ?? '');
  } catch {
    return new Map();
  }
  if (!isJsonObject(noted)) return new Map();
  return new Map((spec?.containers ?? []).flatMap(({ name }) => (isJsonObject(noted[name]) ? [[name, cpuOf(noted[name] as ResourceRequirements)]] : [])));
}

export interface Ending {
  /** In ms until the next boost of the pod ends; undefined while that depends on more than time. */
  nextMs?: number;
  /** What the containers whose boost is over go back to: what is recommended now, or what they asked for. */
  containers: { name: string; resources: ResourceRequirements }[];
  /** Value for {@link BOOSTED} afterwards; null for none. */
  left: string | null;
}

/** What of a pod's boost is over. `vpa` is undefined where nobody scales the pod any more. */
export function endingOf(pod: Pod, vpa: VerticalPodAutoscaler | undefined, { nowMs, bounds }: { nowMs: number; bounds: LimitBounds }): Ending {
  const originals = originalsOf(pod);
  const readyMs = podReadySinceMs(pod);
  const noted = pod.metadata.annotations?.[BOOSTED] ?? null;
  if (readyMs === undefined) return { containers: [], left: noted };
  const waits = new Map([...originals.keys()].map((name) => [name, readyMs + 1_000 * ((vpa === undefined ? undefined : boostOf(vpa, name))?.durationSeconds ?? 0) - nowMs]));
  const isOver = (name: string): boolean => (waits.get(name) ?? 0) <= 0;
  const before = { ...pod, spec: { ...pod.spec, containers: (pod.spec?.containers ?? []).map((container) => (originals.has(container.name) ? { ...container, resources: unboosted(container.resources, originals.get(container.name)!) } : container)) } } as Pod;
  const recommended = vpa === undefined || vpa.spec.updatePolicy?.updateMode === 'Off' ? [] : changesFor(before, vpa, bounds);
  const left = [...originals].filter(([name]) => !isOver(name));
  return {
    ...(left.length > 0 && { nextMs: Math.min(...left.map(([name]) => waits.get(name)!)) }),
    containers: [...originals].filter(([name]) => isOver(name)).flatMap(([name, original]) => {
      const { request = original.request, limit = original.limit } = cpuOf(recommended.find((each) => each.name === name)?.resources);
      return isQuantity(request) ? [{ name, resources: cpuAs({ request, ...(isQuantity(limit) && { limit }) }) }] : [];
    }),
    left: left.length === 0 ? null : JSON.stringify(Object.fromEntries(left.map(([name, cpu]) => [name, cpuAs(cpu)]))),
  };
}

function unboosted(resources: ResourceRequirements = {}, { request, limit }: Cpu): ResourceRequirements {
  const { cpu: _, ...requests } = resources.requests ?? {};
  const { cpu: __, ...limits } = resources.limits ?? {};
  return { ...resources, requests: { ...requests, ...(request !== undefined && { cpu: request }) }, limits: { ...limits, ...(limit !== undefined && { cpu: limit }) } };
}
