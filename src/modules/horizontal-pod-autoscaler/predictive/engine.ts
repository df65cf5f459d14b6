/** What is kept of one metric of one scaled object from round to round: the policy that learns it, and whether its source may be believed. No I/O. */
import { setImmediate } from 'node:timers/promises';
import type { ScalingObjective } from '../../../api/autoscaling/predictive-autoscaler.ts';
import type { Learning } from './forecasters/boosted-trees.ts';
import type { Floor } from './floor.ts';
import { Guard, type Verdict } from './guard.ts';
import { Predictive, type Decision } from './predictive.ts';

export interface EngineOptions {
  readonly stepMs: number;
  readonly startMs: number;
  /** Percent. */
  readonly target: number;
  readonly limit?: number;
  readonly objective?: ScalingObjective;
  readonly floor?: Floor;
}

const STEPS_A_TURN = 64;

/** One value of the past: the load in replicas that are wholly busy. */
export interface PastLoad { atMs: number; load: number }

export interface Answer {
  readonly replicas: number;
  readonly verdict: Verdict;
  /** Undefined while the source is faulty. */
  readonly decision?: Decision;
}

export class Engine {
  readonly options: EngineOptions;
  readonly #policy: Predictive;
  /** What is known of the source; whoever takes this engine's place takes it over. */
  readonly guard: Guard;

  constructor(options: EngineOptions, learning?: Learning, guard = new Guard()) {
    this.options = options;
    this.guard = guard;
    const { stepMs, startMs, target, limit, objective, floor } = options;
    this.#policy = new Predictive({
      stepMs, startMs, learning, floor, target: target / 100, ...(limit !== undefined && { limit: limit / 100 }),
      objective: {
        ...(objective?.underProvisioned !== undefined && { underProvisioned: objective.underProvisioned }), ...(objective?.price !== undefined && { price: objective.price }),
        ...(objective?.asSafeAsUtilization !== undefined && { asSafeAs: objective.asSafeAsUtilization / 100 }),
      },
    });
  }

  get outlook(): Predictive['outlook'] {
    return this.#policy.outlook;
  }

  /** Learns from the past as if it came now, a little at a time, so that others get their turn. */
  async learn(past: readonly PastLoad[], signal?: AbortSignal): Promise<void> {
    const { stepMs, target } = this.options;
    const first = Math.ceil((past[0]?.atMs ?? 0) / stepMs);
    let index = 0;
    for (let step = first; past.length > 0 && step * stepMs <= past.at(-1)!.atMs; step++) {
      const nowMs = step * stepMs;
      while (index + 1 < past.length && past[index + 1]!.atMs <= nowMs) index++;
      const [before, after] = [past[index]!, past[index + 1] ?? past[index]!];
      const load = after === before ? before.load : before.load + ((after.load - before.load) * (nowMs - before.atMs)) / (after.atMs - before.atMs);
      const total = this.#policy.explain()?.replicas ?? Math.max(1, Math.ceil((100 * load) / target));
      this.#policy.decide({ nowMs, utilisation: load / total, ready: total, total });
      if ((step - first) % STEPS_A_TURN === STEPS_A_TURN - 1) await setImmediate();
      if (signal?.aborted) return;
    }
  }

  /**
   * `ratio`: what each of the `counted` replicas has to do, over the target; undefined where it could not be had. `isUsage`: what machines used, which nobody can make up: however
   * great a jump, it was.
   */
  answer(nowMs: number, measured: { ratio: number; counted: number; measuredMs?: number; saturated: boolean; total: number; isUsage?: boolean } | undefined, { current, failure }: { current: number; failure?: string }): Answer {
    const target = this.options.target / 100;
    const most = measured?.isUsage === true ? undefined : this.#policy.explain()?.quantiles.at(-1);
    const sample = measured === undefined ? undefined : { load: measured.ratio * target * measured.counted, measuredMs: measured.measuredMs, most };
    const verdict = this.guard.judge(nowMs, sample, failure);
    if (measured === undefined || verdict.fault !== undefined) return { replicas: current, verdict };
    const replicas = this.#policy.decide({ nowMs, utilisation: measured.ratio * target, ready: measured.counted, total: measured.total, saturated: measured.saturated });
    return { replicas: Math.max(replicas, Math.ceil(verdict.keep * current)), verdict, decision: this.#policy.explain() };
  }
}
