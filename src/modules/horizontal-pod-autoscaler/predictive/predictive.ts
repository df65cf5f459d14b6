/**
 * The predictive policy. It forecasts the load for the time at which a replica asked for now will be ready, as a distribution, and has the replicas that are cheapest
 * at a price of being too few. The price is not set by hand: the same forecasts decide at several prices in thought (shadows), beside the HorizontalPodAutoscaler of
 * the same target and one that is more careful; so it is known what each would have cost and how often it would have had too few, and the price is the one that meets
 * the objective, and costs not much more than it would have cost one who knew the load. Where none does, the HorizontalPodAutoscaler decides. Pure; one object a service, about 40 KB.
 */
import { ACTIONS, Bandit, SAFE } from './bandit.ts';
import { Context, CONTEXT_SIZE } from './context.ts';
import { LEVELS } from './distribution.ts';
import type { Learning } from './forecasters/boosted-trees.ts';
import { Hindsight } from './hindsight.ts';
import { Outlook } from './outlook.ts';
import type { Observation, ScalingPolicy } from './policy.ts';
import { choicesOf, PricedReplicas, type Choices } from './price.ts';
import { findPrice, MOST_COST, NO_MORE, PRICES, SOME_STEPS } from './price-search.ts';
import type { LoadSeries } from './series.ts';
import { createReactive, type ReactiveOptions } from './reactive.ts';
import { Shadow, shadowRates, type ShadowRates, type Tally } from './shadow.ts';
import { account, atLeast, createArm, react, SATURATED_MS, think, type Arm, type Moment } from './thought.ts';

export interface Objective {
  /** The part of time in which replicas may be too few, for instance 0.01. */
  readonly underProvisioned?: number;
  /** What a moment of too few costs, in replicas that are needed on average; it is not searched for then. */
  readonly price?: number;
  /** As often too few as a HorizontalPodAutoscaler with this target would be. Default 6/7 of the target. */
  readonly asSafeAs?: number;
}

export interface PredictiveOptions {
  readonly stepMs: number;
  /** From the wish for a replica until it is ready. */
  readonly startMs: number;
  /** Target of the HorizontalPodAutoscaler that is the floor, as a part of what a replica can do. Default 0.7. */
  readonly target?: number;
  /** A replica that is busier than that is too busy. Default 8/7 of the target, at most 1. */
  readonly limit?: number;
  readonly objective?: Objective;
  /** How that HorizontalPodAutoscaler reads its metric and moves, where it is not as it is by default. */
  readonly floor?: Omit<ReactiveOptions, 'target'> & {
    /** The most that a replica shows to do: of requests that wait it shows all, of its cpu no more than it has. Default 1. */
    readonly shownAtMost?: number;
  };
  readonly learning?: Learning;
}

export type Rule = 'Learning' | 'Forecast' | 'Reactive' | 'Saturated';

/** Why it decided as it did. Loads are in replicas that are wholly busy. */
export interface Decision {
  readonly replicas: number;
  readonly rule: Rule;
  readonly message: string;
  readonly load: number;
  /** At LEVELS, `aheadMs` from now. */
  readonly quantiles: readonly number[];
  readonly aheadMs: number;
  readonly price: number;
  /** What the HorizontalPodAutoscaler would have now, had it decided all along; and how both fared. */
  readonly counterfactual: { replicas: number; own: Tally; reactive: Tally; careful: Tally };
}

const FIRST_PRICE = 4;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const HALF_LIFE_MS = 28 * DAY_MS;
const ACTIONS_HALF_LIFE_MS = 4 * DAY_MS;
const LEARNING_MS = 2 * 3_600_000;
/** Before that, the price may still bring down what it costs. */
const COST_TOLD_MS = 4 * DAY_MS;
/** What costs so much is worse than the floor, whatever it brings. */
const WORSE_COST = 1.048;
/** Of the changes that the HorizontalPodAutoscaler makes. */
const MOST_CHANGES = 0.85;
/** A load above that was not likely, when its forecast was made. */
const UNLIKELY = LEVELS.indexOf(0.985);
/** Of the bandit's actions in one step: there are thousands of services, and none keeps them. */
const acted = { replicas: new Float64Array(ACTIONS.length), violated: new Float64Array(ACTIONS.length) };

