/** Who may be led to which endpoints of a Service's port (internalTrafficPolicy, externalTrafficPolicy, hints, weights). Pure. */
import type { Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { OtherNode, ProxyPorts, RuleFacts } from './rule-facts.ts';
import { candidatesOf, clusterOf, localOf, usableOf, type Asker, type Destination } from './service-endpoints.ts';
import { shareOf } from './weights.ts';

/** The endpoints that may be chosen, by who asks. */
export interface Choices {
  /** Those that anybody may choose; none says that the port has no endpoint. */
  reachable: readonly Destination[];
  /** For who is bound by no Local policy. */
  cluster: readonly Destination[];
  inside: readonly Destination[];
  outside: readonly Destination[];
  /** For the pods of another node. */
  of(other: OtherNode): readonly Destination[];
}

/** Who may be chosen by whom (internalTrafficPolicy, externalTrafficPolicy, hints); of a proxy, by which of its ports. */
export function choicesOf(service: Service, port: ServicePort, slices: readonly EndpointSlice[], proxy: ProxyPorts | undefined, facts: RuleFacts): Choices {
  if (proxy !== undefined) {
    const known = new Map<number, Destination>();
    const at = (listenPort: number | undefined): readonly Destination[] => {
      if (listenPort === undefined) return [];
      const destination = known.get(listenPort) ?? { address: facts.gatewayIp, port: listenPort, nodeName: facts.nodeName };
      known.set(listenPort, destination);
      return [destination];
    };
    return { reachable: at(proxy.all), cluster: at(proxy.all), inside: at(proxy.inside), outside: at(proxy.outside), of: ({ nodeName }) => at(proxy.others.has(nodeName) ? proxy.others.get(nodeName) : proxy.all) };
  }
  const candidates = candidatesOf(port, slices, facts.family);
  const weighty = (some: readonly Destination[]): readonly Destination[] => some.filter((each) => shareOf(each, facts.weights) !== 0);
  const [cluster, local] = [(asker: Asker) => weighty(clusterOf(candidates, asker)), (asker: Asker) => weighty(localOf(candidates, asker))];
  const { internalTrafficPolicy, externalTrafficPolicy } = service.spec ?? {};
  const within = internalTrafficPolicy === 'Local' ? local : cluster;
  const [inside, outside] = [within(facts), (externalTrafficPolicy === 'Local' && isExternal(service) ? local : cluster)(facts)];
  return { reachable: [...new Set([...weighty(usableOf(candidates)), ...inside, ...outside, ...(facts.others ?? []).flatMap(within)])], cluster: cluster(facts), inside, outside, of: within };
}

/** Whether these are the very same destinations, in the same order. */
export const sameAs = (one: readonly Destination[], other: readonly Destination[]): boolean => one.length === other.length && one.every((each, index) => each === other[index]);

/** Ports that a Local policy leads nowhere though there are endpoints elsewhere, by the policy. */
export interface WithoutLocal { internal: number; external: number }

export function withoutLocal(service: Service, slices: readonly EndpointSlice[], facts: RuleFacts): WithoutLocal {
  const { ports = [], internalTrafficPolicy, externalTrafficPolicy } = service.spec ?? {};
  const lacking = ports.map((port) => candidatesOf(port, slices, facts.family)).filter((candidates) => candidates.length > 0 && localOf(candidates, facts).length === 0).length;
  return { internal: internalTrafficPolicy === 'Local' ? lacking : 0, external: externalTrafficPolicy === 'Local' && isExternal(service) ? lacking : 0 };
}

/** Whether it may be had from outside of the cluster. */
export function isExternal(service: Service): boolean {
  return service.spec?.type === 'NodePort' || service.spec?.type === 'LoadBalancer' || (service.spec?.externalIPs ?? []).length > 0;
}
