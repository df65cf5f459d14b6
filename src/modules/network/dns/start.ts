/** Starts the name server over the caches of the cluster. */
import type { Namespace, Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import type { Cache } from '../../../sdk/cache.ts';
import type { MachineFacts } from '../../../sdk/module.ts';
import { indexServices, indexSlices } from '../service-index.ts';
import { createResolver, listen, type NameServer } from './server.ts';
import { createUpstream } from './upstream.ts';

export interface DnsInput {
  services: Cache<Service>;
  slices: Cache<EndpointSlice>;
  namespaces: Cache<Namespace>;
  network: MachineFacts['network'];
  /** Default 53; another one is taken when it is in use. */
  port?: number;
  /** Servers for other names instead of the machine's own. */
  upstreams?: readonly string[];
}

/** Answers on the gateway's address. */
export async function startDns({ services, slices, namespaces, network, port = 53, upstreams }: DnsInput): Promise<NameServer> {
  indexServices(services);
  indexSlices(slices);
  const resolver = createResolver({
    domain: network.clusterDomain.toLowerCase(), address: network.dnsServiceIp, ranges: [network.serviceCidr, network.podCidr, ...(network.ipv6 === undefined ? [] : [network.ipv6.serviceCidr, network.ipv6.podCidr])],
    view: {
      service: (namespace, name) => services.get(`${namespace}/${name}`),
      slices: (namespace, name) => slices.byIndex('service', `${namespace}/${name}`),
      hasNamespace: (namespace) => namespaces.get(namespace) !== undefined,
      servicesByIp: (address) => services.byIndex('cluster-ip', address),
      slicesByAddress: (address) => slices.byIndex('address', address),
    },
  }, createUpstream({ exclude: [network.gatewayIp, network.dnsServiceIp], servers: upstreams }));
  const stops = [services.subscribe(() => resolver.forget()), slices.subscribe(() => resolver.forget()), namespaces.subscribe(({ type }) => { if (type !== 'modified') resolver.forget(); })];
  const server = await listen(resolver, network.gatewayIp, port);
  return {
    ...server,
    async close() {
      for (const stop of stops) stop();
      await server.close();
    },
  };
}
