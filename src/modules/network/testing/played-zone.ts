/** A zone of DNS as the cluster's, of Services that are as they are put. */
import type { Record as DnsRecord } from 'dns-packet';
import type { Service, ServiceSpec } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import type { Zone } from '../dns/zone.ts';

const services = new Map<string, Service>();
const slices = new Map<string, EndpointSlice[]>();

/** The zone `cluster.local` of a namespace `shop` with Services of all sorts, and of one without any, `hollow`. */
export const zone: Zone = {
  domain: 'cluster.local', address: '10.2.0.10', ranges: ['10.2.0.0/16', '10.1.0.0/16', 'fd00:2::/112', 'fd00:1::/64'],
  view: {
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slices: (namespace, name) => slices.get(`${namespace}/${name}`) ?? [],
    hasNamespace: (namespace) => ['shop', 'hollow'].includes(namespace),
    servicesByIp: (address) => [...services.values()].filter((each) => (each.spec?.clusterIPs ?? [each.spec?.clusterIP]).includes(address)),
    slicesByAddress: (address) => [...slices.values()].flat().filter((each) => each.endpoints?.some((endpoint) => endpoint.addresses.includes(address))),
  },
};

/** A Service of the namespace `shop`, and its one slice. */
export function put(name: string, spec: ServiceSpec, endpoints: EndpointSlice['endpoints'] = []): void {
  services.set(`shop/${name}`, { metadata: { name, namespace: 'shop' }, spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec } });
  slices.set(`shop/${name}`, [{ metadata: { name: `${name}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4' as EndpointSlice['addressType'], endpoints, ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] }]);
}

put('web', { clusterIP: '10.2.0.9' });
put('db', { clusterIP: 'None' }, [
  { addresses: ['10.1.0.2'], hostname: 'db-0', conditions: { ready: true } }, { addresses: ['10.1.0.3'], conditions: { ready: true } }, { addresses: ['10.1.0.4'], hostname: 'db-2', conditions: { ready: false } },
]);
put('set', { clusterIP: '10.2.0.12' }, [{ addresses: ['10.1.0.20'], hostname: 'set-0', conditions: { ready: true } }, { addresses: ['10.1.0.21'], conditions: { ready: true } }]);
put('dual', { clusterIP: '10.2.0.11', clusterIPs: ['10.2.0.11', 'fd00:2::b'] });
put('six', { clusterIP: 'None' }, [{ addresses: ['fd00:1::5'], conditions: { ready: true } }]);
put('empty', { clusterIP: 'None' });
put('near', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' });
put('far', { type: 'ExternalName', externalName: 'www.example.com' });
put('farther', { type: 'ExternalName', externalName: 'large.example.com' });
put('address', { type: 'ExternalName', externalName: '192.0.2.9' });
put('nothing', { type: 'ExternalName', externalName: 'nothing.example.com' });
put('further', { clusterIP: '10.9.0.9' });
put('host', { clusterIP: 'None' }, [{ addresses: ['192.0.2.50'], hostname: 'host-0', conditions: { ready: true } }]);
put('portless', { clusterIP: 'None', ports: [] }, [{ addresses: ['10.1.0.30'] }, { addresses: ['10.1.0.31'], hostname: 'twice' }, { addresses: ['10.1.0.32'], hostname: 'twice' }]);
slices.get('shop/portless')![0]!.ports = [];
put('many', { clusterIP: 'None' }, Array.from({ length: 200 }, (_, index) => ({ addresses: [`10.1.1.${index + 1}`], conditions: { ready: true } })));

/** Records as `A 10.2.0.9`, of SRV the port and the target, in order. */
export const show = (records: readonly DnsRecord[]): string[] => records.map((each) => `${each.type} ${typeof each.data === 'object' && each.data !== null && 'target' in each.data ? `${(each.data as unknown as { port: number }).port} ${String(each.data.target)}` : String(each.data)}`).sort();
