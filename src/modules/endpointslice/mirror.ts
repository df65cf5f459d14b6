/** Endpoints kept by hand, as EndpointSlices (upstream: controller/endpointslicemirroring). Pure. */
import type { EndpointAddress, EndpointPort, Endpoints } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { controllerReference } from '../../api/owner.ts';
import type { Family } from './endpoint.ts';
import { identity, MANAGED_BY, planGroups, samePorts, SERVICE_NAME, type Group, type SlicePlan } from './plan.ts';
import { LAST_CHANGE } from './trigger-time.ts';

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Of the addresses that have the same ports. */
export const MAX_MIRRORED = 1_000;
const LEADER = 'control-plane.alpha.kubernetes.io/leader';

/** Not those that say that they are not to be, nor those that serve as a leader's lock. */
export function isMirrored(endpoints: Endpoints): boolean {
  const { labels, annotations } = endpoints.metadata;
  return labels?.[SKIP] !== 'true' && annotations?.[LEADER] === undefined;
}

export interface MirrorPlan extends SlicePlan {
  /** Addresses that are too many to be mirrored. */
  skipped: number;
}

/** One slice for those that have the same ports, of each family; the annotations of who wrote them last, and when, are not taken over. */
export function planMirror(endpoints: Endpoints, existing: readonly EndpointSlice[]): MirrorPlan {
  const { name = '', namespace, labels, annotations = {} } = endpoints.metadata;
  const { [LAST_APPLIED]: _applied, [LAST_CHANGE]: _change, ...kept } = annotations;
  const { groups, skipped } = groupsOf(endpoints);
  const plan = planGroups(groups, existing, {
    namespace, generateName: `${name}-`, labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR_MANAGER }, annotations: kept,
    owner: controllerReference({ group: '', version: 'v1', kind: 'Endpoints' }, endpoints), most: MAX_MIRRORED,
  });
  return { ...plan, skipped };
}

interface Subset {
  ports: Group['ports'];
  /** Whether it is ready, by address. */
  addresses: Map<string, { address: EndpointAddress; ready: boolean }>;
}

function groupsOf(endpoints: Endpoints): { groups: Group[]; skipped: number } {
  const groups: Group[] = [];
  let skipped = 0;
  for (const { ports, addresses } of subsetsOf(endpoints)) {
    const sorted = [...addresses.values()].sort((a, b) => Number(b.ready) - Number(a.ready));
    skipped += Math.max(0, sorted.length - MAX_MIRRORED);
    for (const { address, ready } of sorted.slice(0, MAX_MIRRORED)) {
      const family: Family = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      let group = groups.find((each) => each.family === family && each.ports === ports);
      if (group === undefined) groups.push((group = { family, ports, endpoints: new Map() }));
      const endpoint = endpointOf(address, ready);
      group.endpoints.set(identity(endpoint), endpoint);
    }
  }
  return { groups, skipped };
}

/** Those of the same ports together. What is ready in one is ready. */
function subsetsOf({ subsets = [] }: Endpoints): Subset[] {
  const found: Subset[] = [];
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map(slicePort);
    let same = found.find((each) => samePorts(each.ports, ports));
    if (same === undefined) found.push((same = { ports, addresses: new Map() }));
    for (const address of subset.addresses ?? []) same.addresses.set(keyOf(address), { address, ready: true });
    for (const address of subset.notReadyAddresses ?? []) if (!same.addresses.has(keyOf(address))) same.addresses.set(keyOf(address), { address, ready: false });
  }
  return found;
}

const keyOf = (address: EndpointAddress): string => identity(endpointOf(address, true));

function slicePort({ name, port, protocol, appProtocol }: EndpointPort): Group['ports'][number] {
  return { name: name ?? '', port, protocol: protocol ?? 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return { addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), ...(targetRef === undefined ? {} : { targetRef }) };
}
