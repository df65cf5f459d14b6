/**
 * What other decisions would have brought, side by side under the load that came: HorizontalPodAutoscalers, the forecasts at several prices, and what the bandit may do at the price
 * that is in force. All of them mind the same rules as the decision that counts. Pure.
 */
import { ACTIONS, SAFE } from './bandit.ts';
import type { ScalingPolicy } from './policy.ts';
import { PricedReplicas, type Choices } from './price.ts';
import { Shadow } from './shadow.ts';

/** A policy of prices and its replicas in thought. */
export interface Arm {
  readonly priced: PricedReplicas;
  readonly shadow: Shadow;
  /** How long its replicas have been doing all that they can, in steps. */
  saturated: number;
}

/** Saturated for so long, the forecast is not believed any more. */
export const SATURATED_MS = 60_000;

export function createArm(price: number, shadow: Shadow, startSteps: number): Arm {
  return { priced: new PricedReplicas(price, { startSteps }), shadow, saturated: 0 };
}

/** What all know when they decide. Loads are in replicas that are wholly busy. */
export interface Moment {
  readonly nowMs: number;
  readonly stepMs: number;
  readonly load: number;
  /** The load that a replica carries. */
  readonly limit: number;
  /** In replicas. */
  readonly meanNeed: number;
  /** What the HorizontalPodAutoscaler would have. */
  readonly reactive: number;
  /** The load has just surprised the forecasts: it is above all that they held to be possible. */
  readonly inDoubt: boolean;
  /** It is above what they held to be likely for now, so that too few are not the few that are bought. */
  readonly isUnlikely: boolean;
  /** How many more replicas than a step ago the HorizontalPodAutoscaler has. */
  readonly reactiveChange: number;
}

/**
 * Forecasts look a start ahead: what the load needs until then does not go. Where the load has surprised the forecasts, or is not seen, or too few are ready for one that was
 * not likely, they were wrong: then no fewer than without them. Too few for a likely load are what the price is for: it is gone before more are ready. And where replicas do all
 * that they can for a while, the load is not known: as many as make them no busier than the limit.
 */
export function atLeast(wanted: number, { load, limit, reactive, inDoubt, isUnlikely }: Moment, { ready, total, saturatedMs }: { ready: number; total: number; saturatedMs: number }): number {
  const without = inDoubt || load >= ready || (isUnlikely && load > limit * ready) ? reactive : 0;
  const unknown = saturatedMs >= SATURATED_MS ? Math.ceil(ready / limit) : 0;
  return Math.max(wanted, without, unknown, Math.min(total, Math.ceil(load / limit)));
}

/** What has been saved up of changes is for a day with many. */
const MOST_CREDIT = 300;
/** What each change of the HorizontalPodAutoscaler earns. */
const EARNED = 0.97;

/** Counts changes: those of the HorizontalPodAutoscaler are earned, its own are spent. */
export function account(priced: PricedReplicas, isChange: boolean, { reactiveChange }: Moment): void {
  priced.credit = Math.min(MOST_CREDIT, priced.credit + (reactiveChange === 0 ? 0 : EARNED) - (isChange ? 1 : 0));
}

/** Tells whether it has too few now, and decides for it. */
export function think(arm: Arm, choices: Choices, moment: Moment, action: number = SAFE): boolean {
  const { shadow, priced } = arm;
  const { nowMs, stepMs, load, meanNeed } = moment;
  const violated = shadow.advance(nowMs, load);
  const { ready, total } = shadow.fleet;
  arm.saturated = load >= ready ? arm.saturated + 1 : 0;
  const wanted = atLeast(priced.decide(choices, total, meanNeed, ACTIONS[action]), moment, { ready, total, saturatedMs: (arm.saturated - 1) * stepMs });
  account(priced, wanted !== total, moment);
  shadow.set(wanted, nowMs);
  return violated;
}

export function react(shadow: Shadow, policy: ScalingPolicy, { nowMs, load, shownAtMost }: { nowMs: number; load: number; shownAtMost: number }): void {
  shadow.advance(nowMs, load);
  const { ready, total } = shadow.fleet;
  shadow.set(policy.decide({ nowMs, ready, total, utilisation: ready === 0 ? 0 : Math.min(shownAtMost, load / ready) }), nowMs);
}
