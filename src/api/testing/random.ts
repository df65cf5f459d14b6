/** Random numbers that can be had again, for tests: the same seed gives the same ones. */
export interface Random {
  /** 0 <= n < below. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** An independent stream, so that one part's draws do not move another's. */
  fork(): Random;
}

/** mulberry32 */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  const int = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  return {
    int,
    chance: (probability) => int(1_000_000) < probability * 1_000_000,
    pick: <T>(list: readonly T[]): T => list[int(list.length)] as T,
    fork: () => randomOf(int(0x7fffffff)),
  };
}
