/** Service (core/v1). Addresses and node ports are allocated elsewhere. */
import type { Service as ServiceType } from '../generated/core-v1.ts';
import { AGE, column, NAME, showLabels } from '../columns.ts';
import { forbidden, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors } from '../names.ts';
import { loadBalancerErrors } from '../networking/load-balancer-status.ts';
import { schemaOf } from '../schema/facts.ts';
import { isExternallyAccessible, keepAllocated, pairAddresses } from './service-update.ts';
import { isTrafficPolicy, serviceErrors } from './service-validation.ts';
import { serviceWarnings } from './service-warnings.ts';

export type Service = ServiceType;

const CLIENT_IP_SECONDS = 10_800;

export const Service: Kind<Service> = defineKind<Service>({
  group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true,
  shortNames: ['svc'], categories: ['all'],
  schema: () => schemaOf('', 'v1', 'Service'),
  rules: {
    generation: false,
    allowCreateOnUpdate: true,
    nameErrors: dns1123LabelErrors,
    defaults: defaultService,
    prepareForCreate(service) {
      service.status = { loadBalancer: {} };
      if (service.spec !== undefined) pairAddresses(service.spec);
    },
    prepareForUpdate: keepAllocated,
    validate: serviceErrors,
    warnings: serviceWarnings,
    validateStatus: statusErrors,
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Type', (service) => service.spec?.type ?? ''),
    column('Cluster-IP', (service) => service.spec?.clusterIPs?.[0] || (service.spec?.type === 'ExternalName' ? '' : service.spec?.clusterIP) || '<none>'),
    column('External-IP', showExternal),
    column('Port(s)', showPorts),
    AGE,
    column('Selector', (service) => showLabels(service.spec?.selector), { wide: true }),
  ],
  selectableFields: { 'spec.clusterIP': (service) => service.spec?.clusterIP ?? '', 'spec.type': (service) => service.spec?.type ?? '' },
});

function defaultService(service: Service): void {
  const spec = (service.spec ??= {});
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: CLIENT_IP_SECONDS } };
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  // It was defaulted there once: it is taken, and not kept (upstream: defaultOnReadInternalTrafficPolicy).
  else if (isTrafficPolicy(spec.internalTrafficPolicy)) delete spec.internalTrafficPolicy;
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  (service.status ??= {}).loadBalancer ??= {};
}

function showExternal(service: Service): string {
  const spec = service.spec ?? {};
  const ips = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP': case 'NodePort': return ips.length > 0 ? ips.join(',') : '<none>';
    case 'LoadBalancer': {
      const ingress = (service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((each) => each !== '');
      return [...[...new Set(ingress)].sort(), ...ips].join(',') || '<pending>';
    }
    case 'ExternalName': return spec.externalName ?? '';
    default: return '<unknown>';
  }
}

function showPorts(service: Service): string {
  const ports = (service.spec?.ports ?? []).map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`));
  return ports.join(',') || '<none>';
}

/** Only load balancers have addresses of their own; what an old status has may stay. */
function statusErrors({ spec, status }: Service, old: Service): FieldError[] {
  const points = status?.loadBalancer?.ingress ?? [];
  const misplaced = spec?.type !== 'LoadBalancer' && points.length > 0 && !equalJson(points, old.status?.loadBalancer?.ingress);
  return misplaced ? [forbidden('status.loadBalancer.ingress', 'may only be used when `spec.type` is "LoadBalancer"')] : loadBalancerErrors(status, old.status);
}
