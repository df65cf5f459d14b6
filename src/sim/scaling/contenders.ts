/** All policies that can be named. */
import { Predictive, type Objective } from '../../modules/horizontal-pod-autoscaler/predictive/predictive.ts';
import { BASELINES, type Contender } from './baselines.ts';
import { STEP_SECONDS } from './trace.ts';

export const OURS = 'predictive';

export function contenders(objective: Objective = {}): Readonly<Record<string, Contender>> {
  return {
    ...BASELINES,
    [OURS]: { summary: 'PredictiveAutoscaler, a target of 70 % and what is asked of it', create: (_, startSeconds) => new Predictive({ stepMs: STEP_SECONDS * 1_000, startMs: startSeconds * 1_000, objective }) },
  };
}
