/** Endpoints kept by hand, as EndpointSlices (upstream: controller/endpointslicemirroring). Pure. */
import type { EndpointAddress, EndpointPort, Endpoints } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { canonicalIp } from '../../api/ip.ts';
import { controllerReference } from '../../api/owner.ts';
import type { Family } from './endpoint.ts';
import { identity, MANAGED_BY, planGroups, SERVICE_NAME, type Group, type SlicePlan } from './plan.ts';
import { repack } from './repack.ts';
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

function groupsOf({ subsets = [] }: Endpoints): { groups: Group[]; skipped: number } {
  const groups: Group[] = [];
  let skipped = 0;
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of repack(subsets)) {
    const all = [...addresses.map((each) => endpointOf(each, true)), ...notReadyAddresses.map((each) => endpointOf(each, false))];
    skipped += Math.max(0, all.length - MAX_MIRRORED);
    for (const [family, some] of Map.groupBy(all.slice(0, MAX_MIRRORED), ({ addresses: [ip] }): Family => (ip?.includes(':') ? 'IPv6' : 'IPv4'))) {
      groups.push({ family, ports: ports.map(slicePort), endpoints: new Map(some.map((each) => [identity(each), each])) });
    }
  }
  return { groups, skipped };
}

function slicePort({ name, port, protocol, appProtocol }: EndpointPort): Group['ports'][number] {
  return { name: name ?? '', port, protocol: protocol ?? 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) };
}

/** An address of IPv6 may be written in several ways; slices have the one of RFC 5952. */
function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return { addresses: [canonicalIp(ip) ?? ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(nodeName ? { nodeName } : {}), ...(targetRef === undefined ? {} : { targetRef }) };
}
