/** What the HorizontalPodAutoscaler would do with the same observations: its own code, as a policy. */
import { SCALE_DOWN, SCALE_UP } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { limit, type History, type Limits } from '../behavior.ts';
import { askedByAverage, askedByShare, askedByValue, type Tolerance } from '../desired.ts';
import type { Observation, ScalingPolicy } from './policy.ts';

export interface ReactiveOptions {
  /** A part of what a replica can do, for instance 0.7. */
  readonly target: number;
  /**
   * Which of the targets of autoscaling/v2: `Value` multiplies the pods that are ready, `Utilization` takes those that start for idle, `AverageValue` divides the whole load.
   * Default `Value`.
   */
  readonly by?: 'Value' | 'Utilization' | 'AverageValue';
  /** Default 0.1, both ways. */
  readonly tolerance?: Tolerance;
  readonly limits?: Partial<Limits>;
}

const DEFAULT_LIMITS: Limits = { least: 1, most: 1_000_000, up: SCALE_UP, down: SCALE_DOWN, downWindowSeconds: 300 };

export function createReactive({ target, by = 'Value', tolerance = { up: 0.1, down: 0.1 }, limits }: ReactiveOptions): ScalingPolicy {
  const history: History = { recommended: [], changes: [] };
  const bounds = { ...DEFAULT_LIMITS, ...limits };
  const wanted = { wanted: target, tolerance };
  const ask = { Value: byValue, Utilization: byAverage, AverageValue: byShare }[by];
  return {
    decide(observation) {
      const { total, nowMs } = observation;
      const { replicas } = limit(total, ask(observation, wanted), { history, limits: bounds, nowMs });
      if (replicas !== total) history.changes.push({ atMs: nowMs, by: replicas - total });
      return replicas;
    },
  };
}

type Wanted = { wanted: number; tolerance: Tolerance };

function byValue({ utilisation, ready, total }: Observation, { wanted, tolerance }: Wanted): number {
  return askedByValue(total, () => ready, { value: utilisation, wanted, tolerance }).replicas;
}

function byShare({ utilisation, ready, total }: Observation, { wanted, tolerance }: Wanted): number {
  return askedByShare(total, { value: utilisation * ready, wanted, tolerance }).replicas;
}

function byAverage({ utilisation, ready, total }: Observation, { wanted, tolerance }: Wanted): number {
  const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const groups = { ready: new Map(names('r', ready).map((name) => [name, utilisation])), unready: new Set(names('u', total - ready)), missing: new Set<string>() };
  return askedByAverage(total, groups, { wanted, tolerance })?.replicas ?? total;
}
