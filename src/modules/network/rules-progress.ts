/**
 * Whether the rules keep up with what Services and endpoints want, and how long that takes, by family of addresses (upstream: pkg/proxy/healthcheck,
 * proxy_health.go, and pkg/proxy/metrics).
 */
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Cache } from '../../sdk/cache.ts';
import { kubernetesNameOf, type Family } from './family.ts';
import type { WithoutLocal } from './service-choices.ts';

/** Of one family. */
export interface RulesProgress {
  /** A change was seen that the rules do not have. `triggeredMs`: when what led to it happened, where that is known (ms since the epoch). */
  queued(what: Change, triggeredMs?: number): void;
  /** What was seen by now is being written; to be told whether the rules have it. */
  begin(): (isWritten: boolean) => void;
  /** What the rules that are written lead nowhere. */
  withoutLocal(ports: WithoutLocal): void;
}

export type Change = 'service' | 'endpoint';

export interface RulesHealth {
  of(family: Family): RulesProgress;
  /** False when a change waits for longer than {@link PATIENCE_MS}. */
  isHealthy(): boolean;
  /** When rules were written last, in ms since the epoch; undefined before the first time. */
  lastWrittenMs(): number | undefined;
  /** Of each family whose rules were written before. */
  families(): { family: Family; isHealthy: boolean; writtenMs: number }[];
  /** In the Prometheus text format, with kube-proxy's names. */
  metrics(): string;
}

/** Twice the time within which kube-proxy writes all rules again. */
export const PATIENCE_MS = 60_000;
/** Upper bounds in seconds, of a write and from what triggered a change to its rules; fewer than upstream's. */
const WRITE_BOUNDS = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16];
const PROGRAMMING_BOUNDS = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300];

interface Batch {
  sinceMs: number | undefined;
  service: number;
  endpoint: number;
  triggersMs: number[];
}

interface Histogram {
  bounds: readonly number[];
  counts: number[];
  count: number;
  sum: number;
}

interface Account {
  waiting: Batch;
  underWay: Batch;
  totals: Record<Change, number>;
  withoutLocal: WithoutLocal;
  queuedMs: number | undefined;
  writtenMs: number | undefined;
  writes: Histogram;
  programming: Histogram;
}

export function createRulesHealth(nowMs: () => number = Date.now): RulesHealth {
  const accounts = new Map<Family, Account>();
  const startedMs = nowMs();

  function progressOf(account: Account): RulesProgress {
    return {
      withoutLocal: (ports) => void (account.withoutLocal = ports),
      queued(what, triggeredMs) {
        account.queuedMs = nowMs();
        account.waiting.sinceMs ??= account.queuedMs;
        account.waiting[what]++;
        account.totals[what]++;
        // What happened before this program ran says nothing of it.
        if (triggeredMs !== undefined && triggeredMs > startedMs) account.waiting.triggersMs.push(triggeredMs);
      },
      begin() {
        const beganMs = nowMs();
        account.underWay = account.waiting;
        account.waiting = nothing();
        return (isWritten) => {
          const { underWay, waiting } = account;
          account.underWay = nothing();
          if (!isWritten) {
            account.waiting = { sinceMs: underWay.sinceMs ?? waiting.sinceMs ?? beganMs, service: underWay.service + waiting.service, endpoint: underWay.endpoint + waiting.endpoint, triggersMs: [...underWay.triggersMs, ...waiting.triggersMs] };
            return;
          }
          account.writtenMs = nowMs();
          observe(account.writes, (account.writtenMs - beganMs) / 1000);
          for (const each of underWay.triggersMs) observe(account.programming, Math.max(0, account.writtenMs - each) / 1000);
        };
      },
    };
  }

  const isInTime = ({ underWay, waiting }: Account): boolean => nowMs() - (underWay.sinceMs ?? waiting.sinceMs ?? nowMs()) < PATIENCE_MS;

  return {
    of(family) {
      const account = newAccount();
      accounts.set(family, account);
      return progressOf(account);
    },
    isHealthy: () => [...accounts.values()].every(isInTime),
    families: () => [...accounts].flatMap(([family, account]) => (account.writtenMs === undefined ? [] : [{ family, isHealthy: isInTime(account), writtenMs: account.writtenMs }])),
    lastWrittenMs: () => [...accounts.values()].reduce<number | undefined>((last, { writtenMs }) => (writtenMs === undefined || (last ?? 0) > writtenMs ? last : writtenMs), undefined),
    metrics: () => textOf([...accounts]),
  };
}

