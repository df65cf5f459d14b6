/**
 * From point forecasts to a distribution. Each forecaster is paired with several measures of its own error (of the last half hour, of the last days, of this hour of the
 * day); how many of these measures a quantile lies above the forecast is learned by stochastic approximation, so that the quantile is exceeded as often as it says; and
 * the pairs are weighed by their recent pinball loss, for each quantile apart. Pure.
 * Sources: Koenker and Bassett, Regression quantiles, Econometrica 46, 1978 (the loss); Freund and Schapire, JCSS 55, 1997 (the weights); Gibbs and Candès, Adaptive
 * conformal inference under distribution shift, NeurIPS 2021 (quantiles that follow).
 */
export const LEVELS = [0.3, 0.5, 0.6, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.985, 0.993, 0.997, 0.999] as const;
const COUNT = LEVELS.length;
const MEASURES = 3;
const HOURS = 24;
/** What a pair is charged for its loss, and how fast it is forgiven: at steps of 15 s after two hours by half. */
const RATE = 1;
const MEMORY = 0.9985;
const FIRST_ERROR = 0.15;
/** Of the standard normal distribution, at LEVELS: where the search begins. */
const NORMAL = [-0.524, 0, 0.253, 0.524, 0.842, 1.126, 1.405, 1.645, 1.881, 2.17, 2.457, 2.748, 3.09] as const;

/** A forecast as it was made, to be learned from when the load is known. */
export interface Made {
  level: number;
  /** Of weeks. */
  mean: number;
  hour: number;
  readonly points: Float32Array;
  readonly spreads: Float32Array;
  readonly quantiles: Float32Array;
}

export function emptyMade(forecasters: number): Made {
  return { level: 1, mean: 1, hour: 0, points: new Float32Array(forecasters), spreads: new Float32Array(forecasters * MEASURES), quantiles: new Float32Array(COUNT) };
}

export class Distribution {
  readonly #forecasters: number;
  readonly #places: Float32Array;
  readonly #losses: Float32Array;
  readonly #errors: Float32Array;
  readonly #hourly: Float32Array;
  #learned = 0;

