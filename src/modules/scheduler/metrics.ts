/** What the scheduler counts, under upstream's names and labels (pkg/scheduler/metrics), so that its dashboards and alerts hold. Counters begin with the module. */
import { createCounter, createHistogram, family, labelText, single, type Histogram } from '../../base/exposition.ts';
import type { SchedulingQueue } from './framework/queue.ts';

export interface SchedulerMetrics {
  /** A decision that took `seconds`. */
  decided(profile: string, result: 'scheduled' | 'unschedulable', seconds: number): void;
  /** A pod is bound, `seconds` after its decision began: the try that did it took so long, and all of them since it might have been placed `sinceSeconds`. */
  bound(profile: string, how: { attempts: number; seconds: number; sinceSeconds: number }): void;
  /** One that was decided could not be bound. */
  failed(profile: string, seconds: number): void;
  /** Pods that have to go for another. */
  preempted(victims: number): void;
  text(): string;
}

/** More are not told apart. */
const MOST_ATTEMPTS = 15;
const doubling = (first: number, count: number): number[] => Array.from({ length: count }, (_each, power) => first * 2 ** power);
/** From 1 ms to 16 s; from 10 ms to 87 min. */
const [ATTEMPT_BOUNDS, SLI_BOUNDS] = [doubling(0.001, 15), doubling(0.01, 20)];

export function createSchedulerMetrics(queue: Pick<SchedulingQueue, 'sizes'>): SchedulerMetrics {
  const attempts = createCounter('scheduler_schedule_attempts_total', 'Tries to place a pod, by what came of them');
  const attemptSeconds = byLabels('scheduler_scheduling_attempt_duration_seconds', 'How long a try takes, with its binding', ATTEMPT_BOUNDS);
  const sliSeconds = byLabels('scheduler_pod_scheduling_sli_duration_seconds', 'From when a pod might be placed until it is, by how many tries it took', SLI_BOUNDS);
  const algorithmSeconds = createHistogram(ATTEMPT_BOUNDS);
  const triesOfPod = createHistogram(doubling(1, 5));
  const victimsAtOnce = createHistogram(doubling(1, 7));
  const ended = (profile: string, result: string, seconds: number): void => {
    attempts.add({ result, profile });
    attemptSeconds.observe({ result, profile }, seconds);
  };
  return {
    decided(profile, result, seconds) {
      algorithmSeconds.observe(seconds);
      if (result === 'unschedulable') ended(profile, result, seconds);
    },
    bound(profile, { attempts: tries, seconds, sinceSeconds }) {
      ended(profile, 'scheduled', seconds);
      triesOfPod.observe(tries);
      sliSeconds.observe({ attempts: tries >= MOST_ATTEMPTS ? `${MOST_ATTEMPTS}+` : String(tries) }, sinceSeconds);
    },
    failed: (profile, seconds) => ended(profile, 'error', seconds),
    preempted: (victims) => victimsAtOnce.observe(victims),
    text() {
      const { active, backoff, waiting, gated } = queue.sizes;
      const pending = Object.entries({ active, backoff, unschedulable: waiting, gated }).map(([name, count]) => `scheduler_pending_pods{queue="${name}"} ${count}\n`);
      return [
        attempts.text(), attemptSeconds.text(), sliSeconds.text(), family('scheduler_pending_pods', 'gauge', 'Pods that wait for a node, by what for', pending),
        ...([['scheduler_scheduling_algorithm_duration_seconds', 'How long a decision takes', algorithmSeconds], ['scheduler_pod_scheduling_attempts', 'How many tries it took to place a pod', triesOfPod], ['scheduler_preemption_victims', 'Pods that have to go for one', victimsAtOnce]] as const)
          .map(([name, help, histogram]) => (histogram.count === 0 ? '' : family(name, 'histogram', help, [histogram.lines(name, '')]))),
        single('scheduler_preemption_attempts_total', 'counter', 'Times that pods had to go for another', victimsAtOnce.count),
      ].join('');
    },
  };
}

function byLabels(name: string, help: string, bounds: readonly number[]): { observe(labels: Readonly<Record<string, string>>, value: number): void; text(): string } {
  const histograms = new Map<string, Histogram>();
  return {
    observe(labels, value) {
      const text = labelText(labels);
      let histogram = histograms.get(text);
      if (histogram === undefined) histograms.set(text, (histogram = createHistogram(bounds)));
      histogram.observe(value);
    },
    text: () => family(name, 'histogram', help, [...histograms].map(([labels, histogram]) => histogram.lines(name, labels))),
  };
}
