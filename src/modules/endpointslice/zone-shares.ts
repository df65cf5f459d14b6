/**
 * Hints that give each zone a share of the endpoints by its share of CPUs, for Services that ask for it by `service.kubernetes.io/topology-mode: Auto`
 * (upstream: endpointslice/topologycache). An endpoint is meant for its own zone; a zone that has more than its share lends some to those that have less. Pure.
 */
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint } from '../../api/generated/discovery-v1.ts';
import { quantityMillis } from '../../api/quantity.ts';
import { zoneOf } from '../../api/core/zone.ts';

/** How much more than its share an endpoint may have to bear. */
const OVERLOAD = 0.2;
const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Whether the Service asks for it; trafficDistribution counts less. */
export function sharesByZone({ metadata }: Service): boolean {
  const mode = metadata.annotations?.['service.kubernetes.io/topology-aware-hints'] ?? metadata.annotations?.['service.kubernetes.io/topology-mode'];
  return mode === 'Auto' || mode === 'auto';
}

/** The share of each zone in the CPUs of all nodes that are ready and carry no control plane; undefined where a node does not say its own, or all are in one zone. */
export function zoneShares(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const millis = new Map<string, number>();
  for (const node of nodes) {
    const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
    if (!isReady || CONTROL_PLANE.some((label) => node.metadata.labels?.[label] !== undefined)) continue;
    const [zone, cpuMillis] = [zoneOf(node), quantityMillis(node.status?.allocatable?.cpu ?? 0)];
    if (!zone || cpuMillis === 0) return undefined;
    millis.set(zone, (millis.get(zone) ?? 0) + cpuMillis);
  }
  if (millis.size < 2) return undefined;
  const total = [...millis.values()].reduce((sum, each) => sum + each, 0);
  return new Map([...millis].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, each]) => [zone, each / total]));
}

/** By endpoint the zone that it is meant for, or why there are no hints. */
export type Shared = { zones: ReadonlyMap<Endpoint, string> } | { why: string };

/** `endpoints`: all of one family, in an order that stays. */
export function shareEndpoints(endpoints: readonly Endpoint[], shares: ReadonlyMap<string, number> | undefined): Shared {
  const ready = endpoints.filter(({ conditions }) => conditions?.ready === true);
  if (shares === undefined) return { why: 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes' };
  const counts = `(${ready.length} endpoints, ${shares.size} zones)`;
  if (shares.size > ready.length) return { why: `Insufficient number of endpoints ${counts}` };
  const least = new Map([...shares].map(([zone, share]) => [zone, Math.ceil((share * ready.length) / (1 + OVERLOAD))]));
  if ([...least.values()].reduce((sum, each) => sum + each, 0) > ready.length) return { why: `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}` };
  if (ready.some(({ zone }) => !zone)) return { why: 'One or more endpoints do not have a zone specified' };
  const zones = new Map(ready.map((each) => [each, each.zone as string]));
  const spare = new Map<string, number>();
  for (const [zone, share] of shares) spare.set(zone, [...zones.values()].filter((each) => each === zone).length - Math.max(share * ready.length, least.get(zone)!));
  for (const { from, to } of loans(spare)) {
    const lent = ready.find((each) => each.zone === from && zones.get(each) === from);
    if (lent !== undefined) zones.set(lent, to);
  }
  return { zones };
}

/** From the zone that has most to spare to the one that lacks most, as long as that makes it better. */
function loans(spare: Map<string, number>): { from: string; to: string }[] {
  const made: { from: string; to: string }[] = [];
  for (;;) {
    const sorted = [...spare].sort(([, a], [, b]) => b - a);
    const [[from, over], [to, under]] = [sorted[0]!, sorted.at(-1)!];
    if (over < 0.5 || -under < 0.5 || (over < 1 && -under < 1)) return made;
    made.push({ from, to });
    spare.set(from, over - 1).set(to, under + 1);
  }
}
