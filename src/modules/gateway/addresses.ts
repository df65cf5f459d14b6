/**
 * How a Gateway comes to its address: a Service of type LoadBalancer stands for it, whose only endpoint is the port of the gateway's address on which
 * HAProxy listens. So its address, 127.0.0.1 and its name in DNS come the way they come to every Service.
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

const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';
export const INGRESS_SERVICE = { namespace: 'kube-system', name: 'llmos-ingress' };
const MANAGED_LABEL = 'llmos.dev/gateway-service';
const MAX_NAME = 63;

export interface AddressInput { client: Client; services: Cache<Service>; slices: Cache<EndpointSlice>; /** One a family, the first of IPv4. */ gatewayIps: readonly string[] }

/** Of a door: the port that clients use, and that of HAProxy. */
export interface PortPair { port: number; listenPort: number }

interface Wanted {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  owner?: OwnerReference;
  ports: readonly PortPair[];
  loadBalancerIP?: string;
}

/** A name for the Service that is a DNS label, whatever the Gateway is called. */
export function serviceNameOf(gateway: string): string {
  const name = `${gateway}-llmos`;
  if (name.length <= MAX_NAME && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) return name;
  return `gateway-${createHash('sha256').update(gateway).digest('hex').slice(0, 16)}-llmos`;
}

export async function ensureGatewayService(input: AddressInput, gateway: Gateway, ports: readonly PortPair[]): Promise<void> {
  const { name = '', namespace = '', uid = '' } = gateway.metadata;
  const { labels, annotations } = gateway.spec.infrastructure ?? {};
  const asked = gateway.spec.addresses?.find(({ type = 'IPAddress', value }) => type === 'IPAddress' && value);
  await ensure(input, {
    namespace, name: serviceNameOf(name), ports, annotations: { ...annotations }, labels: { ...labels, [GATEWAY_NAME_LABEL]: name.length <= MAX_NAME ? name : serviceNameOf(name), [MANAGED_LABEL]: 'true' },
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

async function ensure({ client, services, slices, gatewayIps }: AddressInput, { namespace, name, labels, annotations, owner, ports, loadBalancerIP }: Wanted): Promise<void> {
  const service = services.get(`${namespace}/${name}`);
  const servicePorts = ports.map(({ port, listenPort }) => ({ name: `p${port}`, protocol: 'TCP' as const, port, targetPort: listenPort }));
  const metadata = { namespace, name, labels, annotations, ...(owner === undefined ? {} : { ownerReferences: [owner] }) };
  const wanted = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: servicePorts, ...(gatewayIps.length > 1 ? { ipFamilyPolicy: 'PreferDualStack' } : {}), ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }) } as unknown as Service['spec'];
  const meets = (now: object, want: object): boolean => Object.entries(want).every(([field, value]) => isDeepStrictEqual((now as Record<string, unknown>)[field], value));
  const isSame = service !== undefined && service.spec?.type === 'LoadBalancer' && service.spec.loadBalancerIP === loadBalancerIP && (gatewayIps.length === 1 || service.spec.ipFamilyPolicy === 'PreferDualStack') && meets(service.metadata.labels ?? {}, labels) && meets(service.metadata.annotations ?? {}, annotations)
    && isDeepStrictEqual((service.spec.ports ?? []).map((each) => [each.name, each.port, each.targetPort]), servicePorts.map((each) => [each.name, each.port, each.targetPort]));
  if (ports.length > 0 && !isSame) await client.apply(Service, { apiVersion: 'v1', kind: 'Service', metadata, spec: wanted }, { force: true });
  if (ports.length === 0) return;
  for (const address of gatewayIps) await ensureSlice(address);

  async function ensureSlice(address: string): Promise<void> {
    const own = sliceNameOf(name, address);
    const slice = slices.get(`${namespace}/${own}`);
    const slicePorts = ports.map(({ port, listenPort }) => ({ name: `p${port}`, protocol: 'TCP', port: listenPort })) as NonNullable<EndpointSlice['ports']>;
    const isThere = slice !== undefined && isDeepStrictEqual(slice.ports?.map((each) => [each.name, each.port]), slicePorts.map((each) => [each.name, each.port])) && slice.endpoints?.[0]?.addresses[0] === address;
    if (isThere) return;
    const sliceMetadata = { namespace, name: own, labels: { ...labels, 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'gateway.llmos.dev' }, ...(owner === undefined ? {} : { ownerReferences: [owner] }) };
    const addressType = (address.includes(':') ? 'IPv6' : 'IPv4') as EndpointSlice['addressType'];
    await client.apply(EndpointSlice, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: sliceMetadata, addressType, endpoints: [{ addresses: [address], conditions: { ready: true } }], ports: slicePorts }, { force: true });
  }
}

const sliceNameOf = (service: string, address: string): string => (address.includes(':') ? `${service}-6` : service);

/** The addresses that a Service has been given. */
export function addressesOf(service: Service | undefined): GatewayAddress[] {
  return (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [{ type: 'IPAddress', value: ip }]));
}
