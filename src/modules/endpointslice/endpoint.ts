/** From a Pod to an endpoint of a Service (upstream: endpointslice/utils.go and util/controller_utils.go). Pure. */
import type { Pod, Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort } from '../../api/generated/discovery-v1.ts';
import { isPodReady, isPodTerminal } from '../../api/pod-readiness.ts';
import { sharesByZone } from './zone-shares.ts';

export type Family = 'IPv4' | 'IPv6';

export function familiesOf(service: Service): Family[] {
  const families = (service.spec?.ipFamilies ?? []).filter((each) => each === 'IPv4' || each === 'IPv6');
  if (families.length > 0) return families as Family[];
  return service.spec?.clusterIP?.includes(':') ? ['IPv6'] : ['IPv4'];
}

/** A pod that has an address and has not ended. */
export function isEligible(pod: Pod): boolean {
  return !isPodTerminal(pod) && addressesOf(pod).length > 0;
}

export function addressesOf(pod: Pod, family?: Family): string[] {
  const all = (pod.status?.podIPs ?? []).map((each) => each.ip);
  if (all.length === 0 && pod.status?.podIP) all.push(pod.status.podIP);
  return all.filter((address) => address !== '' && (family === undefined || (family === 'IPv6') === address.includes(':')));
}

/** Undefined when the pod has no address of this family. `zoneOf` tells the zone of a node. */
export function endpointOf(pod: Pod, service: Service, family: Family, zoneOf?: (node: string) => string | undefined): Endpoint | undefined {
  const addresses = addressesOf(pod, family);
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const endpoint: Endpoint = {
    addresses, conditions: { ready, serving, terminating },
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
  if (pod.spec?.nodeName) {
    endpoint.nodeName = pod.spec.nodeName;
    const zone = zoneOf?.(pod.spec.nodeName);
    if (zone !== undefined) endpoint.zone = zone;
    const hints = sharesByZone(service) ? undefined : hintsOf(endpoint, service.spec?.trafficDistribution);
    if (hints !== undefined) endpoint.hints = hints;
  }
  const hostname = hostnameOf(pod, service);
  if (hostname !== undefined) endpoint.hostname = hostname;
  return endpoint;
}

/** For whom the endpoint is meant first (upstream: endpointslice/trafficdist; KEP-4444, KEP-3015). */
function hintsOf({ conditions, nodeName, zone }: Endpoint, distribution: string | undefined): Endpoint['hints'] {
  if (conditions?.ready !== true) return undefined;
  const forZones = zone === undefined ? undefined : [{ name: zone }];
  if (distribution === 'PreferSameNode') return { forNodes: [{ name: nodeName ?? '' }], ...(forZones === undefined ? {} : { forZones }) };
  return (distribution === 'PreferClose' || distribution === 'PreferSameZone') && forZones !== undefined ? { forZones } : undefined;
}

export function hostnameOf(pod: Pod, service: Service): string | undefined {
  return pod.spec?.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
}

/** The ports of the service as this pod has them; a named target port that the pod lacks is left out. */
export function portsOf(pod: Pod | undefined, service: Service): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const each of service.spec?.ports ?? []) {
    const port = targetOf(pod, each);
    if (port === undefined) continue;
    ports.push({ name: each.name ?? '', protocol: each.protocol ?? 'TCP', port, ...(each.appProtocol === undefined ? {} : { appProtocol: each.appProtocol }) });
  }
  return ports;
}

function targetOf(pod: Pod | undefined, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const sidecars = (pod?.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  for (const container of [...(pod?.spec?.containers ?? []), ...sidecars]) {
    const found = container.ports?.find((each) => each.name === target && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
