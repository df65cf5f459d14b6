/** What a Service must be like (core/v1 validation of upstream). */
import { cidrErrors, ipErrors } from '../ip-validation.ts';
import { specialAddressErrors } from '../ip.ts';
import type { Service, ServicePort, ServiceSpec } from '../generated/core-v1.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { validateLabels } from '../metadata-validation.ts';
import { addressChangeErrors, addressErrors, isHeadless } from './service-addresses.ts';
import { hasHealthCheck, isExternallyAccessible } from './service-update.ts';
import { SOURCE_RANGES, sourceRangesOf } from './source-ranges.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, labelKeyErrors, portNameErrors, portNumberErrors } from '../names.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const TRAFFIC = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
export const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
/** What TOPOLOGY_MODE was called before. */
export const OLD_HINTS = 'service.kubernetes.io/topology-aware-hints';
const KUBELET_PORT = 10250;

export function isTrafficPolicy(text: string | undefined): boolean {
  return text !== undefined && TRAFFIC.includes(text);
}

export function serviceErrors(service: Service, old: Service | undefined): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...hintErrors(service), ...typeErrors(spec), ...portsErrors(spec),
    ...(spec.selector === undefined ? [] : validateLabels(spec.selector, 'spec.selector')),
    ...affinityErrors(spec), ...addressErrors(spec, old?.spec), ...externalErrors(spec, old?.spec), ...sourceRangeErrors(service, old),
    ...(old === undefined ? [] : updateErrors(spec, old.spec ?? {})),
  ];
}

/** The two names of one annotation say the same. */
function hintErrors({ metadata: { annotations = {} } }: Service): FieldError[] {
  const [mode, hints] = [annotations[TOPOLOGY_MODE], annotations[OLD_HINTS]];
  return mode === undefined || hints === undefined || mode === hints ? [] : [invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, `must match annotations[${OLD_HINTS}] when both are specified`)];
}

function typeErrors(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ports ?? []).length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  if (!spec.type) errors.push(required('spec.type'));
  else if (!TYPES.includes(spec.type)) errors.push(notSupported('spec.type', spec.type, TYPES));
  if (spec.type === 'LoadBalancer') for (const [index, { port }] of (spec.ports ?? []).entries()) {
    if (port === KUBELET_PORT) errors.push(invalid(`spec.ports[${index}]`, port, `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`));
  }
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec)) errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (spec.type === 'ExternalName') errors.push(...externalNameErrors(spec));
  return errors;
}

function externalNameErrors(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden('spec.ipFamilies', 'may not be set for ExternalName services'));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else for (const error of dns1123SubdomainErrors(name)) errors.push(invalid('spec.externalName', name, error));
  return errors;
}

function portsErrors(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    errors.push(...portErrors(port, path, { needsName: ports.length > 1, names }));
    if (spec.type === 'ClusterIP' && port.nodePort) errors.push(forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    if (port.nodePort) {
      const key = `${port.protocol}/${port.nodePort}`;
      if (nodePorts.has(key)) errors.push(duplicate(`${path}.nodePort`, port.nodePort));
      nodePorts.add(key);
    }
    const key = `${port.protocol}/${port.port}`;
    if (numbers.has(key)) errors.push(duplicate(path, { port: port.port, protocol: port.protocol }));
    numbers.add(key);
  }
  return errors;
}

function portErrors(port: ServicePort, path: string, how: { needsName: boolean; names: Set<string> }): FieldError[] {
  const errors: FieldError[] = [];
  const name = port.name ?? '';
  if (how.needsName && name === '') errors.push(required(`${path}.name`));
  else if (name !== '') {
    for (const error of dns1123LabelErrors(name)) errors.push(invalid(`${path}.name`, name, error));
    if (how.names.has(name)) errors.push(duplicate(`${path}.name`, name));
    how.names.add(name);
  }
  for (const error of portNumberErrors(port.port ?? 0)) errors.push(invalid(`${path}.port`, port.port ?? 0, error));
  if (!port.protocol) errors.push(required(`${path}.protocol`));
  else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS));
  const target = port.targetPort;
  if (typeof target === 'number') for (const error of portNumberErrors(target)) errors.push(invalid(`${path}.targetPort`, target, error));
  else if (typeof target === 'string') for (const error of portNameErrors(target)) errors.push(invalid(`${path}.targetPort`, target, error));
  if (port.appProtocol !== undefined) for (const error of labelKeyErrors(port.appProtocol)) errors.push(invalid(`${path}.appProtocol`, port.appProtocol, error));
  return errors;
}

