/** Which Services a changed object is about: whose rules may be other ones from now on. */
import { isDeepStrictEqual } from 'node:util';
import { zoneOf } from '../../api/core/zone.ts';
import type { Node, Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { keyOf, type Cache } from '../../sdk/cache.ts';
import { targetsOf } from '../../sdk/load-balancing/policies.ts';
import { WEIGHT } from '../../sdk/load-balancing/settings.ts';
import { serviceKeyOf } from './service-index.ts';
import { othersOf, type RuleFacts } from './rule-facts.ts';

export interface ChangeSources {
  services: Cache<Service>;
  /** With the indexes of {@link indexSlices}. */
  slices: Cache<EndpointSlice>;
  /** For the weights of endpoints. */
  pods?: Cache<Pod> | undefined;
  policies?: Cache<LoadBalancingPolicy> | undefined;
  /** For the zone of the node, and the ranges of others on this machine. */
  nodes?: Cache<Node> | undefined;
  facts: Pick<RuleFacts, 'nodeName' | 'podCidr'>;
}

/** Calls `mark` with the key of each Service that a change is about; those that are there come first. Gives what ends it. */
export function followChanges({ services, slices, pods, policies, nodes, facts }: ChangeSources, mark: (key: string) => void): () => void {
  const markService = (slice: EndpointSlice | undefined): void => {
    const key = serviceKeyOf(slice);
    if (key !== undefined) mark(key);
  };
  const stops = [
    pods?.subscribe(({ object, previous }) => {
      if (object.metadata.annotations?.[WEIGHT] === previous?.metadata.annotations?.[WEIGHT]) return;
      for (const slice of slices.byIndex('address', object.status?.podIP ?? '')) markService(slice);
    }),
    policies?.subscribe(({ type, object, previous }) => {
      // Its status is ours: what it tells of the proxy would have the proxy tried again at once.
      if (type === 'modified' && object.metadata.uid === previous?.metadata.uid && isDeepStrictEqual(object.spec, previous?.spec)) return;
      for (const each of [object, previous]) if (each !== undefined) for (const key of targetsOf(each)) mark(key);
    }),
    nodes?.subscribe(({ type, key, object, previous }) => {
      const before = othersOf(previous === undefined ? [] : [previous], facts);
      const now = othersOf(type === 'deleted' ? [] : [object], facts);
      const isOther = JSON.stringify(before) !== JSON.stringify(now);
      if (isOther || (key === facts.nodeName && previous !== undefined && zoneOf(object) !== zoneOf(previous))) for (const each of services.list()) mark(keyOf(each));
    }),
    services.subscribe(({ key }) => mark(key)),
    slices.subscribe(({ object, previous }) => {
      for (const each of [object, previous]) markService(each);
    }),
  ];
  return () => stops.forEach((stop) => stop?.());
}
