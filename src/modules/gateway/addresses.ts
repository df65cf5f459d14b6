/**
 * How a Gateway comes to its address: a Service of type LoadBalancer stands for it, whose only endpoint is the port of the gateway's address on which
 * HAProxy listens; for datagrams its endpoints are those of the backends. So its address, 127.0.0.1 and its name in DNS come the way they come to every Service.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { GatewayAddress } from '../../api/gateway/types.ts';
import type { OwnerReference } from '../../api/meta.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { Client } from '../../sdk/client.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { WEIGHT } from '../../sdk/load-balancing/settings.ts';
import { isAppliedAsWanted } from './applied.ts';
import { datagramSlices, portNameOf, type DatagramSlice } from './datagrams.ts';
import { endpointsFrom, SERVICE_NAME_LABEL } from './endpoints.ts';
import type { DatagramPort } from './plan.ts';

const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';
export const INGRESS_SERVICE = { namespace: 'kube-system', name: 'llmos-ingress' };
const MANAGED_LABEL = 'llmos.dev/gateway-service';
const MANAGED_BY = 'gateway.llmos.dev';
const MAX_NAME = 63;

export interface AddressInput {
  client: Client;
  services: Cache<Service>;
  /** With an index 'gateway-service' by `namespace/name` of the Service. */
  slices: Cache<EndpointSlice>;
  /** One a family, the first of IPv4. */
  gatewayIps: readonly string[];
  /** Whose endpoints are near. */
  place(): { nodeName: string; zone?: string | undefined };
}

/** Of a door: the port that clients use, and that of HAProxy. */
export interface PortPair { port: number; listenPort: number }

interface Wanted {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  owner?: OwnerReference;
  ports: readonly PortPair[];
  datagramPorts?: readonly DatagramPort[];
  loadBalancerIP?: string;
}

/** A name for the Service that is a DNS label, whatever the Gateway is called. */
export function serviceNameOf(gateway: string): string {
  const name = `${gateway}-llmos`;
  if (name.length <= MAX_NAME && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) return name;
  return `gateway-${createHash('sha256').update(gateway).digest('hex').slice(0, 16)}-llmos`;
}

/** A Service of that name that somebody else made: it is left as it is, and the Gateway has no address. */
export function isOfAnother(service: Service | undefined, { metadata: { uid } }: Gateway): boolean {
  return service !== undefined && service.metadata.labels?.[MANAGED_LABEL] !== 'true' && service.metadata.ownerReferences?.some((each) => each.uid === uid) !== true;
}

export async function ensureGatewayService(input: AddressInput, gateway: Gateway, ports: readonly PortPair[], datagramPorts: readonly DatagramPort[]): Promise<void> {
  const { name = '', namespace = '', uid = '' } = gateway.metadata;
  const { labels, annotations } = gateway.spec.infrastructure ?? {};
  if (isOfAnother(input.services.get(`${namespace}/${serviceNameOf(name)}`), gateway)) return;
  const asked = gateway.spec.addresses?.find(({ type = 'IPAddress', value }) => type === 'IPAddress' && value);
  await ensure(input, {
    namespace, name: serviceNameOf(name), ports, datagramPorts, annotations: { ...annotations }, labels: { ...labels, [GATEWAY_NAME_LABEL]: name.length <= MAX_NAME ? name : serviceNameOf(name), [MANAGED_LABEL]: 'true' },
    owner: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name, uid, controller: true, blockOwnerDeletion: true },
    ...(asked?.value === undefined ? {} : { loadBalancerIP: asked.value }),
  });
}

/** Without ports it goes. */
export async function ensureIngressService(input: AddressInput, ports: readonly PortPair[]): Promise<void> {
  const { namespace, name } = INGRESS_SERVICE;
  if (ports.length > 0) return ensure(input, { ...INGRESS_SERVICE, ports, labels: { [MANAGED_LABEL]: 'true' }, annotations: {} });
  const key = `${namespace}/${name}`;
  for (const own of input.gatewayIps.map((address) => sliceNameOf(name, address))) if (input.slices.get(`${namespace}/${own}`) !== undefined) await ifThere(input.client.delete(EndpointSlice, own, { namespace }));
  if (input.services.get(key) !== undefined) await ifThere(input.client.delete(Service, name, { namespace }));
}

