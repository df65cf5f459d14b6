/** Endpoints kept by hand, as EndpointSlices (upstream: controller/endpointslicemirroring). Pure. */
import type { EndpointAddress, EndpointPort, Endpoints } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { controllerReference } from '../../api/owner.ts';
import type { Family } from './endpoint.ts';
import { identity, MANAGED_BY, planGroups, samePorts, SERVICE_NAME, type Group, type SlicePlan } from './plan.ts';

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';

/** Not those that say that they are not to be, nor those that serve as a leader's lock. */
export function isMirrored(endpoints: Endpoints): boolean {
  const { labels, annotations } = endpoints.metadata;
  return labels?.[SKIP] !== 'true' && annotations?.[LEADER] === undefined;
}

export function planMirror(endpoints: Endpoints, existing: readonly EndpointSlice[]): SlicePlan {
  const { name = '', namespace, labels } = endpoints.metadata;
  return planGroups(groupsOf(endpoints), existing, {
    namespace, generateName: `${name}-`, labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR_MANAGER },
    owner: controllerReference({ group: '', version: 'v1', kind: 'Endpoints' }, endpoints),
  });
}

function groupsOf(endpoints: Endpoints): Group[] {
  const groups: Group[] = [];
  for (const subset of endpoints.subsets ?? []) {
    const ports = (subset.ports ?? []).map(slicePort);
    const add = (address: EndpointAddress, ready: boolean): void => {
      const family: Family = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      let group = groups.find((each) => each.family === family && samePorts(each.ports, ports));
      if (group === undefined) groups.push((group = { family, ports, endpoints: new Map() }));
      const endpoint = endpointOf(address, ready);
      group.endpoints.set(identity(endpoint), endpoint);
    };
    for (const address of subset.notReadyAddresses ?? []) add(address, false);
    for (const address of subset.addresses ?? []) add(address, true);
  }
  return groups;
}

function slicePort({ name, port, protocol, appProtocol }: EndpointPort): Group['ports'][number] {
  return { name: name ?? '', port, protocol: protocol ?? 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return { addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), ...(targetRef === undefined ? {} : { targetRef }) };
}
