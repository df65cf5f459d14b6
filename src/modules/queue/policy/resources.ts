/** Amounts of several resources as one vector: every vector of an admission has the same length and the same order as its capacity. */
export type Resources = readonly number[];

export function fits(request: Resources, available: Resources): boolean {
  for (let index = 0; index < request.length; index++) if (request[index]! > available[index]!) return false;
  return true;
}

export function add(target: number[], amount: Resources): void {
  for (let index = 0; index < amount.length; index++) target[index]! += amount[index]!;
}

export function subtract(target: number[], amount: Resources): void {
  for (let index = 0; index < amount.length; index++) target[index]! -= amount[index]!;
}

/** True when nothing is left of any resource. */
export function isExhausted(available: Resources): boolean {
  for (let index = 0; index < available.length; index++) if (available[index]! > 0) return false;
  return true;
}

/**
 * The dominant share: the greatest part of any one resource that the amount takes, 0 to 1.
 * Source: Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.
 */
export function dominantShare(amount: Resources, capacity: Resources): number {
  let share = 0;
  for (let index = 0; index < amount.length; index++) {
    if (capacity[index]! > 0) share = Math.max(share, amount[index]! / capacity[index]!);
  }
  return share;
}
