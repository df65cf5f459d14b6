/**
 * What to write so that a Service's EndpointSlices name its pods: endpoints stay in the slice where they are, new ones go where fewest slices
 * are written, at most 100 in each, and slices that are empty go, but for one that says that there are none. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { OwnerReference } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner.ts';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointOf, familiesOf, isEligible, portsOf, type Family } from './endpoint.ts';
import { shareEndpoints, sharesByZone } from './zone-shares.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS = 'service.kubernetes.io/headless';
export const MANAGER = 'endpointslice-controller.k8s.io';
const MAX_ENDPOINTS = 100;

export interface SlicePlan {
  create: EndpointSlice[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

/** Endpoints that may share slices: of one address family, with the same ports. */
export interface Group {
  family: Family;
  ports: EndpointPort[];
  endpoints: Map<string, Endpoint>;
}

/** What a slice bears beside its endpoints. */
export interface Frame {
  namespace: string | undefined;
  generateName: string;
  labels: Record<string, string>;
  /** Where they are wanted to be these and no others. */
  annotations?: Record<string, string>;
  owner: OwnerReference;
  /** Endpoints of a slice; default 100. */
  most?: number;
}

/** Of zones: that of a node, and what each has of all CPUs. */
export interface ZoneFacts {
  zoneOf?(node: string): string | undefined;
  shares?: ReadonlyMap<string, number> | undefined;
}

export interface ServicePlan extends SlicePlan {
  /** For a Service that asks for shares by zone: by family whether there are hints, and why not. */
  shared: ReadonlyMap<Family, { why?: string }>;
}

/** `existing` are the slices of this Service that the controller manages. */
export function planSlices(service: Service, pods: readonly Pod[], existing: readonly EndpointSlice[], { zoneOf, shares }: ZoneFacts = {}): ServicePlan {
  const owner = controllerReference({ group: '', version: 'v1', kind: 'Service' }, service);
  const groups = groupsOf(service, pods, zoneOf);
  const shared = sharesByZone(service) ? shareByZone(groups, shares) : new Map<Family, { why?: string }>();
  const plan = planGroups(groups, existing, { namespace: service.metadata.namespace, generateName: `${service.metadata.name}-`, labels: labelsOf(service), owner });
  return { ...plan, shared };
}

/** Gives the endpoints of each family the zones that they are meant for. */
function shareByZone(groups: readonly Group[], shares: ReadonlyMap<string, number> | undefined): Map<Family, { why?: string }> {
  const shared = new Map<Family, { why?: string }>();
  for (const [family, some] of Map.groupBy(groups, (group) => group.family)) {
    const all = some.flatMap(({ endpoints }) => [...endpoints]).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
    const outcome = shareEndpoints(all, shares);
    if ('zones' in outcome) for (const [endpoint, name] of outcome.zones) endpoint.hints = { forZones: [{ name }] };
    shared.set(family, 'why' in outcome ? outcome : {});
  }
  return shared;
}

/** `existing`: those of an owner of before who had the same name go, as the garbage collector is about to take them. */
export function planGroups(groups: readonly Group[], existing: readonly EndpointSlice[], frame: Frame): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], delete: [] };
  const own = existing.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === frame.owner.uid));
  const kept = new Set<EndpointSlice>();
  for (const group of groups) {
    const slices = own.filter((slice) => (slice.addressType as string) === group.family && samePorts(slice.ports ?? [], group.ports));
    for (const slice of slices) kept.add(slice);
    planGroup(frame, group, slices, plan);
  }
  plan.delete.push(...own.filter((slice) => !kept.has(slice)));
  recycle(plan);
  plan.delete.push(...existing.filter((slice) => !own.includes(slice)));
  return plan;
}

/** What would go becomes what would come, in one write: whoever follows them sees the endpoints of before or those of now (upstream: finalize). */
function recycle(plan: SlicePlan): void {
  plan.create = plan.create.filter((wanted) => {
    const index = plan.delete.findIndex(({ addressType }) => addressType === wanted.addressType);
    const [old] = index < 0 ? [] : plan.delete.splice(index, 1);
    if (old === undefined) return true;
    const { labels, annotations } = wanted.metadata;
    plan.update.push({ ...old, metadata: { ...old.metadata, labels, annotations }, endpoints: wanted.endpoints, ports: wanted.ports });
    return false;
  });
}

