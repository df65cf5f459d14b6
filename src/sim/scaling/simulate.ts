/** Runs a policy of scaling over a trace of load, on a virtual clock. */
import type { Observation, ScalingPolicy } from '../../modules/horizontal-pod-autoscaler/predictive/policy.ts';
import { Replicas } from '../../modules/horizontal-pod-autoscaler/predictive/replicas.ts';
import { LIMIT_UTILISATION, STEP_SECONDS, type LoadTrace } from './trace.ts';

export interface Run {
  /** The part of all time in which the ready replicas were busier than the limit: 0 to 1. */
  readonly violated: number;
  /** Replica-hours over those of an oracle that has at every moment just what is needed then. */
  readonly cost: number;
  readonly changesPerDay: number;
  readonly days: number;
  /** Of a step of the loop: processor time of this thread, so that it says the same on a busy machine. */
  readonly meanDecisionMicros: number;
  /** By step, where they were asked for. */
  readonly replicas?: Float64Array;
  readonly ready?: Float64Array;
}

export interface SimulationOptions {
  readonly startSeconds: number;
  readonly keep?: boolean;
}

/**
 * Replicas are ready `startSeconds` after they were asked for, and cost from then on that they were; those that go, go at once, the youngest first. A policy sees
 * the mean utilisation of the ready ones, which is never above 1, however much more is asked of them.
 */
export function simulate({ load, startMs }: LoadTrace, policy: ScalingPolicy, { startSeconds, keep = false }: SimulationOptions): Run {
  const began = process.threadCpuUsage();
  const fleet = new Replicas(exactNeed(load[0] ?? 0), startSeconds * 1_000);
  const [replicas, ready] = keep ? [new Float64Array(load.length), new Float64Array(load.length)] : [];
  let [violations, spent, needed, changes] = [0, 0, 0, 0];
  for (let step = 0; step < load.length; step++) {
    const nowMs = startMs + step * STEP_SECONDS * 1_000;
    fleet.advance(nowMs);
    const now = load[step]!;
    if (now > LIMIT_UTILISATION * fleet.ready + 1e-9) violations++;
    spent += fleet.total;
    needed += exactNeed(now);
    const observation: Observation = { nowMs, utilisation: fleet.ready === 0 ? 0 : Math.min(1, now / fleet.ready), saturated: now >= fleet.ready, ready: fleet.ready, total: fleet.total };
    const wanted = Math.max(1, policy.decide(observation));
    if (wanted !== fleet.total) changes++;
    fleet.set(wanted, nowMs);
    if (replicas !== undefined) [replicas[step], ready![step]] = [fleet.total, fleet.ready];
  }
  const { user, system } = process.threadCpuUsage(began);
  const days = (load.length * STEP_SECONDS) / 86_400;
  return { violated: violations / load.length, cost: spent / needed, changesPerDay: changes / days, days, meanDecisionMicros: (user + system) / load.length, replicas, ready };
}

/** The fewest replicas, at least one, that are within the limit. */
export function exactNeed(load: number): number {
  return Math.max(1, Math.ceil(load / LIMIT_UTILISATION - 1e-9));
}
