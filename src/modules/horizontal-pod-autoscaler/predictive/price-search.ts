/**
 * Which price to have, by what several would have brought: the one that has too few as seldom as is asked for; and no dearer than it may be, nor than is worth it. Pure.
 */
import type { Tally } from './shadow.ts';

/** Those that are tried in thought. */
export const PRICES = [0.5, 1, 2, 4, 8, 16, 32, 64] as const;
/** Of the cost of the floor. */
export const MOST_COST = 1.03;
/** Of the times in which the floor has too few, and a minute besides: what is more is told from chance. */
export const [NO_MORE, SOME_STEPS] = [1.02, 4];
/** Of the cost of one who knew the load: beyond that, certainty is dear. */
const MOST_OF_HINDSIGHT = 1.14;
/** What a moment of too few is worth at most, in replicas that are needed on average: where a dearer price brings less than that, what is left cannot be bought, since nobody foresees it. */
const MOST_WORTH = 200;
/** How much cheaper it becomes where it has been dearer than it may: at 5 % too much by half. */
const COST_FORCE = 14;
/** What the same price brings to the decisions that count may differ from what it does in thought: between so much of it, and more where a share is asked for. */
const [LEAST_AMISS, MOST_AMISS, MOST_AMISS_TOLD] = [0.5, 2, 8];
/** Less cannot be told from none: four seconds a day. */
const LEAST_SHARE = 5e-5;

export interface Search {
  /** The part of time that is asked for. Default that of `careful`, bounded by cost. */
  readonly underProvisioned?: number;
  /** The HorizontalPodAutoscaler of the same target, a more careful one, and the decisions that count. */
  readonly floor: Tally;
  readonly careful: Tally;
  readonly own: Tally;
  /** Mean replicas of one who knew the load. */
  readonly hindsightReplicas: number;
  /** In replicas. */
  readonly meanNeed: number;
  readonly steps: number;
}

export interface Found {
  readonly price: number;
  /** The forecasts would have done no worse than the floor. */
  readonly isTrusted: boolean;
  /** The decisions that count cost more than they may. */
  readonly isDear: boolean;
  /** What a moment of too few is worth by what the prices brought, in replicas that are needed on average. */
  readonly worth: number;
}

/** `tallies`: what each of PRICES would have brought. */
export function findPrice(tallies: readonly Tally[], { underProvisioned, floor, careful, own, hindsightReplicas, meanNeed, steps }: Search): Found {
  const isTold = underProvisioned !== undefined;
  const allowed = Math.max(LEAST_SHARE, underProvisioned ?? careful.violated);
  // In logarithms: from price to price the violations fall by factors.
  let at = positionWhere(tallies, ({ violated }) => Math.log(Math.max(violated, LEAST_SHARE / 10) / allowed));
  const most = isTold ? tallies.length - 1 : worthwhile(tallies, meanNeed);
  const isUseless = at > most;
  if (isUseless) at = most;
  // As cheap as the least price is cheap enough, whatever else could be known.
  const mostCost = isTold ? Infinity : Math.min(MOST_COST * floor.replicas, Math.max(MOST_OF_HINDSIGHT * hindsightReplicas, tallies[0]!.replicas));
  const isTooDear = at > 0 && between(tallies, at).replicas > mostCost;
  if (isTooDear) at = positionWhere(tallies, ({ replicas }) => mostCost - replicas);
  const expected = between(tallies, at);
  // Where the decisions that count are dearer than those in thought, they may not be made dearer still for what they have too few.
  const isLimited = isUseless || isTooDear || own.replicas > mostCost;
  const amiss = isLimited ? 1 : Math.max(LEAST_AMISS, Math.min(isTold ? MOST_AMISS_TOLD : MOST_AMISS, Math.max(own.violated, LEAST_SHARE) / allowed));
  return {
    price: priceAt(at) * amiss * Math.min(1, mostCost / own.replicas) ** COST_FORCE,
    isTrusted: isTold || (expected.violated <= floor.violated * NO_MORE + Math.max(1e-4, SOME_STEPS / steps) && expected.replicas <= floor.replicas * 1.05),
    isDear: own.replicas > mostCost * 1.01,
    worth: worthAt(tallies, at, expected) / meanNeed,
  };
}

/** The place of the price beyond which replicas bring less than they cost, however much a moment of too few may be worth. */
function worthwhile(tallies: readonly Tally[], meanNeed: number): number {
  const costs = tallies.map(({ replicas, violated }) => replicas / meanNeed + MOST_WORTH * violated);
  return costs.indexOf(Math.min(...costs));
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
  const violated = Math.exp(Math.log(one.violated + LEAST_SHARE) * (1 - part) + Math.log(other.violated + LEAST_SHARE) * part) - LEAST_SHARE;
  return { violated, replicas: mix('replicas'), changes: mix('changes') };
}

/** How many more replicas it takes for so much less of the time with too few: by the prices around, between which replicas grow as the logarithm of violations falls. */
function worthAt(tallies: readonly Tally[], at: number, { violated }: Tally): number {
  const low = Math.min(Math.floor(at), tallies.length - 2);
  const [one, other] = [tallies[low]!, tallies[low + 1]!];
  const factor = Math.log((one.violated + LEAST_SHARE) / (other.violated + LEAST_SHARE));
  return Math.max(0, other.replicas - one.replicas) / Math.max(factor, 0.1) / Math.max(violated, LEAST_SHARE);
}

function priceAt(at: number): number {
  const low = Math.floor(at);
  return PRICES[low]! * (PRICES[Math.min(low + 1, PRICES.length - 1)]! / PRICES[low]!) ** (at % 1);
}

