/** Weights of endpoints as turns of a round. Pure. */
import type { Destination } from './service-endpoints.ts';

const MOST_TURNS = 1_024;

/**
 * Each destination as often as it weighs, spread over the turn: the one that is furthest behind its share is next (smooth weighted round robin).
 * Weights are reduced to their smallest integers, and where the turn would be too long, rounded.
 */
export function byWeight(destinations: readonly Destination[], weights: ReadonlyMap<string, number> | undefined): readonly Destination[] {
  const said = destinations.map((each) => shareOf(each, weights));
  if (destinations.length < 2 || said.every((each) => each === 1)) return destinations;
  const divisor = Math.max(said.reduce(greatestCommonDivisor), said.reduce((sum, each) => sum + each, 0) / MOST_TURNS);
  const shares = said.map((each) => Math.max(1, Math.round(each / divisor)));
  const total = shares.reduce((sum, each) => sum + each, 0);
  const credit = shares.map(() => 0);
  return Array.from({ length: total }, () => {
    shares.forEach((share, index) => (credit[index]! += share));
    const next = credit.indexOf(Math.max(...credit));
    credit[next]! -= total;
    return destinations[next]!;
  });
}

/** Of all weights that are said, 1 where none is. */
export const shareOf = ({ address, weight = 1 }: Destination, weights: ReadonlyMap<string, number> | undefined): number => weights?.get(address) ?? weight;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
