/** Whether tolerations cover a taint (core/v1 Toleration.ToleratesTaint). */
import type { Taint, Toleration } from './generated/core-v1.ts';

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((each) => toleratesTaint(each, taint)) === true;
}

function toleratesTaint({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  if (!key) return false;
  if (operator === 'Gt' || operator === 'Lt') return compares(operator, Number(taint.value), Number(value));
  return (value ?? '') === (taint.value ?? '');
}

function compares(operator: 'Gt' | 'Lt', taint: number, bound: number): boolean {
  return operator === 'Gt' ? taint > bound : taint < bound;
}

/** The first taint that is not tolerated. */
export function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[] | undefined): Taint | undefined {
  for (const taint of taints) if (!tolerates(tolerations, taint)) return taint;
  return undefined;
}
