/**
 * The predictive policy. It forecasts the load for the time at which a replica asked for now will be ready, as a distribution, and has the replicas that are cheapest
 * at a price of being too few. The price is not set by hand: the same forecasts decide at several prices in thought (shadows), beside the HorizontalPodAutoscaler of
 * the same target and one that is more careful; so it is known what each would have cost and how often it would have had too few, and the price is the one that meets
 * the objective. Where none does, the HorizontalPodAutoscaler decides. Pure; one object a service, about 40 KB.
 */
import type { Learning } from './forecasters/boosted-trees.ts';
import { Outlook } from './outlook.ts';
import type { Observation, ScalingPolicy } from './policy.ts';
import { choicesOf, PricedReplicas, type Choices } from './price.ts';
import { createReactive, type ReactiveOptions } from './reactive.ts';
import { Shadow, type Tally } from './shadow.ts';

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

const PRICES = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
const FIRST_PRICE = 4;
const DAY_MS = 86_400_000;
const HALF_LIFE_MS = 28 * DAY_MS;
const LEARNING_MS = 2 * 3_600_000;
/** Of the cost of the floor. */
const MOST_COST = 1.03;
/** Of the changes that the HorizontalPodAutoscaler makes. */
const MOST_CHANGES = 0.85;

interface Shadows {
  readonly floor: Shadow;
  readonly careful: Shadow;
  readonly own: Shadow;
  readonly arms: readonly Shadow[];
}

export class Predictive implements ScalingPolicy {
  readonly outlook: Outlook;
  readonly #options: Required<Omit<PredictiveOptions, 'objective' | 'learning' | 'floor'>> & { objective: Objective; shownAtMost: number };
  readonly #floor: ScalingPolicy;
  readonly #careful: ScalingPolicy;
  readonly #arms: readonly PricedReplicas[];
  readonly #own: PricedReplicas;
  #shadows: Shadows | undefined;
  #choices: Choices | undefined;
  #steps = 0;
  #trusted = false;
  #doubtUntilMs = -Infinity;
  #last: { observation: Observation; load: number; replicas: number; rule: Rule } | undefined;

  constructor({ stepMs, startMs, target = 0.7, limit = Math.min(1, (target * 8) / 7), objective = {}, floor: { shownAtMost = 1, ...floor } = {}, learning }: PredictiveOptions) {
    this.#options = { stepMs, startMs, target, limit, objective, shownAtMost };
    this.outlook = new Outlook(stepMs, startMs + stepMs, learning);
    const reactive = { ...floor, limits: { memoryMs: 300_000, ...floor.limits } };
    this.#floor = createReactive({ ...reactive, target });
    this.#careful = createReactive({ ...reactive, target: objective.asSafeAs ?? (target * 6) / 7 });
    const startSteps = Math.round(startMs / stepMs);
    this.#arms = PRICES.map((price) => new PricedReplicas(price, { startSteps }));
    this.#own = new PricedReplicas(objective.price ?? FIRST_PRICE, { startSteps });
  }

