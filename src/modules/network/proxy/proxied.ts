/** Which Services go through the proxy, and by which of its ports. */
import { createHash } from 'node:crypto';
import type { Pod, Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { CommandError } from '../../../base/sys/run.ts';
import { candidatesOf, clusterOf, localOf, type Asker, type Destination } from '../service-endpoints.ts';
import type { ProxyPorts } from '../rule-facts.ts';
import { isExternal } from '../service-choices.ts';
import { isLeftAlone } from '../service-rules.ts';
import { algorithmOf } from '../../../sdk/load-balancing/algorithm.ts';
import type { Endpoint, Frontend } from './configuration.ts';
import { createHaproxy, type HaproxyInput } from './haproxy.ts';
import { hashOnOf, isProxied, proxySettingsOf, weightsOf, wireOf } from '../../../sdk/load-balancing/settings.ts';

export interface ProxiedServices {
  /**
   * Takes in what a Service is now (undefined: gone, or not carried any more). Gives the proxy's ports for each of its ports that goes through it, by
   * number; written by {@link flush}. Each table of rules that leads there is a `user`.
   */
  want(key: string, service: Service | undefined, slices: readonly EndpointSlice[], user?: string): Promise<ReadonlyMap<number, ProxyPorts>>;
  /** Brings the proxy to what is wanted; call it before the rules lead there. What is wanted no longer stays. */
  flush(): Promise<void>;
  /** Lets go of what the user wants no longer; call it when no rule of his leads there, else who connects meanwhile would wait for a port that is closed. */
  settle(user?: string): Promise<void>;
  /** What is counted of them, as lines for /metrics. */
  metrics(): Promise<string>;
  /** Why HAProxy does not carry the Service (`namespace/name`) as it is wanted: it has no place for it, or did not take what is wanted of it, when it was told last; undefined where it does. */
  failure(named: string): string | undefined;
  /** Of HAProxy, while it runs. */
  pid(): number | undefined;
}

export interface ProxiedInput extends HaproxyInput {
  nodeName: string;
  /** For the weights of endpoints; by `namespace/name`. */
  podOf?(key: string): Pod | undefined;
  /** {@link ProxiedServices.failure} is another. */
  turned?(): void;
  /** Of the node. */
  zone?(): string | undefined;
  /** Further nodes of the machine. */
  others?(): readonly Asker[];
}

/** Why it cannot be had, for who asks for it: without the lines that it writes, which name the Services of others and say another thing each time. Those are for the log. */
export function whyNone(error: unknown): string {
  return error instanceof CommandError ? `it ended with code ${error.result.code} as it was started` : (error as Error).message;
}

export function createProxiedServices(input: ProxiedInput): ProxiedServices {
  const haproxy = createHaproxy(input);
  const frontends = new Map<string, Frontend[]>();
  /** Wanted no longer, by user and name. */
  const going = new Map<string, Map<string, Frontend>>();
  /** Those for which there is no place, by user and name. */
  const refused = new Map<string, Map<string, string>>();
  let changed = false;
  let failure: string | undefined;
  const say = (why: string | undefined): void => {
    if (why === failure) return;
    failure = why;
    input.turned?.();
  };
  const refuse = (user: string, named: string, why: string | undefined): void => {
    const own = refused.get(user) ?? new Map<string, string>();
    if (own.get(named) === why) return;
    if (why === undefined) own.delete(named);
    else own.set(named, why);
    refused.set(user, own);
    input.turned?.();
  };
  const carry = async (): Promise<void> => {
    if (!changed) return;
    changed = false;
    const all = [...[...going.values()].flatMap((each) => [...each.values()]), ...[...frontends.values()].flat()];
    // Of one name the latest.
    await haproxy.carry([...new Map(all.map((each) => [each.name, each])).values()]).catch((error: unknown) => {
      changed = true;
      say(whyNone(error));
      throw error;
    });
    say(undefined);
  };
  return {
    metrics: () => haproxy.metrics(),
    failure: (named) => [...refused.values()].map((each) => each.get(named)).find((why) => why !== undefined) ?? failure,
    pid: () => haproxy.pid(),
    async want(named, service, slices, user = '') {
      const key = `${user} ${named}`;
      const { own, ports } = service === undefined ? { own: [], ports: new Map<number, ProxyPorts>() } : await frontendsOf(service, slices).catch((error: unknown) => {
        refuse(user, named, whyNone(error));
        throw error;
      });
      refuse(user, named, undefined);
      const before = frontends.get(key) ?? [];
      if (own.length > 0 || before.length > 0) changed = true;
      const leaving = before.filter(({ name }) => !own.some((each) => each.name === name));
      if (leaving.length > 0) going.set(user, new Map([...(going.get(user) ?? []), ...leaving.map((each) => [each.name, each] as const)]));
      for (const { name } of own) going.get(user)?.delete(name);
      frontends.delete(key);
      if (own.length > 0) frontends.set(key, own);
      return ports;
    },
    flush: carry,
    async settle(user = '') {
      if (!going.delete(user)) return;
      changed = true;
      await carry();
    },
  };

  async function frontendsOf(service: Service, slices: readonly EndpointSlice[]): Promise<{ own: Frontend[]; ports: Map<number, ProxyPorts> }> {
    const spec = service.spec;
    const own: Frontend[] = [];
    const ports = new Map<number, ProxyPorts>();
    if (!isProxied(service) || isLeftAlone(service) || !spec?.clusterIP || spec.clusterIP === 'None' || spec.type === 'ExternalName') return { own, ports };
    const stickySeconds = spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined;
    const shared = { settings: proxySettingsOf(service), algorithm: algorithmOf(service), hashOn: hashOnOf(service), ...(stickySeconds === undefined ? {} : { stickySeconds }) };
    const weights = weightsOf(service.metadata.namespace ?? '', slices, input.podOf);
    /** Nobody gets anything new. */
    const isNone = (endpoints: readonly Destination[]): boolean => endpoints.every(({ address }) => weights.get(address) === 0);
    for (const port of spec.ports ?? []) {
      const candidates = (port.protocol ?? 'TCP') === 'TCP' ? candidatesOf(port, slices, spec.ipFamilies?.[0] === ('IPv6' as string) ? 'ip6' : 'ip') : [];
      const name = `${service.metadata.namespace}:${service.metadata.name}:${port.port}`;
      const made = new Map<string, number>();
      /** Who is led alike has one frontend. */
      const led = async (endpoints: readonly Destination[], view: string): Promise<number | undefined> => {
        if (isNone(endpoints)) return undefined;
        const same = endpoints.map(({ address, port: number }) => `${address} ${number}`).join();
        const before = made.get(same);
        if (before !== undefined) return before;
        const listenPort = await haproxy.portFor(`${name}${view}`);
        made.set(same, listenPort);
        own.push({ ...shared, name: `${name}${view}`, listenPort, wire: wireOf(service, port), endpoints: endpoints.map((each): Endpoint => ({ address: each.address, port: each.port, weight: weights.get(each.address) })) });
        return listenPort;
      };
      const cluster = (asker: Asker): readonly Destination[] => clusterOf(candidates, asker);
      const local = (asker: Asker): readonly Destination[] => localOf(candidates, asker);
      const here: Asker = { nodeName: input.nodeName, zone: input.zone?.() };
      const [within, without] = [spec.internalTrafficPolicy === 'Local' ? local : cluster, spec.externalTrafficPolicy === 'Local' && isExternal(service) ? local : cluster];
      // Without endpoints the rules refuse at once, as for every Service; the proxy would accept and then close.
      if (isNone(cluster(here))) continue;
      const first = (await led(cluster(here), '')) as number;
      const others = new Map<string, number | undefined>();
      const [inside, outside] = [await led(within(here), ':local'), await led(without(here), ':local')];
      for (const other of input.others?.() ?? []) others.set(other.nodeName, await led(within(other), `:${createHash('sha256').update(other.nodeName).digest('hex').slice(0, 8)}`));
      ports.set(port.port, { all: first, inside, outside, others });
    }
    return { own, ports };
  }
}
