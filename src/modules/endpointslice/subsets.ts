/** The Endpoints object of a Service, for clients that still read it (upstream: endpoint/endpoints_controller.go). Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/generated/core-v1.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import { addressesOf, familiesOf, hostnameOf, isEligible, portsOf } from './endpoint.ts';

const MAX_ADDRESSES = 1000;

/** Pods grouped by the ports that they have; sorted, so that equal pods give equal subsets. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const family = familiesOf(service)[0] ?? 'IPv4';
  const publish = service.spec?.publishNotReadyAddresses === true;
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  let count = 0;
  for (const pod of [...pods].sort(byAddress)) {
    const address = isEligible(pod) && (publish || pod.metadata.deletionTimestamp === undefined) ? addressOf(pod, service, family) : undefined;
    if (address === undefined || count++ >= MAX_ADDRESSES) continue;
    const ports = portsOf(pod, service).map(plainPort);
    const key = JSON.stringify(ports);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { ports, ready: [], notReady: [] }));
    (publish || isPodReady(pod) ? group.ready : group.notReady).push(address);
  }
  return [...groups.values()].map(({ ports, ready, notReady }) => ({
    ...(ready.length > 0 ? { addresses: ready } : {}), ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}), ...(ports.length > 0 ? { ports } : {}),
  }));
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
