/** The two Services that every cluster has: `kubernetes` (the door) and `kube-dns` (the name server). */
import { isDeepStrictEqual } from 'node:util';
import { Endpoints } from '../../api/core/endpoints.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { MachineFacts } from '../../sdk/module.ts';
import type { Client } from '../../sdk/client.ts';
import { SERVICE_NAME_LABEL } from './service-index.ts';

interface WellKnown {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  clusterIp: string;
  ports: { name: string; port: number; targetPort: number; protocol: 'TCP' | 'UDP' }[];
}

export function wellKnownServices(machine: Pick<MachineFacts, 'network' | 'apiServer'>, dnsPort: number): WellKnown[] {
  const { apiServiceIp, dnsServiceIp } = machine.network;
  return [
    {
      namespace: 'default', name: 'kubernetes', clusterIp: apiServiceIp, labels: { component: 'apiserver', provider: 'kubernetes' },
      ports: [{ name: 'https', port: 443, targetPort: machine.apiServer.port, protocol: 'TCP' }],
    },
    {
      namespace: 'kube-system', name: 'kube-dns', clusterIp: dnsServiceIp, labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      ports: [{ name: 'dns', port: 53, targetPort: dnsPort, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, targetPort: dnsPort, protocol: 'TCP' }],
    },
  ];
}

/** Makes the Service, its EndpointSlice and its Endpoints as they should be; `address` is where the machine answers. */
export async function ensureWellKnown(client: Client, service: WellKnown, address: string): Promise<void> {
  const { namespace, name, labels, clusterIp } = service;
  const metadata = { namespace, name, labels };
  const ports = service.ports.map(({ name: port, protocol, targetPort }) => ({ name: port, protocol, port: targetPort }));
  // An address never changes: where the configuration says another range, the Service is made anew.
  const before = await ifThere(client.get(Service, name, { namespace }));
  if (before?.spec?.clusterIP !== undefined && before.spec.clusterIP !== clusterIp) await ifThere(client.delete(Service, name, { namespace }));
  await ensure(client, Service, {
    apiVersion: 'v1', kind: 'Service', metadata,
    spec: { type: 'ClusterIP', clusterIP: clusterIp, clusterIPs: [clusterIp], ports: service.ports, sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' } as Service['spec'],
  }, (now, wanted) => isDeepStrictEqual(now.spec, wanted.spec));
  await ensure(client, EndpointSlice, {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { ...metadata, labels: { [SERVICE_NAME_LABEL]: name } },
    addressType: 'IPv4' as EndpointSlice['addressType'], endpoints: [{ addresses: [address], conditions: { ready: true } }], ports,
  }, (now, wanted) => isDeepStrictEqual([now.endpoints, now.ports], [wanted.endpoints, wanted.ports]));
  await ensure(client, Endpoints, {
    apiVersion: 'v1', kind: 'Endpoints', metadata: { ...metadata, labels: { ...labels, 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets: [{ addresses: [{ ip: address }], ports }],
  }, (now, wanted) => isDeepStrictEqual(now.subsets, wanted.subsets));
}

async function ensure<T extends KubeObject>(client: Client, kind: Kind<T>, wanted: T, isSame: (now: T, wanted: T) => boolean): Promise<void> {
  const { namespace, name = '' } = wanted.metadata;
  const now = await ifThere(client.get(kind, name, { namespace }));
  if (now === undefined) await client.create(kind, wanted);
  else if (!isSame(now, wanted)) await client.update(kind, { ...wanted, metadata: { ...now.metadata, labels: { ...now.metadata.labels, ...wanted.metadata.labels } } });
}
