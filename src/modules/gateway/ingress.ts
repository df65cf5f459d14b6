/** Ingress (networking.k8s.io/v1) on the same engine: all Ingresses of our class share one pair of ports. Pure. */
import type { Ingress } from '../../api/generated/networking-v1.ts';
import type { Door } from './plan.ts';
import type { Observed } from './observed.ts';

export function isOwnIngress(_ingress: Ingress, _observed: Pick<Observed, 'ingressClasses'>): boolean {
  return false;
}

export function ingressEntries(_observed: Observed, _broken: ReadonlyMap<string, string>): Door[] {
  return [];
}