async function ensure({ client, services, slices, gatewayIps, place }: AddressInput, { namespace, name, labels, annotations, owner, ports, datagramPorts = [], loadBalancerIP }: Wanted): Promise<void> {
  const service = services.get(`${namespace}/${name}`);
  const servicePorts = [
    ...ports.map(({ port, listenPort }) => ({ name: `p${port}`, protocol: 'TCP' as const, port, targetPort: listenPort })),
    ...datagramPorts.map((each) => ({ name: portNameOf(each), protocol: 'UDP' as const, port: each.port, targetPort: each.port })),
  ];
  const labelsOfSlice = { ...labels, [SERVICE_NAME_LABEL]: name, 'endpointslice.kubernetes.io/managed-by': MANAGED_BY };
  const metadata = { namespace, name, labels, annotations, ...(owner === undefined ? {} : { ownerReferences: [owner] }) };
  const wanted = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: servicePorts, ...(gatewayIps.length > 1 ? { ipFamilyPolicy: 'PreferDualStack' } : {}), ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }) } as unknown as Service['spec'];
  const isSame = service !== undefined && service.spec?.type === 'LoadBalancer' && service.spec.loadBalancerIP === loadBalancerIP && (gatewayIps.length === 1 || service.spec.ipFamilyPolicy === 'PreferDualStack') && isAppliedAsWanted(service.metadata, { labels, annotations }, MANAGED_LABEL)
    && isDeepStrictEqual((service.spec.ports ?? []).map((each) => [each.name, each.protocol ?? 'TCP', each.port, each.targetPort]), servicePorts.map((each) => [each.name, each.protocol, each.port, each.targetPort]));
  if (servicePorts.length > 0 && !isSame) await client.apply(Service, { apiVersion: 'v1', kind: 'Service', metadata, spec: wanted }, { force: true });
  if (ports.length > 0) for (const address of gatewayIps) await ensureSlice(address);
  await ensureDatagramSlices();

  async function ensureSlice(address: string): Promise<void> {
    const own = sliceNameOf(name, address);
    const slice = slices.get(`${namespace}/${own}`);
    const slicePorts = ports.map(({ port, listenPort }) => ({ name: `p${port}`, protocol: 'TCP', port: listenPort })) as NonNullable<EndpointSlice['ports']>;
    const isThere = slice !== undefined && isDeepStrictEqual(slice.ports?.map((each) => [each.name, each.port]), slicePorts.map((each) => [each.name, each.port])) && slice.endpoints?.[0]?.addresses[0] === address && isAppliedAsWanted(slice.metadata, { labels: labelsOfSlice }, MANAGED_LABEL);
    if (isThere) return;
    const sliceMetadata = { namespace, name: own, labels: labelsOfSlice, ...(owner === undefined ? {} : { ownerReferences: [owner] }) };
    const addressType = (address.includes(':') ? 'IPv6' : 'IPv4') as EndpointSlice['addressType'];
    await client.apply(EndpointSlice, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: sliceMetadata, addressType, endpoints: [{ addresses: [address], conditions: { ready: true } }], ports: slicePorts }, { force: true });
  }

  /** Who comes is there before those that leave are gone. */
  async function ensureDatagramSlices(): Promise<void> {
    const kept = new Set(ports.length === 0 ? [] : gatewayIps.map((address) => sliceNameOf(name, address)));
    for (const gatewayIp of gatewayIps) {
      const family = gatewayIp.includes(':') ? 'IPv6' : 'IPv4';
      const wantedSlices = datagramPorts.flatMap((port) => datagramSlices(port, gatewayIp, ({ serviceKey, portName }) => endpointsFrom(slices.byIndex('gateway-service', serviceKey), portName, place(), { protocol: 'UDP', family })));
      for (const each of wantedSlices) {
        const own = `${name}-${each.suffix}${family === 'IPv6' ? '-6' : ''}`;
        kept.add(own);
        await ensureDatagramSlice(own, family, each);
      }
    }
    const stale = slices.byIndex('gateway-service', `${namespace}/${name}`).filter((each) => each.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === MANAGED_BY && !kept.has(each.metadata.name ?? ''));
    for (const each of stale) await ifThere(client.delete(EndpointSlice, each.metadata.name ?? '', { namespace }));
  }

  async function ensureDatagramSlice(own: string, family: string, { portName, port, weight, addresses }: DatagramSlice): Promise<void> {
    const slice = slices.get(`${namespace}/${own}`);
    const annotationsOfSlice: Record<string, string> = weight === 1 ? {} : { [WEIGHT]: String(weight) };
    if (slice !== undefined && isDeepStrictEqual(slice.endpoints?.map((each) => each.addresses[0]), addresses) && slice.ports?.[0]?.port === port && isAppliedAsWanted(slice.metadata, { labels: labelsOfSlice, annotations: annotationsOfSlice }, MANAGED_LABEL)) return;
    const sliceMetadata = { namespace, name: own, labels: labelsOfSlice, annotations: annotationsOfSlice, ...(owner === undefined ? {} : { ownerReferences: [owner] }) };
    const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
    await client.apply(EndpointSlice, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: sliceMetadata, addressType: family as EndpointSlice['addressType'], endpoints, ports: [{ name: portName, protocol: 'UDP', port }] as NonNullable<EndpointSlice['ports']> }, { force: true });
  }
}

const sliceNameOf = (service: string, address: string): string => (address.includes(':') ? `${service}-6` : service);

/** The addresses that a Service has been given. */
export function addressesOf(service: Service | undefined): GatewayAddress[] {
  return (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [{ type: 'IPAddress', value: ip }]));
}
