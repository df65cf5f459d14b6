/**
 * How many replicas a metric asks for. Pure: pods and their values in, a number out.
 * Source: the algorithm details of Kubernetes' documentation on horizontal pod autoscaling.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import { podCondition } from '../../api/pod-readiness.ts';

/** A pod's value of a metric, and when and over which time it was measured. */
export interface Measured {
  value: number;
  atMs: number;
  windowMs: number;
}

export interface Readiness {
  /** So long after its start a pod's cpu is taken for that of its start, unless it was measured while the pod was ready. */
  cpuInitializationMs: number;
  /** A pod that became unready within so long of its start never was ready. */
  initialReadinessMs: number;
}

/** Allowed distance of the ratio from 1 without a change, by direction. */
export interface Tolerance {
  up: number;
  down: number;
}

export interface Groups {
  /** Pods that are measured and ready. */
  ready: Map<string, number>;
  /** Pods that are there and do not serve yet. */
  unready: Set<string>;
  /** Pods without a value. */
  missing: Set<string>;
}

export function groupPods(pods: readonly Pod[], measured: ReadonlyMap<string, Measured>, options: { cpu: boolean; nowMs: number; readiness: Readiness }): Groups {
  const groups: Groups = { ready: new Map(), unready: new Set(), missing: new Set() };
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') continue;
    const metric = measured.get(name);
    if (pod.status?.phase === 'Pending') groups.unready.add(name);
    else if (metric === undefined) groups.missing.add(name);
    else if (options.cpu && isStarting(pod, metric, options)) groups.unready.add(name);
    else groups.ready.set(name, metric.value);
  }
  return groups;
}

function isStarting(pod: Pod, metric: Measured, { nowMs, readiness }: { nowMs: number; readiness: Readiness }): boolean {
  const condition = podCondition(pod, 'Ready');
  const startMs = Date.parse(pod.status?.startTime ?? '');
  if (condition === undefined || Number.isNaN(startMs)) return true;
  const changedMs = Date.parse(condition.lastTransitionTime ?? '');
  if (startMs + readiness.cpuInitializationMs > nowMs) return condition.status === 'False' || metric.atMs < changedMs + metric.windowMs;
  return condition.status === 'False' && startMs + readiness.initialReadinessMs > changedMs;
}

/** What an average over pods asks for. `wanted` is the value that each should have; `requests` where values are parts of requests (a utilisation). */
export interface AverageTarget {
  wanted: number;
  requests?: ReadonlyMap<string, number>;
  tolerance: Tolerance;
  /** Averages count in whole percents of requests or whole thousandths, as upstream's do: what is over is cut off. Default false. */
  wholeNumbers?: boolean;
}

export interface Asked {
  replicas: number;
  /** The ratio of what is to what is wanted, of the pods that are measured. */
  ratio: number;
}

/** As many as upstream can count to. */
const MOST_REPLICAS = 2 ** 31 - 1;

/**
 * The number of replicas at which the pods would have the wanted value on average. Pods without a value are taken to be at what is wanted before
 * scaling down (at least all of their request) and at nothing before scaling up; those that start count nothing before scaling up. Where that turns the direction, nothing changes.
 * Undefined when no pod is measured.
 */
export function askedByAverage(current: number, groups: Groups, target: AverageTarget): (Asked & { average: number }) | undefined {
  if (groups.ready.size === 0) return undefined;
  const average = averageOf(groups.ready, target);
  const said = { average, ratio: average / target.wanted };
  const ratio = ratioOf(average, target);
  const scaleUpWithUnready = groups.unready.size > 0 && ratio > 1;
  if (!scaleUpWithUnready && groups.missing.size === 0) {
    return { ...said, replicas: isWithin(ratio, target.tolerance) ? current : roundUp(ratio * groups.ready.size) };
  }
  const values = new Map(groups.ready);
  for (const name of groups.missing) {
    if (ratio < 1) values.set(name, target.requests === undefined ? target.wanted : Math.trunc((Math.max(100, target.wanted) * (target.requests.get(name) ?? 0)) / 100));
    else if (ratio > 1) values.set(name, 0);
  }
  if (scaleUpWithUnready) for (const name of groups.unready) values.set(name, 0);
  const careful = ratioOf(averageOf(values, target), target);
  if (isWithin(careful, target.tolerance) || (ratio < 1 && careful > 1) || (ratio > 1 && careful < 1)) return { ...said, replicas: current };
  const replicas = roundUp(careful * values.size);
  if ((careful < 1 && replicas > current) || (careful > 1 && replicas < current)) return { ...said, replicas: current };
  return { ...said, replicas };
}

/** What a value of one object or of something outside asks for, when the target is of the whole. `ready` is how many pods serve, and is asked for only where it counts. */
export function askedByValue(current: number, ready: () => number, { value, wanted, tolerance }: { value: number; wanted: number; tolerance: Tolerance }): Asked {
  const ratio = value / wanted;
  if (current === 0) return { ratio, replicas: roundUp(ratio) };
  return { ratio, replicas: isWithin(ratio, tolerance) ? current : roundUp(ratio * ready()) };
}

/** The same when the target is for each pod. `there` is how many there are. */
export function askedByShare(there: number, { value, wanted, tolerance }: { value: number; wanted: number; tolerance: Tolerance }): Asked {
  const ratio = there === 0 ? Infinity : value / (wanted * there);
  return { ratio, replicas: there > 0 && isWithin(ratio, tolerance) ? there : roundUp(value / wanted) };
}

/** Percent of requests where there are some. */
function averageOf(values: ReadonlyMap<string, number>, { requests }: AverageTarget): number {
  let sum = 0;
  let whole = 0;
  for (const [name, value] of values) {
    sum += value;
    whole += requests?.get(name) ?? 1;
  }
  return requests === undefined ? sum / values.size : (100 * sum) / whole;
}

function ratioOf(average: number, { wanted, wholeNumbers = false }: AverageTarget): number {
  return (wholeNumbers ? Math.trunc(average) : average) / wanted;
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}

/** Not for what is a rounding error of the division above a whole number. */
function roundUp(replicas: number): number {
  return Math.min(MOST_REPLICAS, Math.max(0, Math.ceil(replicas - 1e-9)));
}
