/**
 * Keeps the instance's table as the Services and EndpointSlices want it: changes of a few milliseconds are gathered into one nft
 * transaction, which touches only what changed. At the start, and after a failure, the whole table is written anew, in one transaction.
 */
import { nftWriter } from '../../base/sys/nft.ts';
import { runAny } from '../../base/sys/run.ts';
import type { Node, Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { NOBODY } from '../../api/networking/isolation.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import type { Log } from '../../base/log.ts';
import { keyOf, type Cache } from '../../sdk/cache.ts';
import type { EventRecorder } from '../../sdk/events.ts';
import { rememberedClients } from './affinity.ts';
import { createBlocks } from './blocks.ts';
import { confinedClients, followIsolation, isolatedEndpoints } from './isolation.ts';
import { createLoopbackPorts } from './loopback-ports.ts';
import { algorithmOf } from '../../sdk/load-balancing/algorithm.ts';
import { indexPolicies, policyFor, targetsOf, withPolicy } from '../../sdk/load-balancing/policies.ts';
import type { ProxiedServices } from './proxy/proxied.ts';
import { isProxied, weightOf, weightsOf } from '../../sdk/load-balancing/settings.ts';
import { createRuleset, type Ruleset, type TableFacts } from './ruleset.ts';
import { indexSlices, serviceKeyOf } from './service-index.ts';
import { forgetFlows, udpTargetsGone } from './stale-flows.ts';
import { zoneOf } from '../../api/core/zone.ts';
import { createTellings } from './tellings.ts';
import { fragmentFor, othersOf, type Fragment, type RuleFacts } from './service-rules.ts';

export interface SyncInput {
  services: Cache<Service>;
  slices: Cache<EndpointSlice>;
  /** For the weights of endpoints. */
  pods?: Cache<Pod>;
  policies?: Cache<LoadBalancingPolicy>;
  /** With the pods: whom the proxies may not carry to, and not for. */
  networkPolicies?: Cache<NetworkPolicy>;
  /** For the zone of the node. */
  nodes?: Cache<Node>;
  facts: RuleFacts & TableFacts;
  nft: string;
  /** The program `conntrack`, where it is installed. */
  conntrack?: string | undefined;
  log: Log;
  events: EventRecorder;
  signal: AbortSignal;
  /** Carries the Services that ask for what the kernel cannot do; without it they are shared round robin. */
  proxies?: ProxiedServices;
  /** How often it is looked whether the table is still there, in ms; default 30,000. */
  checkMs?: number;
}

/** Whose elements those of {@link confinedClients} are; no Service is called so. */
const CONFINED = ' confined';
/** How long changes are gathered before they are written. */
const GATHER_MS = 3;
/** Services in one transaction, so that the newest change does not wait for all of them. */
const MOST_AT_ONCE = 2_500;
/** How soon a port on 127.0.0.1 that another program had is tried again. */
const RETRY_PORT_MS = 10_000;
const RETRY_FAILURE_MS = 1_000;
/** How soon a proxy that could not be had is tried again. */
const RETRY_PROXY_MS = 10_000;

export interface Sync {
  /** Settles when all changes seen so far are written, or nothing is written any more. */
  idle(): Promise<void>;
  /** Settles when the changes seen by now are written, whatever comes meanwhile, or nothing is written any more. */
  caughtUp(): Promise<void>;
  /** After the abort: waits for the last transaction and gives the claimed ports back; the rules stay. */
  settled(): Promise<void>;
  size(): { chains: number; elements: number };
}

/** Settles when the table holds all that the caches hold; goes on until the signal aborts. */
export async function startSync(input: SyncInput): Promise<Sync> {
  const { services, slices, signal, log } = input;
  const ruleset = createRuleset(input.facts);
  const nft = nftWriter(input.nft);
  const ports = createLoopbackPorts();
  const blocks = createBlocks();
  const chains = new Map<string, readonly string[]>();
  const tellings = createTellings(input.events);
  /** Services that ask for a proxy. */
  const asking = new Set<string>();
  const { family = 'ip' } = input.facts;
  let judged = NOBODY;
  const dirty = new Set<string>();
  const again = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let whole = true;
  let failure: unknown;
  /** Who is told when what was seen so far is written. */
  const waiting: (() => void)[] = [];

  indexSlices(slices);
  if (input.policies !== undefined) indexPolicies(input.policies);
  await Promise.all([services.ready(), slices.ready(), input.pods?.ready(), input.policies?.ready(), input.networkPolicies?.ready(), input.nodes?.ready()]);

  const mark = (key: string, delayMs = GATHER_MS): void => {
    dirty.add(key);
    schedule(delayMs);
  };
  /** Once, however often it is asked for meanwhile. */
  const lookAgain = (key: string, delayMs: number): void => {
    if (again.has(key)) return;
    again.add(key);
    setTimeout(() => {
      again.delete(key);
      if (!signal.aborted) mark(key);
    }, delayMs).unref();
  };
  const schedule = (delayMs: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void enqueue(writeForAll);
    }, delayMs);
  };

  const isolation = followIsolation(input, () => {
    if (asking.size > 0) schedule(GATHER_MS);
  });

  /** One after the other; a step that throws is told of and does not hold up the next. */
  const enqueue = (step: () => Promise<void>): Promise<void> => {
    working = working.then(step).catch((error: unknown) => {
      failure ??= error;
      log.error('rules for services are not as they should be', { error });
    });
    return working;
  };

  const serviceOf = (key: string): Service | undefined => {
    const service = services.get(key);
    return service === undefined || input.policies === undefined ? service : withPolicy(service, policyFor(input.policies, key));
  };

  async function fragmentOf(key: string, how: { byProxy: boolean }): Promise<Fragment | undefined> {
    const service = serviceOf(key);
    const own = slices.byIndex('service', key);
    if (asksForProxy(service)) asking.add(key);
    else asking.delete(key);
    const isolated = asking.has(key) ? isolatedEndpoints(own, judged) : [];
    const proxied = how.byProxy ? await input.proxies?.want(key, isolated.length > 0 ? undefined : service, own, family) : undefined;
    if (service === undefined) {
      tellings.forget(key);
      await ports.want(key, []);
      blocks.release(chains.get(key) ?? []);
      chains.delete(key);
      return undefined;
    }
    const weights = algorithmOf(service) === 'weighted' || isProxied(service) ? weightsOf(service.metadata.namespace ?? '', own, (name) => input.pods?.get(name)) : undefined;
    const fragment = fragmentFor(service, own, { ...input.facts, zone: zoneOf(input.nodes?.get(input.facts.nodeName)), others: othersOf(input.nodes?.list() ?? [], input.facts), place: blocks.place, ...(proxied === undefined ? {} : { proxied, confined: judged.egress.size > 0 }), ...(weights === undefined ? {} : { weights }) });
    const now = [...fragment.chains.keys()];
    blocks.release((chains.get(key) ?? []).filter((each) => !fragment.chains.has(each)));
    chains.set(key, now);
    const { granted, refused } = await ports.want(key, fragment.loopback);
    const elements = fragment.elements.get('services');
    for (const each of granted) elements?.set(each.element, each.verdict);
    if (tellings.ports(service, key, refused)) lookAgain(key, RETRY_PORT_MS);
    tellings.annotations(service, key);
    tellings.isolated(service, key, isolated);
    return fragment;
  }

  /** What the Services want. Where the proxy cannot be had, the kernel shares in its place, until it can. */
  async function fragmentsOf(keys: readonly string[]): Promise<Map<string, Fragment | undefined>> {
    const found = new Map<string, Fragment | undefined>();
    for (const key of keys) found.set(key, await fragmentOf(key, { byProxy: true }));
    try {
      await input.proxies?.flush();
    } catch (error) {
      log.error('HAProxy cannot be had: services of least connection are shared round robin for now', { error });
      for (const key of keys) found.set(key, await fragmentOf(key, { byProxy: false }));
      for (const key of keys) lookAgain(key, RETRY_PROXY_MS);
    }
    return found;
  }

  async function clientsOf({ sets }: Ruleset): Promise<string> {
    const names = sets();
    return names.size === 0 ? '' : rememberedClients(input.nft, { family: input.facts.family ?? 'ip', table: input.facts.table }, names);
  }

  const written = new Map<string, Fragment>();
  /** Changes that the kernel has not taken yet. */
  const untaken = new Map<string, Fragment | undefined>();

  /** After the rules: a flow that is forgotten before them would be led to the old endpoint again. */
  async function forgetGone(): Promise<void> {
    const gone: string[] = [];
    for (const [key, fragment] of untaken) {
      gone.push(...udpTargetsGone(written.get(key), fragment));
      if (fragment !== undefined && services.get(key)?.spec?.ports?.some((port) => port.protocol === 'UDP') === true) written.set(key, fragment);
      else written.delete(key);
    }
    untaken.clear();
    await forgetFlows([...new Set(gone)], { conntrack: input.conntrack }).catch((error: unknown) => log.warn('clients of UDP may still send to endpoints that are gone', { error }));
  }

  /** No rule leads there any more, so that it may wait. */
  async function settleProxies(): Promise<void> {
    await input.proxies?.settle(family).catch((error: unknown) => log.warn('HAProxy still carries services that are not led there any more', { error }));
  }

  const asksForProxy = (service: Service | undefined): boolean => service !== undefined && input.proxies !== undefined && isProxied(service);

  /** Who is isolated, for the whole of a write; Services for which that makes a difference are looked at again. */
  function judge(): void {
    if (asking.size === 0 && ![...dirty].some((key) => asksForProxy(serviceOf(key)))) return;
    const before = judged;
    judged = isolation.now();
    const isOther = (own: readonly EndpointSlice[]): boolean => isolatedEndpoints(own, before).length > 0 !== isolatedEndpoints(own, judged).length > 0;
    if (judged !== before) for (const key of asking) if (before.egress.size > 0 !== judged.egress.size > 0 || isOther(slices.byIndex('service', key))) dirty.add(key);
  }

  /** It takes all that was seen before it begins, of whom more than {@link MOST_AT_ONCE} are told too early. */
  async function writeForAll(): Promise<void> {
    const told = waiting.splice(0);
    await write().finally(() => told.forEach((tell) => tell()));
  }

  async function write(): Promise<void> {
    judge();
    const keys = whole ? [...dirty] : [...dirty].slice(0, MOST_AT_ONCE);
    for (const key of keys) dirty.delete(key);
    if (dirty.size > 0) schedule(0);
    const changes = await fragmentsOf(keys).catch((error: unknown) => {
      for (const key of keys) lookAgain(key, RETRY_FAILURE_MS);
      throw error;
    });
    const changed = ruleset.change(new Map([...changes, [CONFINED, asking.size === 0 ? undefined : confinedClients(judged, family)]]));
    if (changed === '' && !whole) return settleProxies();
    for (const [key, fragment] of changes) untaken.set(key, fragment);
    try {
      const script = whole ? ruleset.whole() + (await clientsOf(ruleset)) : changed;
      await nft.write(script);
      whole = false;
      await settleProxies();
      await forgetGone();
    } catch (error) {
      failure = error;
      log.error('the rules could not be written; all of them are written again', { error });
      whole = true;
      schedule(RETRY_FAILURE_MS);
    }
  }

  const weighed = ({ object, previous }: { object: Pod; previous?: Pod | undefined }): void => {
    if (weightOf(object) === weightOf(previous)) return;
    for (const slice of slices.byIndex('address', object.status?.podIP ?? '')) {
      const key = serviceKeyOf(slice);
      if (key !== undefined) mark(key);
    }
  };
  const stops = [
    () => isolation.stop(),
    ...(input.pods === undefined ? [] : [input.pods.subscribe(weighed)]),
    ...(input.policies === undefined ? [] : [input.policies.subscribe(({ object, previous }) => {
      for (const each of [object, previous]) if (each !== undefined) for (const key of targetsOf(each)) mark(key);
    })]),
    ...(input.nodes === undefined ? [] : [input.nodes.subscribe(({ type, key, object, previous }) => {
      const before = othersOf(previous === undefined ? [] : [previous], input.facts);
      const now = othersOf(type === 'deleted' ? [] : [object], input.facts);
      const isOther = JSON.stringify(before) !== JSON.stringify(now);
      if (isOther || (key === input.facts.nodeName && previous !== undefined && zoneOf(object) !== zoneOf(previous))) for (const each of services.list()) mark(keyOf(each));
    })]),
    services.subscribe(({ key }) => mark(key)),
    slices.subscribe(({ object, previous }) => {
      for (const each of [object, previous]) {
        const key = serviceKeyOf(each);
        if (key !== undefined) mark(key);
      }
    }),
  ];
  // A foreign 'nft flush ruleset' takes our table too.
  const check = async (): Promise<void> => {
    const { code } = await runAny(input.nft, ['list', 'chain', input.facts.family ?? 'ip', input.facts.table, 'dispatch']);
    if (code === 0 || signal.aborted) return;
    log.warn('the table of rules was removed by somebody else and is written again', { table: input.facts.table });
    whole = true;
    schedule(0);
  };
  const checking = setInterval(() => void enqueue(check), input.checkMs ?? 30_000);
  checking.unref();
  const stop = (): void => {
    clearInterval(checking);
    for (const each of stops) each();
    clearTimeout(timer);
    for (const tell of waiting.splice(0)) tell();
  };
  await enqueue(write);
  if (whole) {
    stop();
    ports.close();
    throw failure;
  }
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    size: () => ruleset.size(),
    async idle() {
      while (!signal.aborted && (timer !== undefined || dirty.size > 0)) await new Promise((resolve) => setTimeout(resolve, 1));
      await working;
    },
    caughtUp: () => (signal.aborted || (timer === undefined && dirty.size === 0) ? working : new Promise((tell) => void waiting.push(tell))),
    async settled() {
      await working;
      ports.close();
    },
  };
}
