/** The Endpoints object of a Service, for clients that still read it (upstream: endpoint/endpoints_controller.go). Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/generated/core-v1.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import { addressesOf, familiesOf, hostnameOf, isEligible, portsOf } from './endpoint.ts';

const MAX_ADDRESSES = 1000;

export interface Subsets {
  subsets: EndpointSubset[];
  /** There were more addresses than an Endpoints object has. */
  isTruncated: boolean;
}

interface Group {
  ports: EndpointPort[];
  ready: EndpointAddress[];
  notReady: EndpointAddress[];
}

/** Pods grouped by the ports that they have; sorted, so that equal pods give equal subsets. Of too many, those that are ready come first. */
export function subsetsOf(service: Service, pods: readonly Pod[]): Subsets {
  const family = familiesOf(service)[0] ?? 'IPv4';
  const publish = service.spec?.publishNotReadyAddresses === true;
  const byPorts = new Map<string, Group>();
  for (const pod of [...pods].sort(byAddress)) {
    const address = isEligible(pod) && (publish || pod.metadata.deletionTimestamp === undefined) ? addressOf(pod, service, family) : undefined;
    if (address === undefined) continue;
    const ports = portsOf(pod, service).map(plainPort);
    const key = JSON.stringify(ports);
    let group = byPorts.get(key);
    if (group === undefined) byPorts.set(key, (group = { ports, ready: [], notReady: [] }));
    (publish || isPodReady(pod) ? group.ready : group.notReady).push(address);
  }
  const groups = [...byPorts.values()];
  const isTruncated = sizeOf(groups, 'ready') + sizeOf(groups, 'notReady') > MAX_ADDRESSES;
  if (isTruncated) {
    truncate(groups, 'ready', MAX_ADDRESSES);
    truncate(groups, 'notReady', MAX_ADDRESSES - sizeOf(groups, 'ready'));
  }
  const subsets = groups.filter(({ ready, notReady }) => ready.length + notReady.length > 0).map(({ ports, ready, notReady }) => ({
    ...(ready.length > 0 ? { addresses: ready } : {}), ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}), ...(ports.length > 0 ? { ports } : {}),
  }));
  return { subsets, isTruncated };
}

function sizeOf(groups: readonly Group[], which: 'ready' | 'notReady'): number {
  return groups.reduce((sum, each) => sum + each[which].length, 0);
}

/** Each group keeps its share of so many. */
function truncate(groups: readonly Group[], which: 'ready' | 'notReady', most: number): void {
  const total = sizeOf(groups, which);
  if (total <= most) return;
  let left = most;
  for (const group of groups) {
    const share = Math.min(left, Math.ceil((group[which].length / total) * most));
    group[which] = group[which].slice(0, share);
    left -= share;
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
