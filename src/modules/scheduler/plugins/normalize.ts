/** Brings raw scores to 0..100 in place. */
import { MOST_SCORE } from '../framework/plugin.ts';

/** The highest becomes 100. */
export function normalizeUp(scores: Float64Array, count: number): void {
  const most = highest(scores, count);
  if (most === 0) return;
  for (let index = 0; index < count; index++) scores[index] = Math.floor((MOST_SCORE * scores[index]!) / most);
}

/** Zero becomes 100, the highest 0. */
export function normalizeDown(scores: Float64Array, count: number): void {
  const most = highest(scores, count);
  for (let index = 0; index < count; index++) scores[index] = most === 0 ? MOST_SCORE : MOST_SCORE - Math.floor((MOST_SCORE * scores[index]!) / most);
}

/** The lowest becomes 0, the highest 100; all equal become 0. */
export function normalizeRange(scores: Float64Array, count: number): void {
  const most = highest(scores, count);
  let least = Infinity;
  for (let index = 0; index < count; index++) least = Math.min(least, scores[index]!);
  const range = most - least;
  for (let index = 0; index < count; index++) scores[index] = range > 0 ? Math.floor((MOST_SCORE * (scores[index]! - least)) / range) : 0;
}

function highest(scores: Float64Array, count: number): number {
  let most = -Infinity;
  for (let index = 0; index < count; index++) most = Math.max(most, scores[index]!);
  return most;
}
