/**
 * How many replicas to have, given the distribution of the load and the price of having too few. What is least is replicas plus price times the chance of too few: so
 * more is spent where certainty is cheap, and less where it is dear, which is what gives the fewest violations for a given number of replica-hours. A change has a price
 * too: the loss by not changing is added up, and the change made when it has reached it (as one who rents skis until the rent has reached their price). Pure.
 */
import { chanceAbove, LEVELS } from './distribution.ts';

export interface Choices {
  /** Candidates: the replicas that hold each quantile, and one less. Of one step, shared by all: there are thousands, and none keeps them. */
  readonly replicas: Int32Array;
  readonly chances: Float64Array;
  readonly quantiles: Float32Array;
  /** The load that a replica carries without being too busy. */
  readonly limit: number;
  /** The mean load of the last minute. Default 0. */
  newest: number;
}

const candidates = { replicas: new Int32Array(2 * LEVELS.length), chances: new Float64Array(2 * LEVELS.length) };

/** Good until choices are made again. */
export function choicesOf(quantiles: Float32Array, limit: number, into?: Choices): Choices {
  const choices = into ?? { ...candidates, quantiles: new Float32Array(LEVELS.length), limit, newest: 0 };
  choices.quantiles.set(quantiles);
  for (let level = 0; level < LEVELS.length; level++) {
    const replicas = Math.max(1, Math.ceil(quantiles[level]! / limit - 1e-6));
    for (const less of [0, 1]) {
      const index = 2 * level + less;
      choices.replicas[index] = Math.max(1, replicas - less);
      choices.chances[index] = chanceAbove(quantiles, choices.replicas[index]! * limit);
    }
  }
  return choices;
}

/** What comes before a start is over is that much as uncertain as what comes then. */
const SOONER_BAND = 0.7;
const MEDIAN = LEVELS.indexOf(0.5);
const MOST_UP = 1;
const FIRST_CREDIT = 8;
const MOST_MORE = 0.1;
/** With fewer changes left than that a change downward becomes dearer: twice as dear with every four fewer, and 64 times at most. */
const FEW_CREDIT = 8;
const DOUBLING_CREDIT = 4;
const MOST_DEARER = 64;
const WHOLE = { price: 1, hold: 1 };

export class PricedReplicas {
  /** In replicas that are needed on average: what it costs to have too few. */
  price: number;
  /** The same, in steps: what a change costs. */
  changePrice: number;
  /** Replicas that a change upward has beyond what is wanted, on average. */
  stride = 0;
  /** The changes that it may make yet: those of the floor, less its own. */
  credit = FIRST_CREDIT;
  readonly #recent: number[];
  #at = 0;
  #loss = 0;
  #carried = 0;

  /** `startSteps`: what was asked for is held for so long, since it was for the time at which it is ready. */
  constructor(price: number, { startSteps, changePrice = 1 }: { startSteps: number; changePrice?: number }) {
    this.price = price;
    this.changePrice = changePrice;
    this.#recent = new Array<number>(Math.max(1, startSteps)).fill(0);
  }

  /** `meanNeed`: in replicas. `action`: parts of the price and of what is held that are taken this time; default the whole. */
  decide(choices: Choices, total: number, meanNeed: number, action: { price: number; hold: number } = WHOLE): number {
    const price = this.price * action.price * meanNeed;
    const best = this.#best(choices, price);
    this.#recent[this.#at++ % this.#recent.length] = best;
    const wanted = best > total ? best : Math.min(total, Math.max(best, Math.min(this.#held(action.hold), this.#soon(choices, price))));
    if (wanted === total) {
      this.#loss *= 0.9;
      return total;
    }
    const costOf = (replicas: number): number => replicas + price * chanceAbove(choices.quantiles, replicas * choices.limit);
    this.#loss += Math.max(0, costOf(total) - costOf(wanted));
    // Too few cannot wait for long, however dear changes have become.
    if (this.#loss <= (wanted > total ? Math.min(MOST_UP, this.changePrice) : this.changePrice * this.#dearer()) * meanNeed) return total;
    this.#loss = 0;
    return wanted > total ? wanted + this.#more(wanted) : wanted;
  }

  /** Who has made as many changes as the floor waits longer with one downward: it costs replicas, and never too few of them. */
  #dearer(): number {
    return Math.min(MOST_DEARER, Math.max(1, 2 ** ((FEW_CREDIT - this.credit) / DOUBLING_CREDIT)));
  }

  /** Where there are too many changes, one upward does for some of those that would follow. */
  #more(wanted: number): number {
    this.#carried += Math.min(this.stride, MOST_MORE * wanted);
    const more = Math.floor(this.#carried);
    this.#carried -= more;
    return more;
  }

  #best({ replicas, chances }: Choices, price: number): number {
    let [best, least] = [1, Infinity];
    for (let index = 0; index < replicas.length; index++) {
      const cost = replicas[index]! + price * chances[index]!;
      if (cost < least) [best, least] = [replicas[index]!, cost];
    }
    return best;
  }

  /** What the time until then needs as far as is known now: from the newest load or the median, whichever is greater, and with a narrower band. What was thought of it before may be out of date. */
  #soon({ quantiles, limit, newest }: Choices, price: number): number {
    const median = quantiles[MEDIAN]!;
    const middle = Math.max(median, newest);
    let [best, least] = [1, Infinity];
    for (const quantile of quantiles) {
      const replicas = Math.max(1, Math.ceil((middle + SOONER_BAND * (quantile - median)) / limit - 1e-6));
      for (const count of [replicas, Math.max(1, replicas - 1)]) {
        const cost = count + price * chanceAbove(quantiles, median + (count * limit - middle) / SOONER_BAND);
        if (cost < least) [best, least] = [count, cost];
      }
    }
    return best;
  }

  #held(part: number): number {
    const length = this.#recent.length;
    let most = 0;
    for (let ago = 1; ago <= Math.max(1, Math.round(part * length)); ago++) most = Math.max(most, this.#recent[(this.#at - ago + length) % length]!);
    return most;
  }
}
