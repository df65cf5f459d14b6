/** What fair sharing may say, of ClusterQueues, Cohorts and LocalQueues alike. Source: Kueue, webhooks validateFairSharing. */
import { invalid, type FieldError } from '../field-error.ts';
import { compareQuantities, isQuantity, WRONG_FORMAT } from '../quantity.ts';
import type { FairSharing } from './types.ts';

export function fairSharingErrors({ weight }: FairSharing = {}): FieldError[] {
  const path = 'spec.fairSharing.weight';
  if (weight === undefined) return [];
  if (!isQuantity(weight)) return [invalid(path, weight, WRONG_FORMAT)];
  if (compareQuantities(weight, '0') < 0) return [invalid(path, weight, 'must be greater than or equal to 0')];
  return compareQuantities(weight, '0') > 0 && compareQuantities(weight, '1n') <= 0 ? [invalid(path, weight, 'When not 0, weight must be > 10e-9')] : [];
}
