/**
 * What a client means that leaves out of a Service what was allocated for it, or that says of two linked fields only one (upstream: registry/core/service,
 * patchAllocatedValues, normalizeClusterIPs, dropTypeDependentFields). Pure, but for the object that is given.
 */
import type { Service, ServiceSpec } from '../generated/core-v1.ts';
import { equalJson } from '../json.ts';

/** Of a new Service: who says clusterIP alone says the first of clusterIPs. */
export function pairAddresses(spec: ServiceSpec): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
}

export function isExternallyAccessible({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && (externalIPs?.length ?? 0) > 0);
}

/** Whether a load balancer asks each machine if it has endpoints. */
export function hasHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

/** What was allocated stays when an update leaves it out; what a new type has no use for goes, where nobody changed it. */
export function keepAllocated(service: Service, old: Service): void {
  const [spec, before] = [(service.spec ??= {}), old.spec ?? {}];
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName') keepAddresses(spec, before);
  pairAgain(spec, before);
  if (wantsNodePorts(spec) && wantsNodePorts(before)) keepNodePorts(spec, before);
  if (hasHealthCheck(spec) && hasHealthCheck(before) && !spec.healthCheckNodePort && before.healthCheckNodePort) spec.healthCheckNodePort = before.healthCheckNodePort;
  dropUnused(spec, before);
  if (spec.type !== 'LoadBalancer' && service.status !== undefined) service.status.loadBalancer = {};
}

/** Whether it may have some. */
const hasNodePorts = ({ type }: ServiceSpec): boolean => type === 'NodePort' || type === 'LoadBalancer';
/** Whether each port has one, also where nobody says so: who wants none gets rid of them by leaving them out. */
export const wantsNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean => type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

function keepAddresses(spec: ServiceSpec, before: ServiceSpec): void {
  if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
  if (!spec.clusterIPs?.length && before.clusterIPs?.length) spec.clusterIPs = [...before.clusterIPs];
  if (spec.ipFamilies === undefined && before.ipFamilies !== undefined) spec.ipFamilies = [...before.ipFamilies];
  if (spec.ipFamilyPolicy === undefined && before.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy = before.ipFamilyPolicy;
}

/** Who changes the one of clusterIP and clusterIPs means both. */
function pairAgain(spec: ServiceSpec, before: ServiceSpec): void {
  if ((spec.clusterIP ?? '') === (before.clusterIP ?? '') || !equalJson(spec.clusterIPs ?? [], before.clusterIPs ?? [])) return;
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
  else delete spec.clusterIPs;
}

/** By the names of ports; not one that another port has now. */
function keepNodePorts(spec: ServiceSpec, before: ServiceSpec): void {
  const named = new Map((before.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
  const had = new Set(named.values());
  const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort).filter((each) => had.has(each)));
  for (const port of spec.ports ?? []) {
    const kept = named.get(port.name ?? '');
    if (!port.nodePort && kept && !used.has(kept)) port.nodePort = kept;
  }
}

/** Fields that only the old type had, and that came along unchanged, go with it. */
function dropUnused(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.type === 'ExternalName' && before.type !== 'ExternalName') dropAddresses(spec, before);
  if (!hasNodePorts(spec) && hasNodePorts(before)) {
    const had = new Set((before.ports ?? []).map(({ nodePort }) => nodePort));
    // Ports may come, go and change, as long as no node port is new.
    if ((spec.ports ?? []).every(({ nodePort }) => !nodePort || had.has(nodePort))) for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (!hasHealthCheck(spec) && hasHealthCheck(before) && spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort;
  if (spec.type !== 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (!isExternallyAccessible(spec) && isExternallyAccessible(before) && spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
}

function dropAddresses(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.clusterIP === before.clusterIP && equalJson(spec.clusterIPs, before.clusterIPs)) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  if (equalJson(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
  if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
}
