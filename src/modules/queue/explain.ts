/** Tells why workloads wait: in their conditions, their predictions and events. Told after a while and in small parts, so that a long queue costs no flood of writes. */
import { Workload } from '../../api/kueue/workload.ts';
import type { WorkloadPrediction, WorkloadStatus } from '../../api/kueue/types.ts';
import { equalJson } from '../../api/json.ts';
import type { Json } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import { isApiError, keyOf, type ModuleContext } from '../../sdk/index.ts';
import type { Estimate } from './admit.ts';
import type { LiveQueue } from './build.ts';
import { conditionOf, is, isReserved, withStatus } from './conditions.ts';
import { quantityFor } from './demand.ts';
import { forecast } from './forecast.ts';
import type { Entry } from './policy/job.ts';
import type { Lack, QuotaJob } from './policy/quota-room.ts';
import type { ChoosingPredictor } from './prediction/choosing.ts';
import type { View } from './view.ts';

const EVERY_MS = 250;
const AGAIN_MS = 1_000;
/** In one go. */
const MOST_WRITES = 20;
/** Of each queue, so many are told their place and time. */
const MOST_TOLD = 50;
const MOST_AHEAD = 5;
/** An expected time is told anew when it moved by so much of what is left, or by so many seconds. */
const NEWS_PART = 0.1;
const NEWS_SECONDS = 2;
const NEWS_PERCENT = 5;

export interface Explainer {
  changed(): void;
  /** What is expected of a job that is let in, and by whom. */
  estimateOf(entry: Entry): Estimate;
  /** Why a workload cannot wait in any queue; undefined when it can. */
  refused(key: string, why: string | undefined, reason?: Refusal['reason']): void;
  /** Why a job could never run in the queue. */
  tooMuch(job: QuotaJob, queue: LiveQueue): string;
  stop(): Promise<void>;
}

interface Sources {
  view: View;
  liveQueues(): readonly LiveQueue[];
  predictor(): ChoosingPredictor;
  /** Whether its admission is decided or being written: then there is nothing to tell. */
  isStarting(key: string): boolean;
  /** Who would be let in, if the pods of those who were were ready. */
  blocked(): readonly string[];
}

interface Refusal { readonly reason: 'Inadmissible' | 'AdmissionGated'; readonly message: string }
interface Explanation { readonly reason: 'Pending' | 'Waiting' | Refusal['reason']; readonly message: string; readonly prediction?: WorkloadPrediction }