interface Last {
  readonly observation: Observation;
  readonly load: number;
  readonly replicas: number;
  readonly rule: Rule;
  /** They are those of the HorizontalPodAutoscaler, since the forecasts have to do better first. */
  readonly isFloor: boolean;
}

interface Shadows {
  readonly floor: Shadow;
  readonly careful: Shadow;
  readonly own: Shadow;
  readonly hindsight: Hindsight;
  /** At PRICES. */
  readonly arms: readonly Arm[];
  /** Each of the bandit's actions at the price that is in force, always. */
  readonly actions: readonly Arm[];
  /** What the bandit would have done. */
  readonly learned: Arm;
}

export class Predictive implements ScalingPolicy {
  readonly outlook: Outlook;
  readonly #options: Required<Omit<PredictiveOptions, 'objective' | 'learning' | 'floor'>> & { objective: Objective; shownAtMost: number };
  readonly #floor: ScalingPolicy;
  readonly #careful: ScalingPolicy;
  readonly #own: PricedReplicas;
  readonly #bandit: Bandit;
  readonly #context = new Context();
  #shadows: Shadows | undefined;
  #choices: Choices | undefined;
  /** Whether an objective was given: it goes before what it costs. */
  readonly #isTold: boolean;
  #steps = 0;
  #saturated = 0;
  #trusted = false;
  /** Costs more than it may. */
  #isDear = false;
  /** Whether the bandit is listened to. */
  #acts = false;
  /** What a moment of too few is worth by what the prices brought, in replicas that are needed on average: not the price, since chances are said, and these came. */
  #worth = FIRST_PRICE;
  #doubtUntilMs = -Infinity;
  #last: Last | undefined;

  constructor({ stepMs, startMs, target = 0.7, limit = Math.min(1, (target * 8) / 7), objective = {}, floor: { shownAtMost = 1, ...floor } = {}, learning }: PredictiveOptions) {
    this.#options = { stepMs, startMs, target, limit, objective, shownAtMost };
    this.#isTold = objective.underProvisioned !== undefined || objective.price !== undefined;
    this.outlook = new Outlook(stepMs, startMs + stepMs, learning);
    const reactive = { ...floor, limits: { memoryMs: 300_000, ...floor.limits } };
    this.#floor = createReactive({ ...reactive, target });
    this.#careful = createReactive({ ...reactive, target: objective.asSafeAs ?? (target * 6) / 7 });
    this.#own = new PricedReplicas(objective.price ?? FIRST_PRICE, { startSteps: Math.round(startMs / stepMs) });
    this.#bandit = new Bandit({ stepMs, aheadMs: startMs + stepMs, contextSize: CONTEXT_SIZE });
  }

