/** What each Service wants of the table now, with what it takes beside rules: ports of 127.0.0.1, places of endpoints, a proxy, and what it is told. */
import { zoneOf } from '../../api/core/zone.ts';
import type { Node, Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { NOBODY, type Isolated } from '../../api/networking/isolation.ts';
import type { Log } from '../../base/log.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { EventRecorder } from '../../sdk/events.ts';
import { algorithmOf } from '../../sdk/load-balancing/algorithm.ts';
import { policyFor, withPolicy } from '../../sdk/load-balancing/policies.ts';
import { isProxied, weightsError, weightsOf } from '../../sdk/load-balancing/settings.ts';
import { createBlocks } from './blocks.ts';
import { confinedClients, isolatedEndpoints } from './isolation.ts';
import { createLoopbackPorts } from './loopback-ports.ts';
import type { ProxiedServices } from './proxy/proxied.ts';
import type { Fragment } from './fragment.ts';
import { othersOf, type RuleFacts } from './rule-facts.ts';
import { withoutLocal, type WithoutLocal } from './service-choices.ts';
import { fragmentFor } from './service-rules.ts';
import { createTellings } from './tellings.ts';

/** How soon a port on 127.0.0.1 that another program had is tried again. */
const RETRY_PORT_MS = 10_000;
/** How soon a proxy that could not be had is tried again. */
const RETRY_PROXY_MS = 10_000;
/** How soon it is found out again what a Service wants, where that failed. */
const RETRY_FAILURE_MS = 1_000;

export interface FragmentSources {
  services: Cache<Service>;
  /** With the index `service`. */
  slices: Cache<EndpointSlice>;
  /** For the weights of endpoints. */
  pods?: Cache<Pod> | undefined;
  policies?: Cache<LoadBalancingPolicy> | undefined;
  nodes?: Cache<Node> | undefined;
  facts: RuleFacts;
  /** Carries the Services that ask for what the kernel cannot do; without it they are shared round robin. */
  proxies?: ProxiedServices | undefined;
  /** The same object as long as nobody else is isolated. */
  whoIsIsolated(): Isolated;
  events: EventRecorder;
  log: Log;
  /** The Service is to be looked at again after so long. */
  lookAgain(key: string, delayMs: number): void;
}

export interface ServiceFragments {
  /** Whether any Service asks for a proxy, so that it matters who is isolated. */
  isAnyProxied(): boolean;
  /** Settles who is isolated from now on; gives the Services for which that makes a difference. `dirty`: those that are to be looked at in any case. */
  judge(dirty: Iterable<string>): string[];
  /**
   * What the Services want, undefined for those that are gone. Where the proxy cannot be had, the kernel shares in its place, until it can. One of which it cannot be found out
   * is not among them, so that the others do not wait for it: it is looked at again, and the table is to hold what it held.
   */
  of(keys: readonly string[]): Promise<Map<string, Fragment | undefined>>;
  /** The kernel has what {@link of} gave, so the places that these Services had before are free for others. */
  written(): void;
  /** The clients of whom no proxy may carry anything, by the last {@link judge}; undefined where there is no proxy. */
  confined(): Fragment | undefined;
  /** Of all Services. */
  withoutLocal(): WithoutLocal;
  /** Gives back the ports of 127.0.0.1. */
  close(): void;
}

export function createServiceFragments(input: FragmentSources): ServiceFragments {
  const { services, slices, facts, proxies, log } = input;
  const { family = 'ip' } = facts;
  const ports = createLoopbackPorts();
  const blocks = createBlocks();
  const tellings = createTellings(input.events);
  const chains = new Map<string, readonly string[]>();
  /** Of those that have any. */
  const lacking = new Map<string, WithoutLocal>();
  /** Services that ask for a proxy. */
  const asking = new Set<string>();
  /** Whose rules of before are none any more once what was given is written. */
  const given = new Set<string>();
  let judged = NOBODY;

  const serviceOf = (key: string): Service | undefined => {
    const service = services.get(key);
    return service === undefined || input.policies === undefined ? service : withPolicy(service, policyFor(input.policies, key));
  };
  const podOf = (name: string): Pod | undefined => input.pods?.get(name);
  const asksForWeights = (service: Service): boolean => algorithmOf(service) === 'weighted' || isProxied(service);
  const asksForProxy = (service: Service | undefined): boolean => service !== undefined && proxies !== undefined && isProxied(service);

  async function forget(key: string): Promise<void> {
    tellings.forget(key);
    await ports.want(key, []);
    blocks.release(chains.get(key) ?? []);
    chains.delete(key);
    lacking.delete(key);
  }

  /** The rules alone. */
  function rulesOf(key: string, service: Service, own: readonly EndpointSlice[], proxied: RuleFacts['proxied']): Fragment {
    const { nodes } = input;
    const weights = asksForWeights(service) ? weightsOf(service.metadata.namespace ?? '', own, podOf) : undefined;
    return fragmentFor(service, own, {
      ...facts, zone: zoneOf(nodes?.get(facts.nodeName)), others: othersOf(nodes?.list() ?? [], facts), place: (chain, count) => blocks.place(chain, count, key),
      ...(proxied === undefined ? {} : { proxied, confined: judged.egress.size > 0 }), ...(weights === undefined ? {} : { weights }),
    });
  }

  /** One that the proxy has no place for leaves the others theirs. */
  async function proxyFor(key: string, service: Service | undefined, own: readonly EndpointSlice[]): Promise<RuleFacts['proxied']> {
    try {
      return await proxies?.want(key, service, own, family);
    } catch (error) {
      log.error('HAProxy has no place for a service: it is shared round robin for now', { service: key, error });
      input.lookAgain(key, RETRY_PROXY_MS);
      return undefined;
    }
  }

  async function fragmentOf(key: string, how: { byProxy: boolean }): Promise<Fragment | undefined> {
    const service = serviceOf(key);
    const own = slices.byIndex('service', key);
    if (asksForProxy(service)) asking.add(key);
    else asking.delete(key);
    const isolated = asking.has(key) ? isolatedEndpoints(own, judged) : [];
    const proxied = how.byProxy ? await proxyFor(key, isolated.length > 0 ? undefined : service, own) : undefined;
    if (service === undefined) {
      await forget(key);
      return undefined;
    }
    const fragment = rulesOf(key, service, own, proxied);
    blocks.release((chains.get(key) ?? []).filter((each) => !fragment.chains.has(each)));
    chains.set(key, [...fragment.chains.keys()]);
    const lacks = fragment.chains.size === 0 ? undefined : withoutLocal(service, own, facts);
    if (lacks === undefined || lacks.internal + lacks.external === 0) lacking.delete(key);
    else lacking.set(key, lacks);
    const { granted, refused: taken } = await ports.want(key, fragment.loopback);
    const elements = fragment.elements.get('services');
    for (const each of granted) elements?.set(each.element, each.verdict);
    if (tellings.ports(service, key, taken)) input.lookAgain(key, RETRY_PORT_MS);
    tellings.annotations(service, key, weightsError(service.metadata.namespace ?? '', own, asksForWeights(service) ? podOf : undefined));
    tellings.isolated(service, key, isolated);
    return fragment;
  }

  /** Whoever asks for HAProxy whether it can be had. */
  function tell(keys: readonly string[]): void {
    for (const key of keys) {
      const service = asking.has(key) ? services.get(key) : undefined;
      if (service !== undefined) tellings.proxy(service, key, proxies?.failure(key));
    }
  }

  /** Adds to `found` what they want. */
  async function find(keys: readonly string[], how: { byProxy: boolean }, found: Map<string, Fragment | undefined>): Promise<void> {
    for (const key of keys) {
      try {
        found.set(key, await fragmentOf(key, how));
      } catch (error) {
        found.delete(key);
        log.error('it cannot be found out what a service wants of the rules: it keeps those that it has', { service: key, error });
        input.lookAgain(key, RETRY_FAILURE_MS);
      }
    }
  }

  return {
    isAnyProxied: () => asking.size > 0,
    judge(dirty) {
      if (asking.size === 0 && ![...dirty].some((key) => asksForProxy(serviceOf(key)))) return [];
      const before = judged;
      judged = input.whoIsIsolated();
      if (judged === before) return [];
      const isOther = (own: readonly EndpointSlice[]): boolean => isolatedEndpoints(own, before).length > 0 !== isolatedEndpoints(own, judged).length > 0;
      return [...asking].filter((key) => before.egress.size > 0 !== judged.egress.size > 0 || isOther(slices.byIndex('service', key)));
    },
    async of(keys) {
      const found = new Map<string, Fragment | undefined>();
      for (const key of keys) given.delete(key);
      await find(keys, { byProxy: true }, found);
      try {
        await proxies?.flush();
        tell(keys);
      } catch (error) {
        log.error('HAProxy cannot be had: services of least connection are shared round robin for now', { error });
        await find(keys, { byProxy: false }, found);
        tell(keys);
        for (const key of keys) input.lookAgain(key, RETRY_PROXY_MS);
      }
      for (const key of found.keys()) given.add(key);
      return found;
    },
    written() {
      blocks.settle(given);
      given.clear();
    },
    confined: () => (asking.size === 0 ? undefined : confinedClients(judged, family)),
    withoutLocal: () => [...lacking.values()].reduce((all, each) => ({ internal: all.internal + each.internal, external: all.external + each.external }), { internal: 0, external: 0 }),
    close: () => ports.close(),
  };
}
