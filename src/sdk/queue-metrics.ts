/**
 * What the queues of controllers count, under the names by which dashboards and alerts know client-go's (component-base/metrics/prometheus/workqueue): how many
 * keys wait, how long, and how long the work on one takes. Of the whole process: a controller that is loaded again counts on.
 */
import { createHistogram, family, labelText, type Histogram } from '../base/exposition.ts';

/** From 10 ns to 10 s. */
const BOUNDS = Array.from({ length: 10 }, (_each, power) => Number(`1e${power - 8}`));

export interface QueueCounts {
  /** A key waits now that did not; gives when, for {@link QueueCounts.begun}. */
  added(): number;
  /** The work on a key that was added at `addedMs` begins; gives when, for {@link QueueCounts.done}. */
  begun(addedMs: number): number;
  done(begunMs: number): void;
  /** A key is to come again later. */
  retried(): void;
}

/** A queue as it is at this moment. */
export interface QueueView {
  readonly depth: number;
  /** When the work that is under way began, in ms of `performance.now()`. */
  begunMs(): Iterable<number>;
}

interface Account { adds: number; retries: number; waited: Histogram; worked: Histogram; views: Set<QueueView> }

const accounts = new Map<string, Account>();

/** Counts for the queue called `name` from now on; several of one name, such as those of several versions of a module, are counted together. */
export function countQueue(name: string, view: QueueView): QueueCounts & { stop(): void } {
  let account = accounts.get(name);
  if (account === undefined) accounts.set(name, (account = { adds: 0, retries: 0, waited: createHistogram(BOUNDS), worked: createHistogram(BOUNDS), views: new Set() }));
  const mine = account;
  mine.views.add(view);
  return {
    added() {
      mine.adds += 1;
      return performance.now();
    },
    begun(addedMs) {
      const nowMs = performance.now();
      mine.waited.observe((nowMs - addedMs) / 1_000);
      return nowMs;
    },
    done: (begunMs) => mine.worked.observe((performance.now() - begunMs) / 1_000),
    retried: () => void (mine.retries += 1),
    stop: () => void mine.views.delete(view),
  };
}

/** All of them in the Prometheus text format. */
export function queueMetricsText(): string {
  const all = [...accounts].map(([name, account]) => ({ labels: labelText({ name }), account, ...stateOf(account) }));
  const lines = (name: string, read: (each: typeof all[0]) => number): string[] => all.map((each) => `${name}{${each.labels}} ${read(each)}\n`);
  return [
    family('workqueue_depth', 'gauge', 'Keys that wait in a queue', lines('workqueue_depth', ({ depth }) => depth)),
    family('workqueue_adds_total', 'counter', 'Keys that were added to a queue', lines('workqueue_adds_total', ({ account }) => account.adds)),
    family('workqueue_queue_duration_seconds', 'histogram', 'How long keys wait in a queue', all.map(({ labels, account }) => account.waited.lines('workqueue_queue_duration_seconds', labels))),
    family('workqueue_work_duration_seconds', 'histogram', 'How long the work on a key takes', all.map(({ labels, account }) => account.worked.lines('workqueue_work_duration_seconds', labels))),
    family('workqueue_unfinished_work_seconds', 'gauge', 'How long all work that is under way has taken so far, in sum', lines('workqueue_unfinished_work_seconds', ({ unfinished }) => unfinished)),
    family('workqueue_longest_running_processor_seconds', 'gauge', 'How long the oldest work that is under way has taken so far', lines('workqueue_longest_running_processor_seconds', ({ longest }) => longest)),
    family('workqueue_retries_total', 'counter', 'Keys that were to come again later', lines('workqueue_retries_total', ({ account }) => account.retries)),
  ].join('');
}

function stateOf({ views }: Account): { depth: number; unfinished: number; longest: number } {
  const nowMs = performance.now();
  let [depth, unfinished, longest] = [0, 0, 0];
  for (const view of views) {
    depth += view.depth;
    for (const begunMs of view.begunMs()) {
      const seconds = (nowMs - begunMs) / 1_000;
      unfinished += seconds;
      longest = Math.max(longest, seconds);
    }
  }
  return { depth, unfinished, longest };
}
