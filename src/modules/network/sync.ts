/**
 * Keeps the instance's table as the Services and EndpointSlices want it: changes of a few milliseconds are gathered into one nft
 * transaction, which touches only what changed. At the start, and after a failure, the whole table is written anew, in one transaction.
 *
 * follow-changes.ts says which Services a change is about, gathering.ts when they are looked at, service-fragments.ts what they want,
 * table-writer.ts has the kernel do it.
 */
import type { Node, Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import type { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import type { Log } from '../../base/log.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { EventRecorder } from '../../sdk/events.ts';
import { indexPolicies } from '../../sdk/load-balancing/policies.ts';
import { followChanges } from './follow-changes.ts';
import { createGathering } from './gathering.ts';
import type { Fragment } from './fragment.ts';
import { followIsolation } from './isolation.ts';
import type { ProxiedServices } from './proxy/proxied.ts';
import type { TableFacts } from './ruleset.ts';
import { countChanges, type RulesProgress } from './rules-progress.ts';
import { createServiceFragments } from './service-fragments.ts';
import { indexSlices } from './service-index.ts';
import type { RuleFacts } from './rule-facts.ts';
import { createTableWriter } from './table-writer.ts';

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
  /** Is told what waits to be written, and what was. */
  progress?: RulesProgress;
  /** How often it is looked whether the table is still there, in ms; default 30,000. */
  checkMs?: number;
}

/** Whose elements the confined clients are; no Service is called so. */
const CONFINED = ' confined';
/** Services in one transaction, so that the newest change does not wait for all of them. */
const MOST_AT_ONCE = 2_500;
const RETRY_FAILURE_MS = 1_000;

/** Nobody waits for it, and llmos starts meanwhile. */
const EARLIER_FLOWS_MS = 1_000;

export interface Sync {
  /** Settles when all changes seen so far are written, or nothing is written any more. */
  idle(): Promise<void>;
  /** Settles when the changes seen by now are written, whatever comes meanwhile, or nothing is written any more. */
  caughtUp(): Promise<void>;
  /** After the abort: waits for the last transaction and gives the claimed ports back; the rules stay. */
  settled(): Promise<void>;
  size(): { chains: number; elements: number };
}

/** Settles when the table holds all that the caches hold; goes on until the signal aborts. Rejects where the kernel does not take the table at the start. */
export async function startSync(input: SyncInput): Promise<Sync> {
  const { services, slices, signal, log } = input;
  const { family = 'ip', table: name } = input.facts;
  let failure: unknown;

  indexSlices(slices);
  if (input.policies !== undefined) indexPolicies(input.policies);
  await Promise.all([services.ready(), slices.ready(), input.pods?.ready(), input.policies?.ready(), input.networkPolicies?.ready(), input.nodes?.ready()]);

  const gathering = createGathering({
    work: write, signal,
    failed(error) {
      failure ??= error;
      log.error('rules for services are not as they should be', { error });
    },
  });
  const fragments = createServiceFragments({ ...input, whoIsIsolated: () => isolation.now(), lookAgain: gathering.lookAgain });
  const isolation = followIsolation(input, () => {
    if (fragments.isAnyProxied()) gathering.schedule();
  });
  const table = createTableWriter({ ...input, hasUdp: (key) => services.get(key)?.spec?.ports?.some((port) => port.protocol === 'UDP') === true });

  async function write(): Promise<void> {
    const ended = input.progress?.begin();
    let isWritten = false;
    try {
      isWritten = await writeGathered();
    } finally {
      ended?.(isWritten);
    }
  }

  /** Whether the table has it. */
  async function writeGathered(): Promise<boolean> {
    for (const key of fragments.judge(gathering.dirty)) gathering.dirty.add(key);
    const keys = gathering.take(table.isWhole ? Infinity : MOST_AT_ONCE);
    const changes = await fragments.of(keys).catch((error: unknown) => {
      for (const key of keys) gathering.lookAgain(key, RETRY_FAILURE_MS);
      throw error;
    });
    if (!(await taken(changes.set(CONFINED, fragments.confined())))) return false;
    fragments.written();
    input.progress?.withoutLocal(fragments.withoutLocal());
    // No rule leads to what they carried before any more, so that it may wait.
    await input.proxies?.settle(family).catch((error: unknown) => log.warn('HAProxy still carries services that are not led there any more', { error }));
    await table.forgetFlows().catch((error: unknown) => log.warn('clients of UDP may still send to endpoints that are gone', { error }));
    return true;
  }

  /** Whether the kernel has taken them; if not, all of them are written again. */
  async function taken(changes: ReadonlyMap<string, Fragment | undefined>): Promise<boolean> {
    try {
      await table.write(changes);
      return true;
    } catch (error) {
      failure = error;
      log.error('the rules could not be written; all of them are written again', { error });
      gathering.schedule(RETRY_FAILURE_MS);
      return false;
    }
  }

  /** A foreign 'nft flush ruleset' takes our table too, and 'nft flush table' its rules. */
  async function check(): Promise<void> {
    if (signal.aborted || (await table.isThere()) || signal.aborted) return;
    log.warn('the table of rules was removed or emptied by somebody else and is written again', { table: name });
    table.startAnew();
    gathering.schedule(0);
  }

  async function forgetEarlier(): Promise<void> {
    if (!signal.aborted) await table.forgetEarlierFlows().catch((error: unknown) => log.warn('clients of UDP may still send to endpoints that went while llmos did not run', { error }));
  }

  const stopCounting = input.progress === undefined ? undefined : countChanges(input.progress, { services, slices, family });
  const unfollow = followChanges(input, gathering.mark);
  const checking = setInterval(() => void gathering.enqueue(check), input.checkMs ?? 30_000);
  checking.unref();
  const forgetting = setTimeout(() => void gathering.enqueue(forgetEarlier), EARLIER_FLOWS_MS).unref();
  const stop = (): void => {
    clearInterval(checking);
    clearTimeout(forgetting);
    isolation.stop();
    unfollow();
    stopCounting?.();
    gathering.stop();
  };
  await gathering.enqueue(write);
  if (table.isWhole) {
    stop();
    fragments.close();
    throw failure;
  }
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    size: () => table.size(),
    idle: () => gathering.idle(),
    caughtUp: () => gathering.caughtUp(),
    async settled() {
      await gathering.settled();
      fragments.close();
    },
  };
}
