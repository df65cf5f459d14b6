/** The Endpoints object of a Service, for clients that still read it (upstream: endpoint/endpoints_controller.go). Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/generated/core-v1.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import { addressesOf, familiesOf, hostnameOf, isEligible, portsOf } from './endpoint.ts';
import { repack } from './repack.ts';

const MAX_ADDRESSES = 1000;

export interface Subsets {
  subsets: EndpointSubset[];
  /** There were more addresses than an Endpoints object has. */
  isTruncated: boolean;
}

/** Those of the pods that have ports; sorted, so that equal pods give equal subsets. Of too many, those that are ready come first. */
export function subsetsOf(service: Service, pods: readonly Pod[]): Subsets {
  const groups = repack([...pods].sort(byAddress).flatMap((pod) => subsetOf(service, pod)));
  const isTruncated = sizeOf(groups, 'addresses') + sizeOf(groups, 'notReadyAddresses') > MAX_ADDRESSES;
  if (!isTruncated) return { subsets: groups, isTruncated };
  truncate(groups, 'addresses', MAX_ADDRESSES);
  truncate(groups, 'notReadyAddresses', MAX_ADDRESSES - sizeOf(groups, 'addresses'));
  return { subsets: groups.filter(({ addresses, notReadyAddresses }) => addresses !== undefined || notReadyAddresses !== undefined), isTruncated };
}

/** Of one pod; none for who has none of the ports, unless a headless Service asks for none. */
function subsetOf(service: Service, pod: Pod): EndpointSubset[] {
  const { clusterIP, ports: asked = [], publishNotReadyAddresses: publish = false } = service.spec ?? {};
  const address = isEligible(pod) && (publish || pod.metadata.deletionTimestamp === undefined) ? addressOf(pod, service, familiesOf(service)[0] ?? 'IPv4') : undefined;
  const ports = portsOf(pod, service).map(plainPort);
  if (address === undefined || (ports.length === 0 && (asked.length > 0 || clusterIP !== 'None'))) return [];
  return [{ ...(publish || isPodReady(pod) ? { addresses: [address] } : { notReadyAddresses: [address] }), ports }];
}

type Which = 'addresses' | 'notReadyAddresses';

function sizeOf(groups: readonly EndpointSubset[], which: Which): number {
  return groups.reduce((sum, each) => sum + (each[which]?.length ?? 0), 0);
}

/** Each group keeps its share of so many. */
function truncate(groups: readonly EndpointSubset[], which: Which, most: number): void {
  const total = sizeOf(groups, which);
  if (total <= most) return;
  let left = most;
  for (const group of groups) {
    const all = group[which] ?? [];
    const kept = all.slice(0, Math.min(left, Math.ceil((all.length / total) * most)));
    if (kept.length === 0) delete group[which];
    else group[which] = kept;
    left -= kept.length;
  }
}

/** An unnamed port has no name here, while a slice says ''. */
function plainPort(port: { name?: string; port?: number; protocol?: EndpointPort['protocol']; appProtocol?: string }): EndpointPort {
  return { ...(port.name ? { name: port.name } : {}), port: port.port ?? 0, protocol: port.protocol ?? 'TCP', ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }) };
}

function addressOf(pod: Pod, service: Service, family: 'IPv4' | 'IPv6'): EndpointAddress | undefined {
  const ip = addressesOf(pod, family)[0];
  if (ip === undefined) return undefined;
  const hostname = hostnameOf(pod, service);
  return {
    ip, ...(hostname === undefined ? {} : { hostname }), ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
}

function byAddress(a: Pod, b: Pod): number {
  return (addressesOf(a)[0] ?? '').localeCompare(addressesOf(b)[0] ?? '');
}
