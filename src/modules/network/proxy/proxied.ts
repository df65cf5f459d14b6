/** Which Services go through the proxy, and by which of its ports. */
import type { Pod, Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { nearOf } from '../../../api/discovery/near.ts';
import { destinationsOf } from '../service-rules.ts';
import { algorithmOf } from '../../../sdk/load-balancing/algorithm.ts';
import type { Endpoint, Frontend } from './configuration.ts';
import { createHaproxy, type HaproxyInput } from './haproxy.ts';
import { hashOnOf, isProxied, proxySettingsOf, weightsOf, wireOf } from '../../../sdk/load-balancing/settings.ts';

export interface ProxiedServices {
  /** Takes in what a Service is now (undefined: gone). Gives the proxy's port for each of its ports that goes through it, by number; written by {@link flush}. */
  want(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): Promise<ReadonlyMap<number, number>>;
  /** Brings the proxy to what is wanted; call it before the rules lead there. */
  flush(): Promise<void>;
  /** What is counted of them, as lines for /metrics. */
  metrics(): Promise<string>;
  /** Of HAProxy, while it runs. */
  pid(): number | undefined;
}

export interface ProxiedInput extends HaproxyInput {
  nodeName: string;
  /** For the weights of endpoints; by `namespace/name`. */
  podOf?(key: string): Pod | undefined;
  /** Of the node. */
  zone?(): string | undefined;
}

export function createProxiedServices(input: ProxiedInput): ProxiedServices {
  const haproxy = createHaproxy(input);
  const frontends = new Map<string, Frontend[]>();
  let changed = false;
  return {
    metrics: () => haproxy.metrics(),
    pid: () => haproxy.pid(),
    async want(key, service, slices) {
      const own = service === undefined ? [] : await frontendsOf(service, slices);
      if (own.length > 0 || frontends.has(key)) changed = true;
      if (own.length === 0) frontends.delete(key);
      else frontends.set(key, own);
      return new Map(own.map(({ name, listenPort }) => [Number(name.split(':').at(-1)), listenPort]));
    },
    async flush() {
      if (!changed) return;
      changed = false;
      await haproxy.carry([...frontends.values()].flat()).catch((error: unknown) => {
        changed = true;
        throw error;
      });
    },
  };

  async function frontendsOf(service: Service, slices: readonly EndpointSlice[]): Promise<Frontend[]> {
    const spec = service.spec;
    if (!isProxied(service) || !spec?.clusterIP || spec.clusterIP === 'None' || spec.type === 'ExternalName') return [];
    const stickySeconds = spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
    const shared = { settings: proxySettingsOf(service), algorithm: algorithmOf(service), hashOn: hashOnOf(service), ...(stickySeconds === undefined ? {} : { stickySeconds }) };
    const weights = weightsOf(service.metadata.namespace ?? '', slices, input.podOf);
    const made: Frontend[] = [];
    for (const port of spec.ports ?? []) {
      const endpoints = (port.protocol ?? 'TCP') === 'TCP' ? nearOf(destinationsOf(port, slices, input.nodeName, spec.ipFamilies?.[0] === ('IPv6' as string) ? 'ip6' : 'ip'), { nodeName: input.nodeName, zone: input.zone?.() }) : [];
      // Without endpoints the rules refuse at once, as for every Service; the proxy would accept and then close.
      if (endpoints.length === 0) continue;
      const name = `${service.metadata.namespace}:${service.metadata.name}:${port.port}`;
      made.push({ ...shared, name, listenPort: await haproxy.portFor(name), wire: wireOf(service, port), endpoints: endpoints.map((each): Endpoint => ({ address: each.address, port: each.port, weight: weights.get(each.address) })) });
    }
    return made;
  }
}
