/** The least and the most that something may cost, or have of characters, items or entries (cel-go checker SizeEstimate and CostEstimate). */

/** What stands for no bound; nothing counts beyond it. */
export const UNBOUNDED = 2 ** 64;

export interface Range { min: number; max: number }

export const UNKNOWN: Range = { min: 0, max: UNBOUNDED };
export const NOTHING: Range = { min: 0, max: 0 };

export function exactly(count: number): Range {
  return { min: count, max: count };
}

export function add(...ranges: readonly Range[]): Range {
  return ranges.reduce((sum, each) => ({ min: bounded(sum.min + each.min), max: bounded(sum.max + each.max) }), NOTHING);
}

export function multiply(a: Range, b: Range): Range {
  return { min: product(a.min, b.min), max: product(a.max, b.max) };
}

/** So much for each, rounded up. */
export function times({ min, max }: Range, factor: number): Range {
  return { min: bounded(Math.ceil(min * factor)), max: bounded(Math.ceil(max * factor)) };
}

/** What holds both. */
export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

function product(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : bounded(a * b);
}

function bounded(count: number): number {
  return Math.min(count, UNBOUNDED);
}