  decide(observation: Observation): number {
    const { nowMs, utilisation, ready, total } = observation;
    const { limit } = this.#options;
    const load = utilisation * ready;
    const capped = observation.saturated ?? false;
    this.#steps++;
    this.#choices = choicesOf(this.outlook.step(nowMs, load, { capped }), limit, this.#choices);
    const meanNeed = Math.max(1, this.outlook.series.mean / limit);
    const shadows = (this.#shadows ??= this.#cast(total));
    shadows.own.advance(nowMs, load);
    this.#reactInThought(shadows.floor, this.#floor, nowMs, load);
    this.#reactInThought(shadows.careful, this.#careful, nowMs, load);
    for (const [index, arm] of this.#arms.entries()) {
      const shadow = shadows.arms[index]!;
      shadow.advance(nowMs, load);
      shadow.set(this.#bounded(arm.decide(this.#choices, shadow.fleet.total, meanNeed), load, shadow.fleet), nowMs);
      pace(arm, shadow.tally, shadows.floor.tally);
    }
    if (this.#steps % 4 === 1) this.#settle();
    const reactive = shadows.floor.fleet.total;
    const priced = this.#bounded(this.#own.decide(this.#choices, total, meanNeed), load, observation);
    // What is forecast in a surprise is little better, until it has come.
    if (this.#isSurprising(load)) this.#doubtUntilMs = nowMs + this.outlook.aheadMs;
    const forecast = nowMs <= this.#doubtUntilMs ? Math.max(priced, reactive) : priced;
    const rule: Rule = capped ? 'Saturated' : this.#trusted ? 'Forecast' : this.#steps * this.#options.stepMs < LEARNING_MS ? 'Learning' : 'Reactive';
    const replicas = rule === 'Forecast' ? forecast : rule === 'Saturated' ? Math.max(forecast, Math.ceil(ready / limit)) : reactive;
    this.#last = { observation, load, replicas, rule };
    shadows.own.set(replicas, nowMs);
    pace(this.#own, shadows.own.tally, shadows.floor.tally);
    return replicas;
  }

  /** The last decision; undefined before the first. */
  explain(): Decision | undefined {
    if (this.#last === undefined || this.#shadows === undefined || this.#choices === undefined) return undefined;
    const { load, replicas, rule, observation } = this.#last;
    const { floor, careful, own } = this.#shadows;
    return {
      replicas, rule, load, message: this.#message(rule, replicas, observation), quantiles: Array.from(this.#choices.quantiles), aheadMs: this.outlook.aheadMs, price: this.#own.price,
      counterfactual: { replicas: floor.fleet.total, own: { ...own.tally }, reactive: { ...floor.tally }, careful: { ...careful.tally } },
    };
  }

  #message(rule: Rule, replicas: number, { total }: Observation): string {
    const ahead = `${Math.round(this.outlook.aheadMs / 1_000)} s`;
    switch (rule) {
      case 'Learning': return `less than ${LEARNING_MS / 3_600_000} h of load is known: the replicas of a HorizontalPodAutoscaler`;
      case 'Reactive': return 'the forecasts would not have been better than a HorizontalPodAutoscaler lately: its replicas';
      case 'Saturated': return 'the replicas are as busy as they can be, so the load is not known: more';
      case 'Forecast': return replicas === total ? `the replicas that there are do for the load in ${ahead}` : `the cheapest number of replicas for the load in ${ahead}, at a price of ${this.#own.price.toFixed(1)} for having too few`;
    }
  }

  #cast(total: number): Shadows {
    const { startMs, stepMs, limit } = this.#options;
    const cast = (): Shadow => new Shadow(total, { startMs, limit, halfLifeSteps: HALF_LIFE_MS / stepMs, daySteps: DAY_MS / stepMs });
    return { floor: cast(), careful: cast(), own: cast(), arms: PRICES.map(cast) };
  }

  #reactInThought(shadow: Shadow, policy: ScalingPolicy, nowMs: number, load: number): void {
    shadow.advance(nowMs, load);
    const { ready, total } = shadow.fleet;
    shadow.set(policy.decide({ nowMs, ready, total, utilisation: ready === 0 ? 0 : Math.min(this.#options.shownAtMost, load / ready) }), nowMs);
  }

  /**
   * Forecasts look a start ahead: what the load needs until then does not go. And where too few are ready already, or more is asked for than was held to be possible,
   * they were wrong: then no fewer than without them.
   */
  #bounded(forecast: number, load: number, { ready, total }: { ready: number; total: number }): number {
    const { limit } = this.#options;
    const least = load > limit * ready || this.#isSurprising(load) ? this.#shadows!.floor.fleet.total : 0;
    return Math.max(forecast, least, Math.min(total, Math.ceil(load / limit)));
  }

  /** More than what was held to be possible for the time to come. */
  #isSurprising(load: number): boolean {
    return load > this.#choices!.quantiles.at(-1)!;
  }

  /** Finds the price by what each would have brought, and whether the forecasts deserve to decide. */
  #settle(): void {
    const { objective, stepMs } = this.#options;
    const { floor, careful, arms } = this.#shadows!;
    if (this.#steps * stepMs < LEARNING_MS) return;
    const tallies = arms.map(({ tally }) => tally);
    if (objective.price !== undefined) {
      this.#trusted = true;
      return;
    }
    const allowed = objective.underProvisioned ?? careful.tally.violated;
    let at = positionWhere(tallies, ({ violated }) => violated - allowed);
    const mostCost = objective.underProvisioned === undefined ? MOST_COST * floor.tally.replicas : Infinity;
    if (at > 0 && between(tallies, at).replicas > mostCost) at = positionWhere(tallies, ({ replicas }) => mostCost - replicas);
    const expected = between(tallies, at);
    this.#trusted = objective.underProvisioned !== undefined || (expected.violated <= floor.tally.violated * 1.02 + 1e-4 && expected.replicas <= floor.tally.replicas * 1.05);
    const found = priceAt(at);
    const sure = Math.min(1, (this.#steps * stepMs) / DAY_MS);
    const wanted = Math.exp(sure * Math.log(found) + (1 - sure) * Math.log(FIRST_PRICE));
    this.#own.price = Math.exp(Math.log(this.#own.price) + 0.02 * Math.log(wanted / this.#own.price));
  }
}

/** More changes than the floor makes become dearer, fewer cheaper. */
function pace(priced: PricedReplicas, { changes }: Tally, floor: Tally): void {
  const excess = Math.max(-1, Math.min(1, changes / Math.max(floor.changes * MOST_CHANGES, 1e-6) - 1));
  priced.changePrice = Math.max(0.03, Math.min(12, priced.changePrice * Math.exp(0.000_5 * excess)));
}

/** The place among the prices, with a fraction, from which on `excess` is not above 0: the first where none is above, the last where all are. */
function positionWhere(tallies: readonly Tally[], excess: (tally: Tally) => number): number {
  for (let index = tallies.length - 1; index >= 0; index--) {
    const here = excess(tallies[index]!);
    if (here <= 0) continue;
    if (index === tallies.length - 1) return index;
    const next = excess(tallies[index + 1]!);
    return index + (here - next === 0 ? 1 : here / (here - next));
  }
  return 0;
}

function between(tallies: readonly Tally[], at: number): Tally {
  const [low, part] = [Math.floor(at), at % 1];
  const [one, other] = [tallies[low]!, tallies[Math.min(low + 1, tallies.length - 1)]!];
  const mix = (key: keyof Tally): number => one[key] * (1 - part) + other[key] * part;
  return { violated: mix('violated'), replicas: mix('replicas'), changes: mix('changes') };
}

function priceAt(at: number): number {
  const low = Math.floor(at);
  return PRICES[low]! * (PRICES[Math.min(low + 1, PRICES.length - 1)]! / PRICES[low]!) ** (at % 1);
}

