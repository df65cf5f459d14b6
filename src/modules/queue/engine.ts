/**
 * Brings the policies and the cluster together: Workloads go in as jobs, decisions come out as writes of their status. What it knows it has from Workloads alone, so
 * that after a restart, or when a queue changes, all is made anew from them: the past is told to the policies again, in its order.
 */
import { ClusterQueue, Cohort } from '../../api/kueue/cluster-queue.ts';
import { LocalQueue, ResourceFlavor } from '../../api/kueue/local-queue.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { aborted } from '../../base/aborted.ts';
import { keyOf, type ModuleContext } from '../../sdk/index.ts';
import { admitted, evictedForOther } from './admit.ts';
import { buildPools, jobOf, placementOf, type LivePool, type LiveQueue } from './build.ts';
import { conditionOf, is, isReserved, sinceSeconds } from './conditions.ts';
import type { QueueConfiguration } from './configuration.ts';
import { asksTheSame, madeOf, type MadeOf } from './demand.ts';
import { createExplainer } from './explain.ts';
import { followQueues } from './follow.ts';
import { createHoldings, type Holding } from './holdings.ts';
import { pastOf, type Happening } from './past.ts';
import type { PoolDecision } from './policy/pool.ts';
import type { QuotaJob, QuotaPlacement } from './policy/quota-room.ts';
import { createChoosingPredictor, type ChoosingPredictor } from './prediction/choosing.ts';
import { createReckon, whyNeverMade } from './reckon.ts';
import { createRequeues } from './requeues.ts';
import { createRounds } from './rounds.ts';
import { isReplaced, replacedBy } from './slices.ts';
import { createTopologies } from './topologies.ts';
import { createView, type View } from './view.ts';
import { pendingOf, type PendingIn } from './visibility.ts';
import { createWrites } from './writes.ts';

export interface Engine {
  /** Settles when the signal has aborted and the writes under way have ended. */
  run(): Promise<void>;
  readonly pendingIn: PendingIn;
  /** With fair sharing: what a queue or cohort has of what others lend, in thousandths and for its weight. */
  shareOf(kind: 'ClusterQueue' | 'Cohort', name: string): number | undefined;
}

interface Stop { readonly queue: LiveQueue; readonly decision: PoolDecision & { kind: 'stop' } }

