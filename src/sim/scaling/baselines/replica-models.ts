/**
 * Scalers that predict replicas rather than load, as the predictive horizontal pod autoscalers in use do: the replicas that the HPA asks for, once a minute, are the
 * series; the decision is the greater of the prediction and of the HPA.
 */
import type { Observation, ScalingPolicy } from '../../../modules/horizontal-pod-autoscaler/predictive/policy.ts';
import { createReactive } from '../../../modules/horizontal-pod-autoscaler/predictive/reactive.ts';

export interface ReplicaModelOptions {
  readonly target: number;
  readonly aheadSeconds: number;
}

interface Model {
  add(replicas: number): void;
  /** NaN while too little is known. */
  predict(minutes: number): number;
}

const MINUTE_MS = 60_000;
const STABLE_MINUTES = 5;

export function createTrend({ target, aheadSeconds }: ReplicaModelOptions): ScalingPolicy {
  return greaterOf(createReactive({ target }), trend(10), { target, aheadSeconds });
}

export function createHoltWinters({ target, aheadSeconds }: ReplicaModelOptions): ScalingPolicy {
  return greaterOf(createReactive({ target }), holtWinters(1_440, { level: 0.5, trend: 0.02, season: 0.3 }), { target, aheadSeconds });
}

/** What is predicted for the next five minutes is stabilised like what is asked for. */
function greaterOf(reactive: ScalingPolicy, model: Model, { target, aheadSeconds }: ReplicaModelOptions): ScalingPolicy {
  let minuteMs = -Infinity;
  const predicted: number[] = [];
  return {
    decide(observation: Observation) {
      const asked = reactive.decide(observation);
      if (observation.nowMs - minuteMs >= MINUTE_MS) {
        minuteMs = observation.nowMs;
        model.add((observation.utilisation * observation.ready) / target);
        const next = model.predict(aheadSeconds / 60);
        predicted.push(Number.isFinite(next) ? Math.min(Math.ceil(next), 10 * asked) : 0);
        if (predicted.length > STABLE_MINUTES) predicted.shift();
      }
      return Math.max(asked, ...predicted);
    },
  };
}

function trend(size: number): Model {
  const recent: number[] = [];
  return {
    add(replicas) {
      recent.push(replicas);
      if (recent.length > size) recent.shift();
    },
    predict(minutes) {
      if (recent.length < 3) return Number.NaN;
      const middle = (recent.length - 1) / 2;
      const mean = recent.reduce((sum, each) => sum + each, 0) / recent.length;
      let [up, down] = [0, 0];
      for (const [index, each] of recent.entries()) {
        up += (index - middle) * (each - mean);
        down += (index - middle) ** 2;
      }
      return mean + (up / down) * (recent.length - 1 - middle + minutes);
    },
  };
}

/** Additive. Source: Winters, Forecasting sales by exponentially weighted moving averages, Management Science 6, 1960. */
function holtWinters(period: number, weights: { level: number; trend: number; season: number }): Model {
  const season = new Float64Array(period);
  const first: number[] = [];
  let [level, slope, at] = [0, 0, 0];
  return {
    add(replicas) {
      if (first.length < period) {
        first.push(replicas);
        if (first.length < period) return;
        level = first.reduce((sum, each) => sum + each, 0) / period;
        for (const [index, each] of first.entries()) season[index] = each - level;
        level = replicas - season[period - 1]!;
        return;
      }
      const before = level;
      level = weights.level * (replicas - season[at]!) + (1 - weights.level) * (level + slope);
      slope = weights.trend * (level - before) + (1 - weights.trend) * slope;
      season[at] = weights.season * (replicas - level) + (1 - weights.season) * season[at]!;
      at = (at + 1) % period;
    },
    predict(minutes) {
      return first.length < period ? Number.NaN : level + slope * minutes + season[(at + Math.max(0, Math.round(minutes) - 1)) % period]!;
    },
  };
}
