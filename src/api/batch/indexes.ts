/** Sets of completion indexes as intervals, and their text: `1,3-5,7` (batch/v1 JobStatus.completedIndexes). Pure. */

/** First and last, both included; in order and apart. */
export type Indexes = readonly (readonly [first: number, last: number])[];

/** Reads the text and leaves out what lies at or above `completions`; what cannot be read ends the set. */
export function parseIndexes(text: string | undefined, completions: number): Indexes {
  const intervals: [number, number][] = [];
  for (const part of text ? text.split(',') : []) {
    const [first, last = first] = part.split('-').map(Number);
    if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last) || first >= completions) break;
    const previous = intervals.at(-1);
    const end = Math.min(last, completions - 1);
    if (previous !== undefined && previous[1] === first - 1) previous[1] = end;
    else intervals.push([first, end]);
  }
  return intervals;
}

/** Two neighbours are listed, three and more are a span. */
export function formatIndexes(indexes: Indexes): string {
  return indexes.map(([first, last]) => (first === last ? `${first}` : `${first}${last - first > 1 ? '-' : ','}${last}`)).join(',');
}

export function countIndexes(indexes: Indexes): number {
  return indexes.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

export function hasIndex(indexes: Indexes, index: number): boolean {
  return indexes.some(([first, last]) => first <= index && index <= last);
}

export function withIndexes(indexes: Indexes, added: Iterable<number>): Indexes {
  const all = [...indexes.map(([first, last]): [number, number] => [first, last]), ...[...added].map((each): [number, number] => [each, each])].sort((left, right) => left[0] - right[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of all) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** How many of `wanted` are in `indexes`. */
export function countCommon(indexes: Indexes, wanted: Indexes): number {
  let common = 0;
  for (const [first, last] of wanted) for (const [from, to] of indexes) common += Math.max(0, Math.min(last, to) - Math.max(first, from) + 1);
  return common;
}

/** The lowest `count` indexes below `completions` that are in none of the sets. */
export function lowestOutside(taken: Indexes, count: number, completions: number): number[] {
  const free: number[] = [];
  let next = 0;
  for (const [first, last] of [...taken, [completions, completions] as const]) {
    for (; next < Math.min(first, completions) && free.length < count; next++) free.push(next);
    next = Math.max(next, last + 1);
  }
  return free;
}

/** What is wrong with a text, or how many indexes it names (batch/v1 validation of succeededIndexes). */
export function checkIndexes(text: string, completions: number): { error: string } | { total: number } {
  if (text === '') return { total: 0 };
  let total = 0;
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const limits = part.split('-');
    if (limits.length > 2) return { error: `the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'` };
    const numbers = limits.map((each) => (/^\+?\d+$/.test(each) ? Number(each) : Number.NaN));
    for (const [place, limit] of limits.entries()) {
      const number = numbers[place]!;
      if (Number.isNaN(number)) return { error: `cannot convert string to integer for index: ${JSON.stringify(limit)}` };
      if (number >= completions) return { error: `too large index: ${JSON.stringify(limit)}` };
      if (previous !== undefined && number <= previous) return { error: `non-increasing order, previous: ${previous}, current: ${number}` };
      previous = number;
    }
    total += numbers.at(-1)! - numbers[0]! + 1;
  }
  return { total };
}