export function createEngine(context: ModuleContext, configuration: QueueConfiguration): Engine {
  const { caches, clock, signal, log } = context;
  const view: View = createView(caches);
  const workloads = caches.of(Workload);
  const topologies = createTopologies(caches, { list: () => caches.of(ResourceFlavor).list(), get: view.flavorOf });
  const parts = { levelsOf: topologies.levelsOf, flavorOf: view.flavorOf, reckon: createReckon(context, configuration), byEviction: configuration.waitForPodsReady?.byEviction === true, replacedBy: (workload: Workload) => replacedBy(workload, caches) };
  let pools: readonly LivePool[] = [];
  let queues = new Map<string, LiveQueue>();
  let predictor: ChoosingPredictor = createChoosingPredictor();
  /** The queue whose admission knows of a workload. */
  const placed = new Map<string, LiveQueue>();
  /** Decided, and to be written as soon as the ledger has room. */
  const starts = new Map<string, Holding>();
  /** Decided, and to be written: the policies take them for stopped, and others for started in their places. */
  const stops = new Map<string, Stop>();
  const holdings = createHoldings();
  /** Of each job that the policies know. */
  const sources = new WeakMap<object, MadeOf>();
  /** The slice that waits to stand in the place of a workload, by that one's key. */
  const slices = new Map<string, string>();
  const dirty = new Set<string>();
  let rebuild = true;
  const explainer = createExplainer(context, { view, liveQueues: () => [...queues.values()], predictor: () => predictor, isStarting: (key) => writes.isUnderWay(key) || (starts.has(key) && !isBlocked()), blocked: () => (isBlocked() ? [...starts.keys()] : []) });
  const nowSeconds = (): number => clock.nowMs() / 1_000;

  const look = (key: string): void => {
    dirty.add(key);
    rounds.ask();
  };
  const writes = createWrites(context, look);
  const requeues = createRequeues(clock, look);

  const round = (): void => {
    // Made anew now, the ledgers would not count who is being let in, and let others in in their place: the end of each write asks again.
    if (rebuild && !writes.isCalm) return;
    if (rebuild) makeAnew();
    const now = nowSeconds();
    syncDirty(now);
    for (const { pool } of pools) for (const decision of pool.decide(now)) carryOut(decision);
    writeStops();
    writeStarts();
    explainer.changed();
    rounds.askAt(Math.min(Infinity, ...pools.map(({ pool }) => pool.wakeAt)));
  };
  const rounds = createRounds(context, round, (error) => {
    log.error('a round of the queues failed; all is made anew', { error });
    rebuild = true;
  });

  /** The policies are told all that happened, as far as Workloads tell of it, in the order of time. */
  const makeAnew = (): void => {
    rebuild = false;
    topologies.forget();
    predictor = createChoosingPredictor();
    const objects = caches.of(ClusterQueue).list().toSorted((left, right) => (left.metadata.name ?? '').localeCompare(right.metadata.name ?? ''));
    pools = buildPools({ queues: objects, cohorts: caches.of(Cohort).list(), localQueues: caches.of(LocalQueue).list(), fairRules: configuration.sharesFairly ? configuration.fairRules : undefined, useSharing: configuration.useSharing, topologies }, predictor);
    queues = new Map(pools.flatMap((pool) => pool.queues.map((queue) => [queue.name, queue] as const)));
    for (const each of [placed, starts, stops, holdings, dirty, slices]) each.clear();
    for (const each of pastOf(workloads.list(), parts)) apart(keyOf(each.workload), each.at, () => tellAgain(each));
  };

  const syncDirty = (now: number): void => {
    for (const key of dirty) apart(key, now, () => sync(key, now));
    dirty.clear();
  };

  /** One that cannot be reckoned with is left out, and is nobody else's matter. */
  const apart = (key: string, now: number, tell: () => void): void => {
    try {
      tell();
    } catch (error) {
      log.error('a workload cannot be reckoned with, and is left out', { workload: key, error });
      holdings.hold(key, undefined);
      withdraw(key, now);
      explainer.refused(key, (error as Error).message);
    }
  };

  const tellAgain = ({ at, workload, what }: Happening): void => {
    const key = keyOf(workload);
    const isWaiting = !is(workload, 'Finished') && !isReserved(workload);
    if (what === 'ends') {
      placed.get(key)?.admission.finish(key, at, isReplaced(workload) ? 'withdrawn' : 'ended');
      placed.delete(key);
    } else if (isWaiting) sync(key, at);
    else if (what === 'comes') comeBefore(key, workload, at);
    else {
      startBefore(key, workload, at);
      if (!is(workload, 'Finished')) sync(key, at);
    }
  };

  /** One that has, or had, quota came: those who bound waits count from then on. */
  const comeBefore = (key: string, workload: Workload, at: number): void => {
    const queue = queues.get(workload.status!.admission!.clusterQueue);
    const job = queue && jobFor(workload, queue);
    if (queue === undefined || job === undefined || queue.room.place(job, queue.room.capacity) === undefined) return;
    placed.set(key, queue);
    queue.admission.submit(job, at);
  };

  const startBefore = (key: string, workload: Workload, at: number): void => {
    const queue = placed.get(key);
    const entry = queue?.admission.entry(key);
    if (queue === undefined || entry === undefined) adopt(workload, at, at);
    else queue.admission.start(entry, placementOf(workload, queue), at);
  };

  const jobFor = (workload: Workload, queue: LiveQueue, before?: Workload): QuotaJob => {
    const job = jobOf(workload, queue, { localQueue: caches.of(LocalQueue).get(`${workload.metadata.namespace}/${workload.spec.queueName}`), ...parts });
    sources.set(job, madeOf(workload, before));
    return job;
  };

  const adopt = (workload: Workload, startedAt: number, now: number): void => {
    const queue = queues.get(workload.status!.admission!.clusterQueue);
    if (queue === undefined) return;
    const key = keyOf(workload);
    placed.set(key, queue);
    queue.admission.adopt(jobFor(workload, queue), placementOf(workload, queue), startedAt, now);
  };

  /** Tells the policies and the ledgers how it stands with one workload. */
  const sync = (key: string, now: number): void => {
    const workload = workloads.get(key);
    if (writes.isAhead(key)) return;
    writes.seen(key);
    const isOver = workload === undefined || is(workload, 'Finished');
    holdings.hold(key, isOver ? undefined : holdingOf(workload));
    followSlice(key, workload);
    if (isOver) {
      starts.delete(key);
      stops.delete(key);
      explainer.refused(key, undefined);
      writes.forget(key);
      placed.get(key)?.admission.finish(key, now, workload === undefined || conditionOf(workload, 'Finished')?.reason !== 'Succeeded' ? 'withdrawn' : 'ended');
      placed.delete(key);
    } else if (isReserved(workload)) syncReserved(key, workload, now);
    else syncWaiting(key, workload, now);
  };

  /** What a slice asks for depends on what the one before it has. */
  const followSlice = (key: string, workload: Workload | undefined): void => {
    const slice = slices.get(key);
    if (slice === undefined) return;
    if (workload === undefined || is(workload, 'Finished')) slices.delete(key);
    dirty.add(slice);
  };

  const syncReserved = (key: string, workload: Workload, now: number): void => {
    const queue = queues.get(workload.status!.admission!.clusterQueue);
    const entry = placed.get(key)?.admission.entry(key);
    if (is(workload, 'Evicted')) {
      if (entry?.state === 'running' && !starts.has(key)) withdraw(key, now);
      return;
    }
    // It changed before it could be told: it is told that it has to go all the same.
    if (stops.has(key) && placed.get(key) === queue && entry?.state === 'pending') return;
    if (placed.get(key) !== queue || entry?.state !== 'running') {
      withdraw(key, now);
      adopt(workload, sinceSeconds(workload, 'QuotaReserved') ?? now, now);
    } else {
      const [placement, priority] = [placementOf(workload, queue!), workload.spec.priority ?? 0];
      if (entry.job.priority !== priority) {
        const source = sources.get(entry.job)!;
        sources.set(entry.job = { ...entry.job, priority }, { ...source, spec: { ...source.spec, priority } });
      }
      if (placement.amount.some((amount, index) => amount !== entry.placement!.amount[index])) queue!.admission.resize(entry, placement, now);
    }
  };

  const syncWaiting = (key: string, workload: Workload, now: number): void => {
    const found = view.queueFor(workload, clock.nowMs());
    const queue = 'queue' in found ? queues.get(found.queue.metadata.name ?? '') : undefined;
    requeues.follow(key, workload);
    if ('refusal' in found || queue === undefined) {
      withdraw(key, now);
      if ('refusal' in found) explainer.refused(key, found.refusal, found.reason);
      else explainer.refused(key, 'its ClusterQueue is part of a Cohort that is its own ancestor');
      return;
    }
    const never = whyNeverMade(workload, context);
    if (never !== undefined) {
      withdraw(key, now);
      return explainer.refused(key, never);
    }
    const { admission, room } = queue;
    const before = parts.replacedBy(workload);
    if (before !== undefined) slices.set(keyOf(before), key);
    const entry = placed.get(key) === queue ? admission.entry(key) : undefined;
    if (entry !== undefined && (entry.state === 'pending' || starts.has(key)) && asksTheSame(sources.get(entry.job)!, madeOf(workload, before))) return;
    withdraw(key, now);
    const job = jobFor(workload, queue, before);
    if (room.place(job, room.capacity) === undefined) return explainer.refused(key, explainer.tooMuch(job, queue));
    explainer.refused(key, undefined);
    placed.set(key, queue);
    admission.submit(job, now);
  };

  const withdraw = (key: string, now: number): void => {
    starts.delete(key);
    stops.delete(key);
    placed.get(key)?.admission.finish(key, now, 'withdrawn');
    placed.delete(key);
  };

  const holdingOf = (workload: Workload): Holding | undefined => {
    const queue = isReserved(workload) ? queues.get(workload.status!.admission!.clusterQueue) : undefined;
    return queue && { queue, placement: placementOf(workload, queue) };
  };

  const carryOut = (decision: PoolDecision): void => {
    const key = decision.job.id;
    const queue = queues.get(decision.queue)!;
    if (decision.kind === 'stop') {
      if (!starts.delete(key)) stops.set(key, { queue, decision }); // else it had not begun
    } else if (stops.has(key) && !writes.isUnderWay(key)) {
      stops.delete(key); // it has not ended, and goes on as it is
      look(key);
    } else starts.set(key, { queue, placement: decision.placement as QuotaPlacement });
  };

  /** Until it is written, also where the Workload has changed meanwhile: else who was let in in its place would wait for ever. */
  const writeStops = (): void => {
    for (const [key, { queue, decision }] of stops) {
      const workload = workloads.get(key);
      if (writes.isAhead(key) || writes.isPaused(key)) continue;
      if (workload === undefined || !isReserved(workload) || is(workload, 'Evicted')) stops.delete(key);
      else writes.write(key, workload, () => evictedForOther(workload, decision, queue, context).then(() => void stops.delete(key)));
    }
  };

  const writeStarts = (): void => {
    for (const [key, { queue, placement }] of starts) {
      if (writes.isFull || isBlocked()) return;
      const workload = workloads.get(key);
      if (workload === undefined || writes.isAhead(key) || writes.isPaused(key) || isReserved(workload) || !queue.ledger.has(placement, { borrowing: true }) || !queue.ledger.hasDomains(placement)) continue;
      starts.delete(key);
      holdings.hold(key, { queue, placement });
      const entry = placed.get(key)?.admission.entry(key);
      const before = parts.replacedBy(workload);
      writes.write(key, workload, () => admitted(workload, queue.object, { placement, ...(before !== undefined && { before }), ...(entry !== undefined && { estimate: explainer.estimateOf(entry) }) }, context), () => void (placed.has(key) && starts.set(key, { queue, placement })));
    }
  };

  /** Pods of somebody who was let in are not ready yet, and the configuration lets nobody in beside them. Source: Kueue, cache.PodsReadyForAllAdmittedWorkloads. */
  const isBlocked = (): boolean => configuration.waitForPodsReady?.blocks === true && [...holdings.keys()].some((key) => {
    const workload = workloads.get(key);
    return workload !== undefined && !is(workload, 'PodsReady');
  });

  const pendingIn: PendingIn = (name) => {
    const queue = queues.get(name);
    if (queue === undefined) return caches.of(ClusterQueue).get(name) === undefined ? undefined : [];
    return pendingOf(name, queue.admission.waiting().map(({ job }) => job.id), caches);
  };

  return {
    pendingIn,
    shareOf(kind, name) {
      if (!configuration.sharesFairly) return undefined;
      if (dirty.size > 0) rounds.ask();
      syncDirty(nowSeconds());
      for (const { queues: own, cohorts, indexes } of pools) {
        const node = kind === 'Cohort' ? cohorts.get(name) : own.find((each) => each.name === name)?.ledger.node;
        if (node !== undefined) return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(node.share(indexes) * 1_000));
      }
      return undefined;
    },
    async run() {
      const anew = (): void => {
        rebuild = true;
        rounds.ask();
      };
      const moved = (): void => {
        topologies.forget();
        rounds.ask();
      };
      const unsubscribes = [workloads.subscribe(({ key }) => look(key)), followQueues(context, { topologies, anew, moved })];
      rounds.ask();
      await aborted(signal);
      for (const unsubscribe of unsubscribes) unsubscribe();
      rounds.stop();
      requeues.stop();
      await Promise.allSettled([writes.settled(), explainer.stop()]);
    },
  };
}