function groupsOf(service: Service, pods: readonly Pod[], zoneOf: ((node: string) => string | undefined) | undefined): Group[] {
  const groups: Group[] = [];
  for (const family of familiesOf(service)) {
    const before = groups.length;
    for (const pod of pods) {
      const endpoint = isEligible(pod) ? endpointOf(pod, service, family, zoneOf) : undefined;
      if (endpoint === undefined) continue;
      const ports = portsOf(pod, service);
      let group = groups.slice(before).find((each) => samePorts(each.ports, ports));
      if (group === undefined) groups.push((group = { family, ports, endpoints: new Map() }));
      group.endpoints.set(identity(endpoint), endpoint);
    }
    if (groups.length === before) groups.push({ family, ports: [], endpoints: new Map() });
  }
  return groups;
}

function planGroup(frame: Frame, group: Group, slices: readonly EndpointSlice[], plan: SlicePlan): void {
  const { labels, annotations, most = MAX_ENDPOINTS } = frame;
  const missing = new Map(group.endpoints);
  const contents = slices.map((slice) => {
    const endpoints: Endpoint[] = [];
    for (const each of slice.endpoints ?? []) {
      const wanted = missing.get(identity(each));
      if (wanted === undefined) continue;
      missing.delete(identity(each));
      endpoints.push(wanted);
    }
    return { slice, endpoints };
  });
  const isSame = ({ slice, endpoints }: Content): boolean => isDeepStrictEqual(slice.endpoints ?? [], endpoints) && isDeepStrictEqual({ ...slice.metadata.labels }, labels) && (annotations === undefined || isDeepStrictEqual({ ...slice.metadata.annotations }, annotations));
  const filled = contents.filter((each) => each.endpoints.length > 0);
  const fresh = place([...missing.values()], filled, isSame, most);
  const empty = contents.filter((each) => each.endpoints.length === 0);
  if (filled.length === 0 && fresh.length === 0) {
    const placeholder = empty.shift();
    if (placeholder === undefined) fresh.push([]);
    else filled.push(placeholder);
  }
  plan.delete.push(...empty.map((each) => each.slice));
  for (const each of filled) {
    const { slice, endpoints } = each;
    if (!isSame(each)) plan.update.push({ ...slice, metadata: { ...slice.metadata, labels, ...(annotations === undefined ? {} : { annotations }) }, endpoints });
  }
  for (const endpoints of fresh) plan.create.push(newSlice(frame, group, endpoints));
}

/** A slice, and what it is to name. */
interface Content { slice: EndpointSlice; endpoints: Endpoint[] }

/**
 * Adds what is new where fewest slices are written (upstream: reconcileByPortMapping): to those that change anyway, the fullest first, then all that is left to
 * the one slice that it fits in best, or else to new ones, which it gives.
 */
function place(rest: Endpoint[], contents: readonly Content[], isSame: (content: Content) => boolean, most: number): Endpoint[][] {
  const byFullness = contents.toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  const unchanged = byFullness.filter(isSame);
  for (const each of byFullness) if (!unchanged.includes(each)) each.endpoints.push(...rest.splice(0, Math.max(0, most - each.endpoints.length)));
  const fresh: Endpoint[][] = [];
  while (rest.length > 0) {
    const room = rest.length < most ? unchanged.find(({ endpoints }) => endpoints.length + rest.length <= most) : undefined;
    if (room === undefined) fresh.push(rest.splice(0, most));
    else room.endpoints.push(...rest.splice(0));
  }
  return fresh;
}

function newSlice({ namespace, generateName, labels, annotations = {}, owner }: Frame, group: Group, endpoints: Endpoint[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { generateName, namespace, labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}), ownerReferences: [owner] },
    addressType: group.family, endpoints, ports: group.ports,
  };
}

function labelsOf(service: Service): Record<string, string> {
  const labels: Record<string, string> = { ...service.metadata.labels };
  delete labels[HEADLESS];
  if (service.spec?.clusterIP === 'None' || !service.spec?.clusterIP) labels[HEADLESS] = '';
  return { ...labels, [SERVICE_NAME]: service.metadata.name ?? '', [MANAGED_BY]: MANAGER };
}

export function identity(endpoint: Endpoint): string {
  return `${endpoint.targetRef?.uid ?? ''}|${endpoint.addresses.join()}|${endpoint.hostname ?? ''}`;
}

function samePorts(a: readonly EndpointPort[], b: readonly EndpointPort[]): boolean {
  const text = (ports: readonly EndpointPort[]): string => ports.map((each) => `${each.name ?? ''}|${each.protocol ?? 'TCP'}|${each.port ?? ''}|${each.appProtocol ?? ''}`).sort().join();
  return text(a) === text(b);
}