  constructor(forecasters: number) {
    this.#forecasters = forecasters;
    const places = forecasters * MEASURES * COUNT;
    // In one piece: there are thousands, and each has its price.
    const { buffer } = new Float32Array(2 * places + forecasters * (2 + HOURS));
    [this.#places, this.#losses] = [new Float32Array(buffer, 0, places), new Float32Array(buffer, 4 * places, places)];
    [this.#errors, this.#hourly] = [new Float32Array(buffer, 8 * places, forecasters * 2), new Float32Array(buffer, 8 * places + 8 * forecasters)];
    for (let index = 0; index < places; index++) this.#places[index] = 1.3 * NORMAL[index % COUNT]!;
    this.#errors.fill(FIRST_ERROR);
    this.#hourly.fill(FIRST_ERROR);
  }

  /** Fills spreads and quantiles of `made` from its points. */
  spread(made: Made): void {
    for (let one = 0; one < this.#forecasters; one++) {
      const unit = unitOf(made, one);
      made.spreads[one * MEASURES] = this.#errors[one * 2]! * unit;
      made.spreads[one * MEASURES + 1] = this.#errors[one * 2 + 1]! * rootUnitOf(made, one);
      made.spreads[one * MEASURES + 2] = this.#hourly[one * HOURS + made.hour]! * unit;
    }
    let before = 0;
    for (let level = 0; level < COUNT; level++) before = made.quantiles[level] = Math.max(before, this.#mix(made, level));
  }

  /** `load` is what came of it. */
  learn(made: Made, load: number): void {
    this.#learned++;
    const step = Math.max(0.004, 0.15 / Math.sqrt(this.#learned + 20));
    for (let pair = 0; pair < this.#forecasters * MEASURES; pair++) {
      const [point, spread] = [made.points[(pair / MEASURES) | 0]!, Math.max(1e-6, made.spreads[pair]!)];
      const stride = step * (1 + 0.2 * Math.min(10, Math.abs(load - point) / spread));
      for (let level = 0; level < COUNT; level++) {
        const index = pair * COUNT + level;
        const share = LEVELS[level]!;
        const quantile = point + this.#places[index]! * spread;
        const loss = (load > quantile ? share * (load - quantile) : (1 - share) * (quantile - load)) / (made.level * Math.sqrt(share * (1 - share)));
        this.#losses[index] = this.#losses[index]! * MEMORY + RATE * Math.min(4, loss);
        this.#places[index]! += stride * (load > quantile ? share : share - 1);
      }
    }
    for (let one = 0; one < this.#forecasters; one++) this.#measure(one, made, load);
  }

  /** The weight of each forecaster at one quantile: they sum to 1. */
  weights(level: number): number[] {
    const weights = Array.from({ length: this.#forecasters * MEASURES }, (_, pair) => Math.exp(this.#best(level) - this.#losses[pair * COUNT + level]!));
    const sum = weights.reduce((total, each) => total + each, 0);
    return Array.from({ length: this.#forecasters }, (_, one) => weights.slice(one * MEASURES, (one + 1) * MEASURES).reduce((total, each) => total + each, 0) / sum);
  }

  #best(level: number): number {
    let best = Infinity;
    for (let pair = 0; pair < this.#forecasters * MEASURES; pair++) best = Math.min(best, this.#losses[pair * COUNT + level]!);
    return best;
  }

  #mix(made: Made, level: number): number {
    const best = this.#best(level);
    let [sum, all] = [0, 0];
    for (let pair = 0; pair < this.#forecasters * MEASURES; pair++) {
      const behind = this.#losses[pair * COUNT + level]! - best;
      if (behind > 9) continue;
      const weight = Math.exp(-behind);
      all += weight;
      sum += weight * (made.points[(pair / MEASURES) | 0]! + this.#places[pair * COUNT + level]! * made.spreads[pair]!);
    }
    return sum / all;
  }

  #measure(one: number, made: Made, load: number): void {
    const miss = Math.abs(load - made.points[one]!);
    const error = Math.min(6, miss / unitOf(made, one));
    const follow = (errors: Float32Array, index: number, missed: number, share: number): void => {
      errors[index]! += share * (missed - errors[index]!);
    };
    follow(this.#errors, one * 2, error, Math.max(0.012, 1 / (this.#learned + 1)));
    follow(this.#errors, one * 2 + 1, Math.min(6, miss / rootUnitOf(made, one)), Math.max(0.000_7, 1 / (this.#learned + 1)));
    follow(this.#hourly, one * HOURS + made.hour, error, 0.006);
  }
}

/** Errors grow with the root of the load, as those of counts do. */
function rootUnitOf({ mean, level, points }: Made, one: number): number {
  return Math.sqrt(Math.max(mean, 1e-3) * Math.max(points[one]!, 0.05 * level));
}

/** Or with the load itself, as those of shares do. */
function unitOf({ level, points }: Made, one: number): number {
  return Math.sqrt(level * Math.max(points[one]!, 0.05 * level));
}

/** The part of the time in which the load is above `load`, by the quantiles. Beyond them it falls as between the last ones. */
export function chanceAbove(quantiles: ArrayLike<number>, load: number): number {
  if (load <= quantiles[0]!) return 1 - LEVELS[0]! * Math.max(0, load / Math.max(quantiles[0]!, 1e-9));
  for (let level = 1; level < COUNT; level++) {
    if (load > quantiles[level]!) continue;
    const part = (load - quantiles[level - 1]!) / Math.max(quantiles[level]! - quantiles[level - 1]!, 1e-9);
    return (1 - LEVELS[level - 1]!) * ((1 - LEVELS[level]!) / (1 - LEVELS[level - 1]!)) ** part;
  }
  const last = 1 - LEVELS[COUNT - 1]!;
  const distance = Math.max(quantiles[COUNT - 1]! - quantiles[COUNT - 3]!, 1e-6);
  return last * (last / (1 - LEVELS[COUNT - 3]!)) ** ((load - quantiles[COUNT - 1]!) / distance);
}
