/** What the predictive autoscaler is compared with: scalers that people run today, and one that knows the future. */
import type { ScalingPolicy } from '../../modules/horizontal-pod-autoscaler/predictive/policy.ts';
import { createReactive } from '../../modules/horizontal-pod-autoscaler/predictive/reactive.ts';
import { createSpectrum } from './baselines/spectrum.ts';
import { createHoltWinters, createTrend } from './baselines/replica-models.ts';
import { exactNeed } from './simulate.ts';
import { STEP_SECONDS, type LoadTrace } from './trace.ts';

export interface Contender {
  readonly summary: string;
  create(trace: LoadTrace, startSeconds: number): ScalingPolicy;
}

/** What the target of the others is, when they say none: that of most examples of autoscalers. */
const USUAL_TARGET = 0.7;
const STABLE_SECONDS = 300;

export const BASELINES: Readonly<Record<string, Contender>> = {
  ...Object.fromEntries([50, 55, 60, 65, 70, 75, 80].map((percent) => [`hpa-${percent}`, {
    summary: `HorizontalPodAutoscaler at ${percent} %, a metric of type Value`, create: () => createReactive({ target: percent / 100 }),
  }])),
  'hpa-cpu-70': { summary: 'HorizontalPodAutoscaler at 70 %, a metric of type Utilization, which takes starting pods for idle', create: () => createReactive({ target: USUAL_TARGET, by: 'Utilization' }) },
  keda: { summary: 'KEDA: an HorizontalPodAutoscaler by AverageValue of what was polled 30 s ago at most', create: () => polled(createReactive({ target: USUAL_TARGET, by: 'AverageValue' }), 30_000) },
  'holt-winters': { summary: 'predictive HPA: Holt-Winters of a day over its replicas, the greater of both', create: (_, startSeconds) => createHoltWinters({ target: USUAL_TARGET, aheadSeconds: startSeconds }) },
  'linear-regression': { summary: 'predictive HPA: linear regression over its replicas of ten minutes, the greater of both', create: (_, startSeconds) => createTrend({ target: USUAL_TARGET, aheadSeconds: startSeconds }) },
  dsp: { summary: "Crane's way: the spectrum of a week, the greater of it and the HPA", create: (_, startSeconds) => createSpectrum({ target: USUAL_TARGET, aheadSeconds: startSeconds }) },
  foresight: { summary: 'knows the load: what is needed from now to the start time, and kept for five minutes', create: (trace, startSeconds) => foresight(trace, startSeconds) },
  clairvoyant: { summary: 'knows the load, and lets go at once: nobody has fewer replica-hours and never too few', create: (trace, startSeconds) => foresight(trace, startSeconds, 0) },
};

/** The most that is needed in the last minutes (five: no more changes than an HPA) and until a replica asked for now would be ready: never too few. */
function foresight({ load, startMs }: LoadTrace, startSeconds: number, stableSeconds = STABLE_SECONDS): ScalingPolicy {
  const [before, after] = [Math.ceil(stableSeconds / STEP_SECONDS), Math.ceil(startSeconds / STEP_SECONDS)];
  return {
    decide({ nowMs }) {
      const step = Math.round((nowMs - startMs) / (STEP_SECONDS * 1_000));
      let most = 1;
      for (let each = Math.max(0, step - before); each <= Math.min(load.length - 1, step + after); each++) most = Math.max(most, exactNeed(load[each]!));
      return most;
    },
  };
}

/** The metric is read less often than the loop runs. */
function polled(policy: ScalingPolicy, everyMs: number): ScalingPolicy {
  let read = { atMs: -Infinity, load: 0 };
  return {
    decide(observation) {
      const { nowMs, utilisation, ready } = observation;
      if (nowMs - read.atMs >= everyMs) read = { atMs: nowMs, load: utilisation * ready };
      return policy.decide({ ...observation, utilisation: ready === 0 ? 0 : read.load / ready });
    },
  };
}
