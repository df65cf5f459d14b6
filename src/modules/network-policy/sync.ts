/**
 * Keeps the tables as the policies want them: changes of a few milliseconds become one nft transaction of only what differs. Without a
 * policy there are no tables, so that nobody pays for what he does not use.
 */
import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import type { Log } from '../../base/log.ts';
import { nftWriter } from '../../base/sys/nft.ts';
import { holdsRules } from '../../base/sys/nft-rules.ts';
import { run } from '../../base/sys/run.ts';
import type { Cache } from '../../sdk/cache.ts';
import { contentsFor, emptyContents, type Contents } from './policy-rules.ts';
import { baseTables, difference, removalOf, withoutTables, type PolicyTableFacts } from './table.ts';
import { policyPod, worldOf, type Family } from './world.ts';

export interface PolicySyncInput {
  policies: Cache<NetworkPolicy>;
  pods: Cache<Pod>;
  namespaces: Cache<Namespace>;
  facts: PolicyTableFacts;
  nft: string;
  ip: string;
  log: Log;
  signal: AbortSignal;
  /** How often it is looked whether the table is still there, in ms; default 30,000. */
  checkMs?: number;
}

export interface PolicySync {
  /** Settles when all changes seen so far are written. */
  idle(): Promise<void>;
  /** After the abort: waits for the last transaction; the rules stay. */
  settled(): Promise<void>;
}

/** How long changes are gathered before they are written. */
const GATHER_MS = 3;
const RETRY_FAILURE_MS = 1_000;

/** Settles when the rules are as the caches want them; goes on until the signal aborts. Rejects when they cannot be written. */
export async function startPolicySync(input: PolicySyncInput): Promise<PolicySync> {
  const { policies, pods, namespaces, facts, nft, log, signal } = input;
  const { family = 'ip' } = facts;
  const place = `${family} ${facts.table}`;
  const writer = nftWriter(nft);
  let now: Contents | undefined; // undefined: not known to be there
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let failure: unknown;

  await Promise.all([policies.ready(), pods.ready(), namespaces.ready()]);

  const schedule = (delayMs = GATHER_MS): void => {
    if (signal.aborted) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      void enqueue(write);
    }, delayMs);
  };
  const enqueue = (step: () => Promise<void>): Promise<void> => {
    working = working.then(step).then(() => void (failure = undefined), (error: unknown) => {
      failure = error;
      now = undefined;
      log.error('the rules of network policies could not be written; all of them are written again', { error });
      schedule(RETRY_FAILURE_MS);
    });
    return working;
  };

  /** The bridge's own switch; a bridge that was made again has lost it. */
  async function seeIpv6(): Promise<void> {
    if (facts.seesBridged) await run(input.ip, ['link', 'set', 'dev', facts.bridge, 'type', 'bridge', 'nf_call_ip6tables', '1']);
  }

  let present = true; // until looked: an earlier llmos may have left the tables
  async function write(): Promise<void> {
    if (policies.list().length === 0) {
      if (present) await removeTables(nft, facts.table);
      present = false;
      now = undefined;
      return;
    }
    const wanted = contentsFor(policies.list(), worldOf(pods.list(), namespaces.list(), family), family);
    const script = now === undefined ? `${withoutTables(facts)}${baseTables(facts)}${difference(place, emptyContents(family), wanted)}` : difference(place, now, wanted);
    if (script === '') return;
    if (now === undefined) await seeIpv6();
    await writer.write(script);
    present = true;
    now = wanted;
  }

  // A foreign 'nft flush ruleset' takes our tables too, and 'nft flush table' their rules.
  const check = async (): Promise<void> => {
    if (now === undefined || signal.aborted) return;
    await seeIpv6();
    if (await holdsRules(nft, baseTables(facts))) return;
    log.warn('the rules of network policies were removed by somebody else and are written again', { table: facts.table });
    now = undefined;
    schedule(0);
  };

  const inForce = (): boolean => policies.list().length > 0;
  const stops = [
    policies.subscribe(() => schedule()),
    pods.subscribe(({ type, object, previous }) => {
      if (inForce() && (type !== 'modified' || signatureOf(object, family) !== signatureOf(previous, family))) schedule();
    }),
    namespaces.subscribe(({ type, object, previous }) => {
      if (inForce() && (type !== 'modified' || JSON.stringify(object.metadata.labels) !== JSON.stringify(previous?.metadata.labels))) schedule();
    }),
  ];
  const checking = setInterval(() => void enqueue(check), input.checkMs ?? 30_000);
  checking.unref();
  const stop = (): void => {
    clearInterval(checking);
    clearTimeout(timer);
    timer = undefined;
    for (const each of stops) each();
  };
  const first = enqueue(write);
  if (inForce()) await first; // else there is nothing to wait for
  if (failure !== undefined) {
    stop();
    throw failure;
  }
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    async idle() {
      while (timer !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
      await working;
    },
    settled: () => working,
  };
}

/** Removes the tables of that name in every family; safe when there are none. */
export async function removeTables(nft: string, table: string): Promise<void> {
  const script = removalOf(table, await run(nft, ['list', 'tables']));
  if (script !== '') await run(nft, ['-f', '-'], { input: script });
}

/** What of a pod the rules depend on. */
function signatureOf(pod: Pod | undefined, family: Family): string {
  return pod === undefined ? '' : JSON.stringify(policyPod(pod, family) ?? '');
}
