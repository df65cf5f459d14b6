/** When those that wait would start, were they served in a given order from now on and were everybody's expected run time true. */
import { createHeap } from '../../../base/heap.ts';
import { add, fits, subtract, type Resources } from './resources.ts';

/** What is given back at a time. */
export interface Held {
  readonly amount: Resources;
  readonly at: number;
}

export interface Wanted<T> {
  readonly of: T;
  readonly amount: Resources;
  readonly seconds: number;
}

/** Tells of each of `wanted`, in its order, when it would start; one for which there is never room starts nowhere, and is told the time of the one before it. */
export function drain<T>(now: number, available: Resources, held: Iterable<Held>, wanted: Iterable<Wanted<T>>, tell: (of: T, startsAt: number) => void): void {
  const free = [...available];
  const all = [...available];
  const ends = createHeap<Held>((left, right) => left.at - right.at);
  for (const each of held) {
    ends.push(each);
    add(all, each.amount);
  }
  let at = now;
  for (const { of, amount, seconds } of wanted) {
    const everFits = fits(amount, all);
    for (let end = ends.peek(); everFits && end !== undefined && !fits(amount, free); end = ends.peek()) {
      ends.pop();
      add(free, end.amount);
      at = Math.max(at, end.at);
    }
    tell(of, at);
    if (!everFits) continue;
    subtract(free, amount);
    ends.push({ amount, at: at + seconds });
  }
}
