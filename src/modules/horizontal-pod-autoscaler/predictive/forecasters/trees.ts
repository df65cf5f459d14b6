/**
 * Gradient-boosted regression trees, small enough to be learned from a week of one service in some 20 ms: shallow, over binned features, with the absolute error as their
 * loss (the median of the rest in each leaf), so that bursts do not rule them. Pure. Source: Friedman, Greedy function approximation, Annals of Statistics 29, 2001.
 */
export interface TrainingSet {
  /** Row after row. */
  readonly features: Float32Array;
  readonly width: number;
  readonly answers: Float32Array;
}

/** Plain data, so that it may come from a worker. */
export interface Trees {
  readonly base: number;
  readonly depth: number;
  /** Of each inner node, tree after tree, level by level: the feature, and the value up to which it goes left. */
  readonly feature: Uint8Array;
  readonly threshold: Float32Array | Float16Array;
  readonly leaf: Float32Array | Float16Array;
}

const TREES = 40;
const DEPTH = 3;
const INNER = 2 ** DEPTH - 1;
const LEAVES = 2 ** DEPTH;
const BINS = 16;
const RATE = 0.15;
const LEAST_ROWS = 20;

export function predictTrees({ base, feature, threshold, leaf }: Trees, row: ArrayLike<number>): number {
  let sum = base;
  for (let tree = 0; tree * INNER < feature.length; tree++) {
    let node = 0;
    while (node < INNER) node = 2 * node + (row[feature[tree * INNER + node]!]! <= threshold[tree * INNER + node]! ? 1 : 2);
    sum += leaf[tree * LEAVES + node - INNER]!;
  }
  return sum;
}

export function trainTrees({ features, width, answers }: TrainingSet): Trees {
  const rows = answers.length;
  const edges = Array.from({ length: width }, (_, column) => edgesOf(features, width, column, rows));
  const bins = binned(features, width, edges, rows);
  const base = median(Array.from(answers));
  const rest = answers.map((answer) => answer - base);
  const model = { base, depth: DEPTH, feature: new Uint8Array(TREES * INNER), threshold: new Float32Array(TREES * INNER).fill(Infinity), leaf: new Float32Array(TREES * LEAVES) };
  const node = new Uint8Array(rows);
  const signs = new Float32Array(rows);
  for (let tree = 0; tree < TREES; tree++) {
    node.fill(0);
    for (let row = 0; row < rows; row++) signs[row] = Math.sign(rest[row]!);
    for (let each = 0; each < INNER; each++) {
      const split = bestSplit(each, { node, bins, signs, width, rows });
      const at = tree * INNER + each;
      if (split !== undefined) [model.feature[at], model.threshold[at]] = [split.column, edges[split.column]![split.bin]!];
      for (let row = 0; row < rows; row++) if (node[row] === each) node[row] = 2 * each + (split === undefined || bins[row * width + split.column]! <= split.bin ? 1 : 2);
    }
    const members = Array.from({ length: LEAVES }, (): number[] => []);
    for (let row = 0; row < rows; row++) members[node[row]! - INNER]!.push(rest[row]!);
    for (const [index, values] of members.entries()) model.leaf[tree * LEAVES + index] = values.length === 0 ? 0 : RATE * median(values);
    for (let row = 0; row < rows; row++) rest[row]! -= model.leaf[tree * LEAVES + node[row]! - INNER]!;
  }
  return model;
}

interface Growing { node: Uint8Array; bins: Uint8Array; signs: Float32Array; width: number; rows: number }

/** By what the squared sums of the signs of what is left gain. */
function bestSplit(wanted: number, { node, bins, signs, width, rows }: Growing): { column: number; bin: number } | undefined {
  const sums = new Float64Array(width * BINS);
  const counts = new Int32Array(width * BINS);
  let [total, count] = [0, 0];
  for (let row = 0; row < rows; row++) {
    if (node[row] !== wanted) continue;
    total += signs[row]!;
    count++;
    for (let column = 0; column < width; column++) {
      const at = column * BINS + bins[row * width + column]!;
      sums[at]! += signs[row]!;
      counts[at]!++;
    }
  }
  if (count < 2 * LEAST_ROWS) return undefined;
  let [best, gain]: [{ column: number; bin: number } | undefined, number] = [undefined, (total * total) / count + 1e-9];
  for (let column = 0; column < width; column++) {
    let [left, leftCount] = [0, 0];
    for (let bin = 0; bin + 1 < BINS; bin++) {
      left += sums[column * BINS + bin]!;
      leftCount += counts[column * BINS + bin]!;
      if (leftCount < LEAST_ROWS || count - leftCount < LEAST_ROWS) continue;
      const found = (left * left) / leftCount + ((total - left) * (total - left)) / (count - leftCount);
      if (found > gain) [best, gain] = [{ column, bin }, found];
    }
  }
  return best;
}

function edgesOf(features: Float32Array, width: number, column: number, rows: number): Float32Array {
  const sorted = Float32Array.from({ length: rows }, (_, row) => features[row * width + column]!).sort();
  return Float32Array.from({ length: BINS - 1 }, (_, bin) => sorted[Math.floor(((bin + 1) * rows) / BINS)] ?? 0);
}

function binned(features: Float32Array, width: number, edges: readonly Float32Array[], rows: number): Uint8Array {
  const bins = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      let bin = 0;
      while (bin < BINS - 1 && features[row * width + column]! > edges[column]![bin]!) bin++;
      bins[row * width + column] = bin;
    }
  }
  return bins;
}

function median(values: number[]): number {
  values.sort((one, other) => one - other);
  return values[values.length >> 1] ?? 0;
}
