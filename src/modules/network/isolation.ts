/** Which pods policies isolate, as the rules of Services need it: a proxy would carry connections past the policies that are to judge them. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { isolatedPods, judgedAddresses, NOBODY, type Isolated } from '../../api/networking/isolation.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { Fragment } from './fragment.ts';
import { isOfFamily, type Family } from './family.ts';

export interface Isolation {
  /** The same object as long as nobody else is isolated. */
  now(): Isolated;
  stop(): void;
}

/** `changed` is called when somebody else may be isolated; nothing is worked out before {@link Isolation.now} is asked. */
export function followIsolation({ networkPolicies, pods }: { networkPolicies?: Cache<NetworkPolicy> | undefined; pods?: Cache<Pod> | undefined }, changed: () => void): Isolation {
  if (networkPolicies === undefined || pods === undefined) return { now: () => NOBODY, stop: () => {} };
  let known = NOBODY;
  let isStale = true;
  const forget = (): void => {
    isStale = true;
    changed();
  };
  const stops = [
    networkPolicies.subscribe(forget),
    pods.subscribe(({ type, object, previous }) => {
      if (networkPolicies.list().length > 0 && (type !== 'modified' || signatureOf(object) !== signatureOf(previous))) forget();
    }),
  ];
  return {
    now() {
      if (!isStale) return known;
      isStale = false;
      const found = isolatedPods(networkPolicies.list(), pods.list());
      if (!isSame(found.ingress, known.ingress) || !isSame(found.egress, known.egress)) known = found;
      return known;
    },
    stop: () => stops.forEach((stop) => stop()),
  };
}

/** The isolated endpoints of a Service, whether they are ready or not, so that who shares it does not change with each of them. */
export function isolatedEndpoints(slices: readonly EndpointSlice[], { ingress }: Isolated): string[] {
  if (ingress.size === 0) return [];
  return slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses.filter((each) => ingress.has(each)))).toSorted();
}

/** The set of clients of whom no proxy may carry anything. */
export function confinedClients({ egress }: Isolated, family: Family): Fragment {
  const addresses = [...egress].filter((each) => isOfFamily(each, family));
  return { chains: new Map(), sets: new Map(), elements: new Map([['confined', new Map(addresses.map((each) => [each, '']))]]), loopback: [], udpServing: new Set() };
}

function signatureOf(pod: Pod | undefined): string {
  return pod === undefined ? '' : JSON.stringify([judgedAddresses(pod), pod.metadata.labels]);
}

const isSame = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => one.size === other.size && [...one].every((each) => other.has(each));