  decide(observation: Observation): number {
    const { nowMs, utilisation, ready, total } = observation;
    const { limit, stepMs, shownAtMost } = this.#options;
    const shown = utilisation * ready;
    const capped = observation.saturated ?? false;
    this.#steps++;
    this.#saturated = capped ? this.#saturated + 1 : 0;
    const choices = (this.#choices = choicesOf(this.outlook.step(nowMs, shown, { capped, isDear: this.#isDear }), limit, this.#choices));
    const { load } = this.outlook;
    choices.newest = latelyOf(this.outlook.series, stepMs);
    const shadows = (this.#shadows ??= this.#cast(total));
    const { floor, careful, own } = shadows;
    own.advance(nowMs, load);
    shadows.hindsight.add(Math.max(1, Math.ceil(load / limit - 1e-9)));
    const before = floor.fleet.total;
    react(floor, this.#floor, { nowMs, load, shownAtMost });
    react(careful, this.#careful, { nowMs, load, shownAtMost });
    // More than what was held to be possible for the time to come: what is forecast then is little better, until that time has come.
    if (shown > choices.quantiles.at(-1)!) this.#doubtUntilMs = nowMs + this.outlook.aheadMs;
    const moment: Moment = { nowMs, stepMs, load, limit, meanNeed: Math.max(1, this.outlook.series.mean / limit), reactive: floor.fleet.total, inDoubt: nowMs <= this.#doubtUntilMs, isUnlikely: shown > (this.outlook.expected?.[UNLIKELY] ?? 0), reactiveChange: floor.fleet.total - before };
    for (const arm of shadows.arms) {
      think(arm, choices, moment);
      pace(arm.priced, arm.shadow.tally, floor.tally);
    }
    const action = this.#consult(shadows, choices, moment);
    if (this.#steps % 4 === 1) this.#settle();
    const saturatedMs = (this.#saturated - 1) * stepMs;
    const isBehind = this.#isBehind(shadows);
    const forecast = atLeast(this.#own.decide(choices, total, moment.meanNeed, ACTIONS[action]), { ...moment, inDoubt: moment.inDoubt || isBehind }, { ready, total, saturatedMs });
    const rule: Rule = saturatedMs >= SATURATED_MS ? 'Saturated' : this.#trusted ? 'Forecast' : this.#steps * stepMs < LEARNING_MS ? 'Learning' : 'Reactive';
    // What has come to cost too much all the same does not go above the floor, but is not brought down to it: that would be changes.
    const most = !this.#isTold && this.#steps * stepMs >= COST_TOLD_MS && own.tally.replicas > WORSE_COST * floor.tally.replicas ? Math.max(total, moment.reactive) : Infinity;
    const replicas = rule === 'Forecast' || rule === 'Saturated' ? Math.min(forecast, most) : moment.reactive;
    this.#last = { observation, load, replicas, rule, isFloor: isBehind && replicas === moment.reactive };
    account(this.#own, replicas !== total, moment);
    own.set(replicas, nowMs);
    pace(this.#own, own.tally, floor.tally);
    return replicas;
  }

  /** Lets the bandit learn, and gives its action where it has been better than the safe one lately. */
  #consult({ actions, learned }: Shadows, choices: Choices, moment: Moment): number {
    const { nowMs, stepMs, meanNeed } = moment;
    for (const [index, arm] of actions.entries()) {
      arm.priced.price = this.#own.price;
      arm.priced.changePrice = this.#own.changePrice;
      arm.priced.stride = this.#own.stride;
      acted.violated[index] = think(arm, choices, moment, index) ? 1 : 0;
      acted.replicas[index] = arm.shadow.fleet.total / meanNeed;
    }
    const context = this.#context.read(this.outlook.series, choices.quantiles, this.outlook.expected);
    this.#bandit.learn(nowMs, context, acted);
    const action = this.#bandit.choose(context, this.#worth);
    learned.priced.price = this.#own.price;
    learned.priced.changePrice = this.#own.changePrice;
    learned.priced.stride = this.#own.stride;
    think(learned, choices, moment, action);
    const costOf = ({ shadow: { tally } }: Arm): number => tally.replicas / meanNeed + this.#worth * tally.violated;
    this.#acts = this.#steps * stepMs > DAY_MS && costOf(learned) < costOf(actions[SAFE]!);
    return this.#acts ? action : SAFE;
  }

  /**
   * Whether the decisions that count have to be no fewer than those of the floor: in the first day as long as they have not had too few less often, and afterwards where they have had
   * it more often; unless they are dear. Those in thought are not, so that it is known what each price brings.
   */
  #isBehind({ own: { tally: own }, floor: { tally: floor } }: Shadows): boolean {
    if (this.#isTold || own.replicas > MOST_COST * floor.replicas) return false;
    return this.#steps * this.#options.stepMs < DAY_MS ? own.violated >= floor.violated : own.violated > floor.violated * NO_MORE + SOME_STEPS / this.#steps;
  }

  /** The last decision; undefined before the first. */
  explain(): Decision | undefined {
    if (this.#last === undefined || this.#shadows === undefined || this.#choices === undefined) return undefined;
    const { load, replicas, rule } = this.#last;
    const { floor, careful, own } = this.#shadows;
    return {
      replicas, rule, load, message: this.#message(this.#last), quantiles: Array.from(this.#choices.quantiles), aheadMs: this.outlook.aheadMs, price: this.#own.price,
      counterfactual: { replicas: floor.fleet.total, own: { ...own.tally }, reactive: { ...floor.tally }, careful: { ...careful.tally } },
    };
  }

  #message({ rule, replicas, isFloor, observation: { total } }: Last): string {
    const ahead = `${Math.round(this.outlook.aheadMs / 1_000)} s`;
    switch (rule) {
      case 'Learning': return `less than ${LEARNING_MS / 3_600_000} h of load is known: the replicas of a HorizontalPodAutoscaler`;
      case 'Reactive': return 'the forecasts would not have been better than a HorizontalPodAutoscaler lately: its replicas';
      case 'Saturated': return 'the replicas are as busy as they can be, so the load is not known: more';
      case 'Forecast': if (isFloor) return 'as many as a HorizontalPodAutoscaler has: the forecasts have not had too few less often yet';
        return replicas === total ? `the replicas that there are do for the load in ${ahead}` : `the cheapest number of replicas for the load in ${ahead}, at a price of ${this.#own.price.toFixed(1)} for having too few`;
    }
  }

  #cast(total: number): Shadows {
    const { startMs, stepMs, limit } = this.#options;
    const [slow, quick] = [HALF_LIFE_MS, ACTIONS_HALF_LIFE_MS].map((halfLifeMs) => shadowRates({ limit, halfLifeSteps: halfLifeMs / stepMs, daySteps: DAY_MS / stepMs })) as [ShadowRates, ShadowRates];
    const cast = (rates: ShadowRates): Shadow => new Shadow(total, startMs, rates);
    const arm = (price: number, rates: ShadowRates): Arm => createArm(price, cast(rates), Math.round(startMs / stepMs));
    return {
      floor: cast(slow), careful: cast(slow), own: cast(slow), hindsight: new Hindsight({ stepMs, startMs, share: slow.share }), arms: PRICES.map((price) => arm(price, slow)),
      actions: ACTIONS.map(() => arm(this.#own.price, quick)), learned: arm(this.#own.price, quick),
    };
  }

  /** Finds the price by what each would have brought, and whether the forecasts deserve to decide. */
  #settle(): void {
    const { objective, stepMs, limit } = this.#options;
    const { floor, careful, arms, own, hindsight } = this.#shadows!;
    if (this.#steps * stepMs < LEARNING_MS) return;
    if (objective.price !== undefined) {
      this.#trusted = true;
      return;
    }
    const found = findPrice(arms.map(({ shadow }) => shadow.tally), {
      underProvisioned: objective.underProvisioned, floor: floor.tally, careful: careful.tally, own: own.tally, hindsightReplicas: hindsight.mean, meanNeed: Math.max(1, this.outlook.series.mean / limit), steps: this.#steps,
    });
    [this.#trusted, this.#isDear, this.#worth] = [found.isTrusted, found.isDear, found.worth];
    const sure = Math.min(1, (this.#steps * stepMs) / DAY_MS);
    const wanted = Math.exp(sure * Math.log(found.price) + (1 - sure) * Math.log(FIRST_PRICE));
    this.#own.price = Math.exp(Math.log(this.#own.price) + 0.02 * Math.log(wanted / this.#own.price));
  }
}

/** The mean of the last minute: a value of 15 s alone is mostly noise. */
function latelyOf(series: LoadSeries, stepMs: number): number {
  const steps = Math.max(1, Math.round(MINUTE_MS / stepMs));
  let sum = 0;
  for (let ago = 0; ago < steps; ago++) sum += series.back(ago);
  return sum / steps;
}

/** More changes than the floor makes become dearer, fewer cheaper; where that does not do, those upward become greater. */
function pace(priced: PricedReplicas, { changes }: Tally, floor: Tally): void {
  const excess = Math.max(-1, Math.min(1, changes / Math.max(floor.changes * MOST_CHANGES, 1e-6) - 1));
  priced.stride = Math.max(0, Math.min(4, priced.stride + 0.002 * (changes / Math.max(floor.changes, 1e-6) - 0.97)));
  priced.changePrice = Math.max(0.03, Math.min(12, priced.changePrice * Math.exp(0.000_5 * excess)));
}
