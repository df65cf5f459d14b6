/** Which algorithm shares a Service's connections: the annotation `llmos.dev/load-balancing`, or a LoadBalancingPolicy (see policies.ts). */
import type { Service } from '../../api/generated/core-v1.ts';

export const LOAD_BALANCING = 'llmos.dev/load-balancing';

/** `round-robin` (the default), `random` and `weighted` are the kernel's unless more is asked for; the others take a proxy. */
export type Algorithm = 'round-robin' | 'random' | 'weighted' | 'least-connection' | 'random-two-choices' | 'consistent-hash';

const ALGORITHMS: readonly string[] = ['round-robin', 'random', 'weighted', 'least-connection', 'random-two-choices', 'consistent-hash'] satisfies Algorithm[];

/** Unknown values are as none; see {@link algorithmError}. */
export function algorithmOf(service: Service): Algorithm {
  const value = service.metadata.annotations?.[LOAD_BALANCING];
  return value !== undefined && ALGORITHMS.includes(value) ? (value as Algorithm) : 'round-robin';
}

/** What is wrong with the annotation, for an Event; undefined when nothing is. */
export function algorithmError(service: Service): string | undefined {
  const value = service.metadata.annotations?.[LOAD_BALANCING];
  if (value === undefined || ALGORITHMS.includes(value)) return undefined;
  return `annotation ${LOAD_BALANCING}: '${value.slice(0, 60)}' is none of ${ALGORITHMS.join(', ')}; round-robin is used`;
}
