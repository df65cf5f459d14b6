/** Linear regressions on line of several answers on the same row: one matrix of normal equations, whose old rows fade, and one decomposition for all. Drawn to zero. Pure. */
export class MultiRidge {
  readonly #inputs: number;
  readonly #outputs: number;
  /** The lower triangle, row after row. */
  readonly #products: Float64Array;
  /** Of each output, one after the other. */
  readonly #answers: Float32Array;
  readonly #weights: Float32Array;
  readonly #kept: number;

  /** `halfLifeRows`: a row counts half after so many others. */
  constructor({ inputs, outputs, halfLifeRows }: { inputs: number; outputs: number; halfLifeRows: number }) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    const [triangle, answers] = [(inputs * (inputs + 1)) / 2, inputs * outputs];
    const buffer = new ArrayBuffer(8 * triangle + 8 * answers);
    [this.#products, this.#answers, this.#weights] = [new Float64Array(buffer, 0, triangle), new Float32Array(buffer, 8 * triangle, answers), new Float32Array(buffer, 8 * triangle + 4 * answers)];
    this.#kept = 0.5 ** (1 / halfLifeRows);
  }

  predict(row: ArrayLike<number>, output: number): number {
    let sum = 0;
    for (let index = 0; index < this.#inputs; index++) sum += row[index]! * this.#weights[output * this.#inputs + index]!;
    return sum;
  }

  add(row: ArrayLike<number>, answers: ArrayLike<number>): void {
    const size = this.#inputs;
    for (let one = 0; one < size; one++) for (let other = 0; other <= one; other++) this.#products[(one * (one + 1)) / 2 + other] = this.#products[(one * (one + 1)) / 2 + other]! * this.#kept + row[one]! * row[other]!;
    for (let output = 0; output < this.#outputs; output++) for (let index = 0; index < size; index++) this.#answers[output * size + index] = this.#answers[output * size + index]! * this.#kept + row[index]! * answers[output]!;
  }

  /** By Cholesky's decomposition. `strength`: as many rows as zero counts. Rounding that leaves no decomposition leaves the weights as they were. */
  solve(strength: number): void {
    const size = this.#inputs;
    const lower = new Float64Array(size * size);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        let sum = this.#products[(row * (row + 1)) / 2 + column]! + (row === column ? strength : 0);
        for (let inner = 0; inner < column; inner++) sum -= lower[row * size + inner]! * lower[column * size + inner]!;
        if (row === column && !(sum > 0)) return;
        lower[row * size + column] = row === column ? Math.sqrt(sum) : sum / lower[column * size + column]!;
      }
    }
    this.#weights.set(this.#answers);
    for (let output = 0; output < this.#outputs; output++) substitute(lower, this.#weights.subarray(output * size, (output + 1) * size));
  }
}

/** Solves in place, forth and back. */
function substitute(lower: Float64Array, values: Float32Array): void {
  const size = values.length;
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < row; inner++) values[row]! -= lower[row * size + inner]! * values[inner]!;
    values[row]! /= lower[row * size + row]!;
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let inner = row + 1; inner < size; inner++) values[row]! -= lower[inner * size + row]! * values[inner]!;
    values[row]! /= lower[row * size + row]!;
  }
}
