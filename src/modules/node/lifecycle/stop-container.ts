/** Ends a container: preStop hook, its stop signal, and KILL when the grace is over (pod lifecycle, "Termination of Pods"). */
import type { Container, LifecycleHandler } from '../../../api/generated/core-v1.ts';
import type { Clock } from '../../../base/clock.ts';
import { runHook, type HandlerAnswer, type HandlerTarget } from '../probes/handlers.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import { MOST_SERVED_MS } from './out-of-service.ts';
import type { ContainerRecord } from './record.ts';

export interface StopOptions {
  runtime: ContainerRuntime;
  clock: Clock;
  target: HandlerTarget;
  container: Container;
  /** When the grace ends; read again while waiting, since a second deletion may shorten it. */
  deadlineMs: () => number;
  /** Whether the signal may come already: sidecars wait for those that they serve. Read again when `changed` settles. */
  isTurn: () => boolean;
  /** Settles when the container has ended. */
  ended: Promise<void>;
  /** Settles when `deadlineMs` may have changed. */
  changed: () => Promise<void>;
  hookFailed: (message: string) => void;
  /** Settles when nobody is led to the pod any more; undefined when that is so. */
  outOfService?: Promise<void> | undefined;
}

/** Least time for the signal after a hook, or the others, took all of the grace, as upstream grants. */
const LEAST_MS = 2_000;
/** Of pods that are to end at once (pod lifecycle, "Forced Pod termination"). */
const FORCED_MS = 1_000;
const KILL_AGAIN_MS = 5_000;
/** A signal waits for those who lead to the pod, but not for more than this part of its grace. */
const SERVED_PART = 1 / 2;

export async function stopContainer(record: ContainerRecord, options: StopOptions): Promise<void> {
  const { runtime, clock, container } = options;
  if (record.pid === undefined) return;
  const pid = record.pid;
  const graceMs = options.deadlineMs() - clock.nowMs();
  const left = options.outOfService === undefined || graceMs <= 0 ? undefined : leftWithin(Math.min(MOST_SERVED_MS, graceMs * SERVED_PART), options.outOfService, options);
  const hook = container.lifecycle?.preStop;
  let leastMs = graceMs > 0 ? 0 : clock.nowMs() + FORCED_MS;
  if (hook !== undefined && graceMs > 0) {
    const answer = await runPreStop(hook, graceMs, options);
    if (!answer.ok) options.hookFailed(answer.message);
    leastMs = clock.nowMs() + LEAST_MS;
  }
  if (!options.isTurn()) {
    if (await waitForTurn(options)) return;
    leastMs = clock.nowMs() + LEAST_MS;
  }
  if (left !== undefined) await left;
  const deadline = (): number => Math.max(options.deadlineMs(), Math.min(leastMs, options.deadlineMs() + LEAST_MS));
  const leftMs = noLongerThan(() => deadline() - clock.nowMs());
  if (leftMs() > 0) runtime.kill(record, pid, record.stopSignal);
  while (!(await endedWithin(leftMs(), options)) && leftMs() > 0);
  while (!(await endedWithin(0, options))) {
    runtime.kill(record, pid, 'SIGKILL');
    if (await endedWithin(KILL_AGAIN_MS, { ...options, changed: () => new Promise(() => {}) })) return;
  }
}

/** A hook has as long as the grace lasts, also where that is shortened meanwhile: what it then still does ends with the container. */
async function runPreStop(hook: LifecycleHandler, graceMs: number, options: StopOptions): Promise<HandlerAnswer> {
  const over = new AbortController();
  const cutOff = async (): Promise<HandlerAnswer> => {
    await hurried(options, over.signal);
    const leftMs = noLongerThan(() => options.deadlineMs() - options.clock.nowMs());
    while (!over.signal.aborted && leftMs() > 0) await endedWithin(leftMs(), options);
    return { ok: false, message: 'not completed in the grace period, which was shortened' };
  };
  try {
    return await Promise.race([runHook(hook, options.target, graceMs, over.signal), options.ended.then(() => ({ ok: true, message: '' })), cutOff()]);
  } finally {
    over.abort();
  }
}

/** Settles when the pod is out of service, the time is over, or it is to end sooner than was said. */
async function leftWithin(mostMs: number, outOfService: Promise<void>, options: StopOptions): Promise<void> {
  const abort = new AbortController();
  try {
    await Promise.race([outOfService, options.ended, options.clock.sleep(mostMs, abort.signal), hurried(options, abort.signal)]);
  } finally {
    abort.abort();
  }
}

/** Settles when the grace ends sooner than it would now; once the signal has aborted, at the next change at the latest. */
async function hurried(options: StopOptions, signal: AbortSignal): Promise<void> {
  const before = options.deadlineMs();
  while (options.deadlineMs() >= before && !signal.aborted) await options.changed();
}

/** At the end of the grace it is everybody's turn. Gives whether the container has ended meanwhile. */
async function waitForTurn(options: StopOptions): Promise<boolean> {
  const leftMs = noLongerThan(() => options.deadlineMs() - options.clock.nowMs());
  while (!options.isTurn() && leftMs() > 0) if (await endedWithin(leftMs(), options)) return true;
  return false;
}

/** A clock that is set back meanwhile makes no time longer than it was when it was first asked for. */
function noLongerThan(leftMs: () => number): () => number {
  const [mostMs, beganMs] = [leftMs(), performance.now()];
  return () => Math.min(leftMs(), mostMs - (performance.now() - beganMs));
}

async function endedWithin(waitMs: number, options: StopOptions): Promise<boolean> {
  const abort = new AbortController();
  try {
    return await Promise.race([options.ended.then(() => true), options.clock.sleep(Math.max(0, waitMs), abort.signal).then(() => false), ...(waitMs > 0 ? [options.changed().then(() => false)] : [])]);
  } finally {
    abort.abort();
  }
}