const nothing = (): Batch => ({ sinceMs: undefined, service: 0, endpoint: 0, triggersMs: [] });
const histogram = (bounds: readonly number[]): Histogram => ({ bounds, counts: bounds.map(() => 0), count: 0, sum: 0 });

function newAccount(): Account {
  return { waiting: nothing(), underWay: nothing(), totals: { service: 0, endpoint: 0 }, withoutLocal: { internal: 0, external: 0 }, queuedMs: undefined, writtenMs: undefined, writes: histogram(WRITE_BOUNDS), programming: histogram(PROGRAMMING_BOUNDS) };
}

function observe(into: Histogram, seconds: number): void {
  into.count++;
  into.sum += seconds;
  for (let at = into.bounds.length - 1; at >= 0 && seconds <= into.bounds[at]!; at--) into.counts[at]!++;
}

function textOf(accounts: readonly (readonly [Family, Account])[]): string {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, rows: (labels: string, account: Account) => readonly string[]): void => {
    lines.push(`# HELP kubeproxy_${name} ${help}`, `# TYPE kubeproxy_${name} ${type}`);
    for (const [each, account] of accounts) for (const row of rows(`ip_family="${kubernetesNameOf(each)}"`, account)) lines.push(`kubeproxy_${name}${row}`);
  };
  const one = (labels: string, value: number): string[] => [`{${labels}} ${value}`];
  const spread = (labels: string, { bounds, counts, count, sum }: Histogram): string[] =>
    [...bounds.map((bound, at) => `_bucket{${labels},le="${bound}"} ${counts[at]}`), `_bucket{${labels},le="+Inf"} ${count}`, `_sum{${labels}} ${sum}`, `_count{${labels}} ${count}`];
  family('sync_proxy_rules_duration_seconds', 'histogram', 'How long it took to write the rules of what had changed', (labels, { writes }) => spread(labels, writes));
  family('network_programming_duration_seconds', 'histogram', 'How long it took from what changed endpoints to the rules that know of it', (labels, { programming }) => spread(labels, programming));
  family('sync_proxy_rules_last_timestamp_seconds', 'gauge', 'When rules were written last, since the epoch', (labels, { writtenMs = 0 }) => one(labels, writtenMs / 1000));
  family('sync_proxy_rules_last_queued_timestamp_seconds', 'gauge', 'When a change was seen last, since the epoch', (labels, { queuedMs = 0 }) => one(labels, queuedMs / 1000));
  family('sync_proxy_rules_no_local_endpoints_total', 'gauge', 'Services with a Local policy and no endpoint on this node', (labels, { withoutLocal }) => (['internal', 'external'] as const).map((policy) => `{${labels},traffic_policy="${policy}"} ${withoutLocal[policy]}`));
  for (const what of ['service', 'endpoint'] as const) {
    family(`sync_proxy_rules_${what}_changes_pending`, 'gauge', `Changes of ${what}s that the rules do not have yet`, (labels, { waiting, underWay }) => one(labels, waiting[what] + underWay[what]));
    family(`sync_proxy_rules_${what}_changes_total`, 'counter', `Changes of ${what}s that were seen`, (labels, { totals }) => one(labels, totals[what]));
  }
  return `${lines.join('\n')}\n`;
}

/** Tells of each Service and slice of the family that changes; those that are there come first. Gives what ends it. */
export function countChanges(progress: RulesProgress, { services, slices, family }: { services: Cache<Service>; slices: Cache<EndpointSlice>; family: Family }): () => void {
  const stops = [
    services.subscribe(() => progress.queued('service')),
    slices.subscribe(({ object, previous }) => {
      if ((object.addressType as string) === kubernetesNameOf(family)) progress.queued('endpoint', triggerOf(object, previous));
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';

/** When what changed the slice happened, in ms since the epoch; undefined where it says no new time. */
export function triggerOf({ metadata }: EndpointSlice, previous: EndpointSlice | undefined): number | undefined {
  const text = metadata.annotations?.[LAST_CHANGE];
  return text === undefined || text === previous?.metadata.annotations?.[LAST_CHANGE] ? undefined : Date.parse(text) || undefined;
}
