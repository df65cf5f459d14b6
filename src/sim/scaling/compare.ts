/** Several policies on one trace, and how each stands to the HorizontalPodAutoscalers of all targets. */
import type { Objective } from '../../modules/horizontal-pod-autoscaler/predictive/predictive.ts';
import { contenders } from './contenders.ts';
import { simulate, type Run } from './simulate.ts';
import type { LoadTrace } from './trace.ts';

export type { Objective };

export interface Comparison {
  readonly contender: string;
  readonly run: Run;
}

export interface CompareOptions {
  readonly startSeconds: number;
  readonly objective?: Objective;
  readonly keep?: boolean;
}

export const FRONTIER = ['hpa-50', 'hpa-55', 'hpa-60', 'hpa-65', 'hpa-70', 'hpa-75', 'hpa-80'] as const;

/** Throws an Error that lists the names when one is unknown. */
export function compare(trace: LoadTrace, names: readonly string[], { startSeconds, objective, keep }: CompareOptions): Comparison[] {
  const known = contenders(objective);
  return names.map((name) => {
    const contender = known[name];
    if (contender === undefined) throw new Error(`there is no policy '${name}'; there are ${Object.keys(known).join(', ')}`);
    return { contender: name, run: simulate(trace, contender.create(trace, startSeconds), { startSeconds, keep }) };
  });
}

/** Below that, a part of the time cannot be told from none: nine seconds a day. */
export const LEAST_SHARE = 1e-4;

/**
 * The violations that an HorizontalPodAutoscaler of the same cost would have: between its targets the logarithm is interpolated. Beyond the targets, that of the
 * nearest one.
 */
export function violatedAtCost(frontier: readonly Run[], cost: number): number {
  const byCost = frontier.toSorted((one, other) => other.cost - one.cost);
  if (cost >= byCost[0]!.cost) return byCost[0]!.violated;
  for (let index = 1; index < byCost.length; index++) {
    const [dear, cheap] = [byCost[index - 1]!, byCost[index]!];
    if (cost < cheap.cost) continue;
    const part = dear.cost === cheap.cost ? 0 : (dear.cost - cost) / (dear.cost - cheap.cost);
    return Math.exp(Math.log(Math.max(LEAST_SHARE, dear.violated)) * (1 - part) + Math.log(Math.max(LEAST_SHARE, cheap.violated)) * part);
  }
  return byCost.at(-1)!.violated;
}
