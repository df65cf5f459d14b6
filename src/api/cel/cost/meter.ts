/** What the evaluation under way may still cost, in cel-go's units. */

interface Meter { left: number }

export const EXCEEDED = 'operation cancelled: actual cost limit exceeded';

let current: Meter = { left: Infinity };

/** Throws where that is more than is left, and from then on. */
export function charge(units: number): void {
  current.left -= units;
  if (current.left < 0) throw new Error(EXCEEDED);
}

/** What has been left by now: the difference of two is what was spent between. */
export function unitsLeft(): number {
  return current.left;
}

export interface Metered { value?: unknown; thrown?: unknown; spent: number }

/** Runs it with so many units. What runs inside another (a variable of a policy) has its own. */
export function withUnits(units: number, run: () => unknown): Metered {
  const outer = current;
  const own: Meter = { left: units };
  current = own;
  const found: Metered = { spent: 0 };
  try {
    found.value = run();
  } catch (error) {
    found.thrown = error;
  }
  current = outer;
  found.spent = units - own.left;
  return found;
}
