/** How long connections to an endpoint that left a Service may go on: `llmos.dev/drain` of the Service, else what its oldest LoadBalancingPolicy says. Pure. */
import type { Service } from '../../api/generated/core-v1.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { parseDuration } from '../../api/times.ts';

const DRAIN = 'llmos.dev/drain';
const SHORTEST_MS = 100;
const LONGEST_MS = 3_600_000;

/** In ms, 100 to an hour; undefined: to their end. `policies` are those of the Service's namespace. */
export function drainMsOf(service: Service | undefined, policies: readonly LoadBalancingPolicy[]): number | undefined {
  if (service === undefined) return undefined;
  const [policy] = policies.filter(({ spec }) => spec.targetRefs.some(({ name }) => name === service.metadata.name)).sort((a, b) => ageOf(a).localeCompare(ageOf(b)));
  const ms = Math.round(parseDuration(service.metadata.annotations?.[DRAIN] ?? policy?.spec.drain ?? '') / 1_000_000);
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}

function ageOf({ metadata }: LoadBalancingPolicy): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
}
