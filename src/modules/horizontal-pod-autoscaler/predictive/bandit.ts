/**
 * A contextual bandit over quantile and horizon. Its actions are the safe policy with its price halved, kept or doubled (which is another quantile bought), holding what was
 * asked for as long as a start takes or a third of that (which is another horizon). What an action costs in a context is a linear function that is learned from what came of
 * it; and since the load does not depend on the replicas, what would have come of all actions is known, not of the chosen one alone: nothing has to be explored at the user's cost.
 * Whoever asks decides whether it is listened to. Pure; about 5 KB.
 * Sources: Li et al., A contextual-bandit approach to personalized news article recommendation, WWW 2010 (linear costs by context); Wu et al., Conservative bandits, ICML 2016
 * (leave the safe action only for what is surely better).
 */
import { MultiRidge } from './multi-ridge.ts';

export interface Action {
  /** Of the safe price. */
  readonly price: number;
  /** Of the time that is held. */
  readonly hold: number;
}

export const ACTIONS: readonly Action[] = [1 / 3, 1].flatMap((hold) => [0.5, 1, 2].map((price) => ({ price, hold })));
/** The action that changes nothing. */
export const SAFE = ACTIONS.findIndex(({ price, hold }) => price === 1 && hold === 1);

const SOLVE_EVERY = 40;
const PRIOR_ROWS = 20;
const HALF_LIFE_MS = 4 * 86_400_000;
const LEARN_EVERY = 4;
/** Of one step: there are thousands of bandits, and none keeps it. */
const answers = new Float64Array(2 * ACTIONS.length);
/** Another action has to be better by so much, in replicas that are needed on average. */
const MARGIN = 0.002;

export class Bandit {
  readonly #costs: MultiRidge;
  /** Of each step until what was decided is ready: the context, and the replicas of each action. */
  readonly #slots: Float32Array;
  readonly #madeMs: Float64Array;
  readonly #contextSize: number;
  readonly #stepMs: number;
  #at = 0;

  constructor({ stepMs, aheadMs, contextSize }: { stepMs: number; aheadMs: number; contextSize: number }) {
    this.#stepMs = stepMs;
    this.#costs = new MultiRidge({ inputs: contextSize, outputs: 2 * ACTIONS.length, halfLifeRows: HALF_LIFE_MS / stepMs / LEARN_EVERY });
    const length = Math.max(1, Math.round(aheadMs / stepMs));
    this.#contextSize = contextSize;
    this.#slots = new Float32Array(length * (contextSize + ACTIONS.length));
    this.#madeMs = new Float64Array(length).fill(Number.NaN);
  }

  /**
   * `replicas`: what each action has now, in parts of the mean need, decided in this context; `violated`: whether what each had before is too few now, 1 or 0. What is
   * violated now is the doing of the decision that was to be ready now.
   */
  learn(nowMs: number, context: ArrayLike<number>, { replicas, violated }: { replicas: ArrayLike<number>; violated: ArrayLike<number> }): void {
    const slot = this.#at++ % this.#madeMs.length;
    const [width, size] = [this.#contextSize + ACTIONS.length, this.#contextSize];
    const [before, were] = [this.#slots.subarray(slot * width, slot * width + size), this.#slots.subarray(slot * width + size, (slot + 1) * width)];
    if (this.#at % LEARN_EVERY === 0 && Math.abs(nowMs - this.#madeMs[slot]! - this.#madeMs.length * this.#stepMs) < this.#stepMs / 2) {
      for (let action = 0; action < ACTIONS.length; action++) {
        // Against the safe action: what is hard for all says nothing of which to take.
        answers[2 * action] = were[action]! - were[SAFE]!;
        answers[2 * action + 1] = violated[action]! - violated[SAFE]!;
      }
      this.#costs.add(before, answers);
      if (this.#at % (LEARN_EVERY * SOLVE_EVERY) === 0) this.#costs.solve(PRIOR_ROWS);
    }
    this.#madeMs[slot] = nowMs;
    before.set(context);
    were.set(replicas);
  }

  /** The action that is cheapest in this context, at this price of too few; the safe one, unless another is surely better. */
  choose(context: ArrayLike<number>, price: number): number {
    let [best, least] = [SAFE, -MARGIN];
    for (let action = 0; action < ACTIONS.length; action++) {
      if (action === SAFE) continue;
      const cost = this.#costs.predict(context, 2 * action) + price * this.#costs.predict(context, 2 * action + 1);
      if (cost < least) [best, least] = [action, cost];
    }
    return best;
  }
}
