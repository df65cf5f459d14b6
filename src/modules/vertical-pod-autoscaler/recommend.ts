/** Requests from what was used: the target, and the bounds outside of which a pod is changed (upstream: recommender/logic). Pure. */
import type { Amounts, ContainerResourcePolicy, RecommendedContainerResources, VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { quantityMillis, quantityOf, quantityOfMilli, quantityValue } from '../../api/quantity.ts';
import type { ContainerModel } from './model.ts';

/** As ours is called upstream. */
const DEFAULT_RECOMMENDER = 'default';
const TARGET = 0.9;
const LOWER = 0.5;
const UPPER = 0.95;
const MARGIN = 0.15;
/** Of a pod, in equal parts for its containers. */
const LEAST_CPU_MILLIS = 25;
const LEAST_MEMORY_BYTES = 250 * 2 ** 20;

export interface Resources { cpuMillis: number; memoryBytes: number }

/** One container of a pod with so many; undefined before anything was measured. */
export function recommend(model: ContainerModel, { name, containers, policies }: { name: string; containers: number; policies: readonly ContainerResourcePolicy[] }): RecommendedContainerResources | undefined {
  if (model.cpu.isEmpty() && model.memory.isEmpty()) return undefined;
  const policy = policyFor(policies, name);
  if (policy?.mode === 'Off') return undefined;
  const days = Math.max(model.confidenceDays(), 1e-9);
  /** Whole millis and bytes at every step, as upstream reckons: what is over is cut off. */
  const estimate = (used: number, factor: number, least: number): number => {
    const base = Math.trunc(used);
    return Math.max(Math.trunc(least / containers), Math.trunc((base + Math.trunc(base * MARGIN)) * factor));
  };
  const at = (part: number, factor: number): Resources => ({ cpuMillis: estimate(model.cpu.quantile(part) * 1_000, factor, LEAST_CPU_MILLIS), memoryBytes: estimate(model.memory.quantile(part), factor, LEAST_MEMORY_BYTES) });
  const uncapped = at(TARGET, 1);
  return {
    containerName: name, target: show(within(uncapped, policy), policy), uncappedTarget: show(uncapped, policy),
    // The less is known, the further apart they lie: after a minute nearly anything is right, after a week what the quantiles say.
    lowerBound: show(within(at(LOWER, (1 + 0.001 / days) ** -2), policy), policy), upperBound: show(within(at(UPPER, 1 + 1 / days), policy), policy),
  };
}

export function policyFor(policies: readonly ContainerResourcePolicy[], name: string): ContainerResourcePolicy | undefined {
  return policies.find(({ containerName }) => containerName === name) ?? policies.find(({ containerName = '*' }) => containerName === '*');
}

function within({ cpuMillis, memoryBytes }: Resources, policy: ContainerResourcePolicy | undefined): Resources {
  const { minAllowed = {}, maxAllowed = {} } = policy ?? {};
  const clamp = (value: number, least: number | undefined, most: number | undefined): number => Math.max(least ?? 0, Math.min(value, most === undefined || most === 0 ? Infinity : most));
  const read = (amounts: Amounts, resource: string, of: (quantity: string) => number): number | undefined => (amounts[resource] === undefined ? undefined : of(amounts[resource]));
  return { cpuMillis: clamp(cpuMillis, read(minAllowed, 'cpu', quantityMillis), read(maxAllowed, 'cpu', quantityMillis)), memoryBytes: clamp(memoryBytes, read(minAllowed, 'memory', quantityValue), read(maxAllowed, 'memory', quantityValue)) };
}

function show({ cpuMillis, memoryBytes }: Resources, policy: ContainerResourcePolicy | undefined): Amounts {
  const all: Amounts = { cpu: quantityOfMilli(Math.min(cpuMillis, 1e9)), memory: quantityOf(Math.min(memoryBytes, 1e15)) };
  return Object.fromEntries(Object.entries(all).filter(([resource]) => (policy?.controlledResources ?? ['cpu', 'memory']).includes(resource)));
}

/** Another recommender was named: what it writes into the status is acted upon, and nothing is written over it. */
export function isRecommendedElsewhere({ recommenders = [] }: Pick<VerticalPodAutoscaler['spec'], 'recommenders'>): boolean {
  return recommenders.length > 0 && !recommenders.some(({ name }) => name === DEFAULT_RECOMMENDER);
}