function affinityErrors(spec: ServiceSpec): FieldError[] {
  if (spec.sessionAffinity !== 'ClientIP' && spec.sessionAffinity !== 'None') return [notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None'])];
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > 86_400)) return [invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 'must be greater than 0 and less than 86400')];
  return [];
}

function externalErrors(spec: ServiceSpec, old: ServiceSpec | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const kept = new Set(old?.externalIPs);
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const [at, malformed] = [`spec.externalIPs[${index}]`, ipErrors(`spec.externalIPs[${index}]`, ip, kept)];
    errors.push(...(malformed.length > 0 ? malformed : specialAddressErrors(ip).map((error) => invalid(at, ip, error))));
  }
  if (spec.externalTrafficPolicy !== undefined) {
    if (!isExternallyAccessible(spec)) errors.push(invalid('spec.externalTrafficPolicy', spec.externalTrafficPolicy, 'may only be set for externally-accessible services'));
    else if (!TRAFFIC.includes(spec.externalTrafficPolicy)) errors.push(notSupported('spec.externalTrafficPolicy', spec.externalTrafficPolicy, TRAFFIC));
  }
  if (spec.internalTrafficPolicy !== undefined && !TRAFFIC.includes(spec.internalTrafficPolicy)) errors.push(notSupported('spec.internalTrafficPolicy', spec.internalTrafficPolicy, TRAFFIC));
  if (spec.healthCheckNodePort && !hasHealthCheck(spec)) errors.push(invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution)) errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  if (spec.type !== 'LoadBalancer') return [...errors, ...loadBalancerOnly(spec)];
  if (spec.loadBalancerClass !== undefined) errors.push(...labelKeyErrors(spec.loadBalancerClass).map((error) => invalid('spec.loadBalancerClass', spec.loadBalancerClass, error)));
  return errors;
}

/** The ranges of the field, else those of the annotation that was there before it. */
function sourceRangeErrors({ metadata, spec = {} }: Service, old: Service | undefined): FieldError[] {
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const annotated = metadata.annotations?.[SOURCE_RANGES];
  if (ranges.length === 0 && annotated === undefined) return [];
  const at = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${SOURCE_RANGES}]`;
  const misplaced = spec.type === 'LoadBalancer' ? [] : [forbidden(at, "may only be used when `type` is 'LoadBalancer'")];
  if (ranges.length === 0) return old?.metadata.annotations?.[SOURCE_RANGES] === annotated ? misplaced : [...misplaced, ...sourceRangesOf({ metadata, spec }).flatMap((each) => cidrErrors(at, each))];
  const kept = new Set((old?.spec?.loadBalancerSourceRanges ?? []).map((each) => each.trim()));
  return [...misplaced, ...ranges.flatMap((range, index) => cidrErrors(`${at}[${index}]`, range.trim(), kept))];
}

function loadBalancerOnly(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  if (spec.allocateLoadBalancerNodePorts !== undefined) errors.push(forbidden('spec.allocateLoadBalancerNodePorts', only));
  if (spec.loadBalancerClass !== undefined) errors.push(forbidden('spec.loadBalancerClass', only));
  return errors;
}

function updateErrors(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const errors = addressChangeErrors(spec, old);
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) errors.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'));
  if (hasHealthCheck(spec) && hasHealthCheck(old) && spec.healthCheckNodePort !== old.healthCheckNodePort) errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}
