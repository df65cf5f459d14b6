/** Linear regression on line: the normal equations, whose old rows fade, drawn to a prior. Pure. */
export class Ridge {
  readonly weights: Float64Array;
  readonly #size: number;
  readonly #prior: readonly number[];
  /** The lower triangle, row after row. */
  readonly #products: Float64Array;
  readonly #answers: Float64Array;
  /** New rows weigh more instead of the old ones less, which saves a pass over the matrix a row. */
  #gain = 1;
  readonly #growth: number;

  /** `prior` is kept as it is. `halfLifeRows`: a row counts half after so many others. */
  constructor(prior: readonly number[], halfLifeRows: number) {
    const size = (this.#size = prior.length);
    this.#prior = prior;
    // In one piece: there are thousands, and each has its price.
    const { buffer } = new Float64Array(2 * size + (size * (size + 1)) / 2);
    [this.weights, this.#answers, this.#products] = [new Float64Array(buffer, 0, size), new Float64Array(buffer, 8 * size, size), new Float64Array(buffer, 16 * size)];
    this.weights.set(prior);
    this.#growth = 2 ** (1 / halfLifeRows);
  }

  predict(row: ArrayLike<number>): number {
    let sum = 0;
    for (let index = 0; index < this.#size; index++) sum += row[index]! * this.weights[index]!;
    return sum;
  }

  add(row: ArrayLike<number>, answer: number, weight: number): void {
    this.#gain *= this.#growth;
    if (this.#gain > 1e12) this.#rescale();
    for (let one = 0; one < this.#size; one++) {
      const scaled = row[one]! * this.#gain * weight;
      if (scaled === 0) continue;
      this.#answers[one]! += scaled * answer;
      for (let other = 0; other <= one; other++) this.#products[(one * (one + 1)) / 2 + other]! += scaled * row[other]!;
    }
  }

  /** By Cholesky's decomposition. `strength`: as many rows as the prior counts. Rounding that leaves no decomposition leaves the weights as they were. */
  solve(strength: number): void {
    const size = this.#size;
    const lower = new Float64Array(size * size);
    const result = this.#answers.map((answer, index) => answer + strength * this.#gain * this.#prior[index]!);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        const product = this.#products[(row * (row + 1)) / 2 + column]!;
        let sum = product + (row === column ? strength * this.#gain + 1e-6 * product : 0);
        for (let inner = 0; inner < column; inner++) sum -= lower[row * size + inner]! * lower[column * size + inner]!;
        if (row === column && !(sum > 0)) return;
        lower[row * size + column] = row === column ? Math.sqrt(sum) : sum / lower[column * size + column]!;
      }
    }
    for (let row = 0; row < size; row++) {
      for (let inner = 0; inner < row; inner++) result[row]! -= lower[row * size + inner]! * result[inner]!;
      result[row]! /= lower[row * size + row]!;
    }
    for (let row = size - 1; row >= 0; row--) {
      for (let inner = row + 1; inner < size; inner++) result[row]! -= lower[inner * size + row]! * result[inner]!;
      result[row]! /= lower[row * size + row]!;
    }
    this.weights.set(result);
  }

  #rescale(): void {
    for (const values of [this.#products, this.#answers]) for (let index = 0; index < values.length; index++) values[index]! /= this.#gain;
    this.#gain = 1;
  }
}
