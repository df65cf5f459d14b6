/** Sums of what was asked for, used and charged. They change the sum. */
import type { MeteredAmount } from '../../api/metering/usage-record.ts';

export const GIB = 2 ** 30;

export function noAmount(): MeteredAmount {
  return { requested: 0, used: 0, charged: 0 };
}

/** A stretch of time, in which the greater of both is charged. */
export function addAmount(amount: MeteredAmount, requested: number, used: number): void {
  amount.requested += requested;
  amount.used += used;
  amount.charged += Math.max(requested, used);
}

export function addAmounts(sum: MeteredAmount, more: MeteredAmount): void {
  sum.requested += more.requested;
  sum.used += more.used;
  sum.charged += more.charged;
}