export function createExplainer({ client, clock, events, log, signal }: ModuleContext, sources: Sources): Explainer {
  const workloads = sources.view.caches.of(Workload);
  const refusals = new Map<string, Refusal>();
  let timer: NodeJS.Timeout | undefined;
  let telling: Promise<void> = Promise.resolve();

  const later = (delayMs: number): void => {
    if (signal.aborted) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      telling = telling.then(tell).catch((error: unknown) => log.warn('what queues wait for could not be told', { error }));
    }, delayMs);
  };

  const tell = async (): Promise<void> => {
    let left = MOST_WRITES;
    for (const [key, explanation] of explanations()) {
      if (signal.aborted) return;
      if (left === 0) return later(AGAIN_MS);
      const workload = workloads.get(key);
      if (workload === undefined || is(workload, 'Finished') || isReserved(workload) || sources.isStarting(key) || !isNews(workload, explanation, clock.nowMs())) continue;
      left--;
      await write(workload, explanation);
    }
  };

  const write = async (workload: Workload, { reason, message, prediction }: Explanation): Promise<void> => {
    const now = { nowMs: clock.nowMs(), generation: workload.metadata.generation };
    const { prediction: _before, ...rest } = workload.status ?? {};
    const status: WorkloadStatus = { ...withStatus(rest, 'QuotaReserved', 'False', reason, message, now), ...(prediction !== undefined && { prediction }) };
    const isFirst = conditionOf(workload, 'QuotaReserved')?.reason !== reason;
    try {
      await client.update(Workload, { ...workload, status }, { subresource: 'status' });
      if (isFirst && conditionOf(workload, 'QuotaReserved')?.reason === 'AdmissionGated') events.event(workload, 'Normal', 'AdmissionGateCleared', 'Admission gate cleared, workload is now admissible');
      if (isFirst) events.event(workload, reason === 'AdmissionGated' ? 'Normal' : 'Warning', reason, message);
    } catch (error) {
      // It is its matter alone: the others are told all the same.
      if (isApiError(error, 'Conflict', 'NotFound')) later(AGAIN_MS);
      else if (!signal.aborted) log.warn('what a workload waits for could not be told', { workload: keyOf(workload), error });
    }
  };

  const explanations = (): [string, Explanation][] => {
    const told: [string, Explanation][] = [...refusals];
    for (const key of sources.blocked()) told.push([key, { reason: 'Waiting', message: 'waiting for all admitted workloads to be in PodsReady condition' }]);
    const now = clock.nowMs() / 1_000;
    for (const queue of sources.liveQueues()) {
      const waiting = queue.admission.waiting(MOST_TOLD);
      if (waiting.length === 0) continue;
      const times = forecast(queue, waiting, now, expectRun);
      for (const [index, entry] of waiting.entries()) told.push([entry.job.id, explain(queue, waiting, index, times[index]!)]);
    }
    return told;
  };

  /** As of now: what ended since it came here counts. */
  const expectRun = (entry: Entry, ranSeconds: number): number => {
    const { toldSeconds, estimateSeconds = Infinity } = entry.job;
    const known = Math.max(entry.knownSeconds, entry.doneSeconds + ranSeconds);
    const total = toldSeconds === undefined ? Math.min(estimateSeconds, sources.predictor().expect(entry.job, known)) : toldSeconds > known ? toldSeconds : 2 * known;
    return Math.max(ranSeconds, total - entry.doneSeconds);
  };

  const estimateOf = (entry: Entry): Estimate => {
    const { name, errorPercent } = entry.job.toldSeconds === undefined ? sources.predictor().sourceOf(entry.job) : { name: 'annotation', errorPercent: undefined };
    return { runSeconds: Math.round(expectRun(entry, 0) * 10) / 10, ...(entry.doneSeconds > 0 && { keptSeconds: Math.round(entry.doneSeconds) }), source: name, ...(errorPercent !== undefined && { errorPercent }) };
  };

  const explain = (queue: LiveQueue, waiting: readonly Entry[], index: number, at: number): Explanation => {
    const entry = waiting[index]!;
    const { reasons, lacks } = queue.room.explain(entry.job as QuotaJob);
    const ahead = waiting.slice(Math.max(0, index - MOST_AHEAD), index).map(({ job }) => job.id);
    const startTime = Number.isFinite(at) ? rfc3339(at * 1_000) : undefined;
    const prediction: WorkloadPrediction = {
      ...estimateOf(entry), position: index + 1,
      ...(startTime !== undefined && { startTime }), ...(ahead.length > 0 && { ahead }), ...(lacks.length > 0 && { lacks: lacks.slice(0, 8).map(lackOf) }),
    };
    const why = [...reasons, ...lacks.map((lack) => `couldn't assign flavors to pod set ${lack.set}: ${shortage(lack)}`)];
    const order = index === 0 ? 'It is the first in its queue' : `Behind ${ahead.at(-1)}, in place ${index + 1} of its queue`;
    const when = startTime === undefined ? '' : `; expected to start at ${startTime}`;
    return { reason: 'Pending', message: `${why.length > 0 ? `${why.join(', ')}. ` : ''}${order}${when}`, prediction };
  };

  return {
    estimateOf,
    changed: () => later(EVERY_MS),
    refused(key, message, reason = 'Inadmissible') {
      if (message === undefined) refusals.delete(key);
      else refusals.set(key, { reason, message });
    },
    tooMuch(job, queue) {
      const { reasons, lacks } = queue.room.explain(job);
      return [...reasons, ...lacks.filter(({ needed, most }) => needed > most).map((lack) => `couldn't assign flavors to pod set ${lack.set}: ${shortage(lack)}`)].join(', ') || 'it fits into no flavor of the queue';
    },
    async stop() {
      clearTimeout(timer);
      await telling;
    },
  };
}

/** Source: Kueue, flavorassigner fitsResourceQuota. */
function shortage({ flavor, resource, needed, available, most }: Lack): string {
  if (needed > most) return `insufficient quota for ${resource} in flavor ${flavor}, request > maximum capacity (${quantityFor(resource, needed)} > ${quantityFor(resource, most)})`;
  return `insufficient unused quota for ${resource} in flavor ${flavor}, ${quantityFor(resource, needed - available)} more needed`;
}

function lackOf({ flavor, resource, needed, available }: Lack): NonNullable<WorkloadPrediction['lacks']>[number] {
  return { flavor, resource, needed: quantityFor(resource, needed), available: quantityFor(resource, available) };
}

/** Times and expectations alone that hardly moved are no news: each end of a job moves them for all. */
function isNews(workload: Workload, { reason, message, prediction }: Explanation, nowMs: number): boolean {
  const condition = conditionOf(workload, 'QuotaReserved');
  const before = workload.status?.prediction;
  if (condition?.reason !== reason || condition.status !== 'False') return true;
  const { startTime: told, runSeconds: ranBefore = 0, errorPercent: erredBefore = 0, ...same } = before ?? {};
  const { startTime: wanted, runSeconds = 0, errorPercent = 0, ...now } = prediction ?? {};
  if (!equalJson(same as Json, now as Json) || withoutTime(condition.message) !== withoutTime(message)) return true;
  if ((told === undefined) !== (wanted === undefined) || differs(ranBefore, runSeconds, 1) || differs(erredBefore, errorPercent, NEWS_PERCENT)) return true;
  const moved = Math.abs(Date.parse(told ?? '') - Date.parse(wanted ?? ''));
  return moved > Math.max(NEWS_SECONDS * 1_000, NEWS_PART * Math.abs(Date.parse(wanted ?? '') - nowMs));
}

function differs(before: number, now: number, least: number): boolean {
  return Math.abs(before - now) > Math.max(least, NEWS_PART * Math.abs(now));
}

function withoutTime(message: string): string {
  return message.replace(/; expected to start at \S+$/, '');
}
