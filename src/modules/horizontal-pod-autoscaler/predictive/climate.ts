/**
 * How big the load of a service is at other times: a histogram of it, of which old values fade. Where replicas do all that they can, the load is not seen, only that it is at least so
 * much; how much more is told by the times at which it was that big. Those at which it was not seen count for all that is above, as the others say (Kaplan and Meier). Pure; 400 bytes.
 * Source: Kaplan and Meier, Nonparametric estimation from incomplete observations, Journal of the American Statistical Association 53, 1958.
 */
const LEAST_LOAD = 0.05;
const OCTAVE_BINS = 6;
const BINS = 16 * OCTAVE_BINS;

export class Climate {
  readonly #counts = new Float32Array(BINS);
  /** New values weigh more instead of the old ones less. */
  #gain = 1;
  readonly #growth: number;

  constructor(halfLifeSteps: number) {
    this.#growth = 2 ** (1 / halfLifeSteps);
  }

  /** `capped`: the load was at least that. */
  add(load: number, { capped }: { capped: boolean }): void {
    this.#gain *= this.#growth;
    if (this.#gain > 1e6) this.#rescale();
    const bin = binOf(load);
    const above = capped ? this.#above(bin) : 0;
    if (above === 0) this.#counts[bin]! += this.#gain;
    else for (let index = bin + 1; index < BINS; index++) this.#counts[index]! *= 1 + this.#gain / above;
  }

  /** Fills `into` with the loads that are exceeded in 1 - `levels` of the times at which it was `load` at least, on the condition that it still is so in `stays` of them; `load` where it never was bigger. */
  beyond(load: number, { levels, stays, into }: { levels: readonly number[]; stays: number; into: Float32Array }): void {
    const first = binOf(load) + 1;
    const all = this.#above(first - 1);
    let [bin, left] = [first, all];
    for (const [index, level] of levels.entries()) {
      const wanted = (1 - level) * all / stays;
      while (bin < BINS && left > wanted) left -= this.#counts[bin++]!;
      into[index] = all === 0 || wanted >= all ? load : Math.max(load, loadOf(bin - 1));
    }
  }

  #above(bin: number): number {
    let sum = 0;
    for (let index = bin + 1; index < BINS; index++) sum += this.#counts[index]!;
    return sum;
  }

  #rescale(): void {
    for (let index = 0; index < BINS; index++) this.#counts[index]! /= this.#gain;
    this.#gain = 1;
  }
}

function binOf(load: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.ceil(OCTAVE_BINS * Math.log2(Math.max(load, LEAST_LOAD) / LEAST_LOAD))));
}

/** The greatest of a bin. */
function loadOf(bin: number): number {
  return LEAST_LOAD * 2 ** (bin / OCTAVE_BINS);
}
