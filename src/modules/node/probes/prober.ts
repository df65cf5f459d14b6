/** Runs the probes of one container for as long as it runs (core/v1 Probe). The caller keeps what they found. */
import type { Container, Probe } from '../../../api/generated/core-v1.ts';
import type { Clock } from '../../../base/clock.ts';
import { runHandler, type HandlerTarget } from './handlers.ts';

export type ProbeSort = 'startup' | 'liveness' | 'readiness';

export interface ProbeReport {
  /** After the thresholds: a change of readiness or start, or the end of life. */
  changed(sort: ProbeSort, ok: boolean, message: string): void;
  /** Each failed try. */
  failed(sort: ProbeSort, message: string): void;
  /** Each try, and how long it took. */
  tried?(sort: ProbeSort, result: 'successful' | 'failed', seconds: number): void;
  /** A try that went well, and is worth a word. */
  warned(sort: ProbeSort, message: string): void;
  /** A try that said nothing: it counts for nothing (upstream: prober errors are thrown away). */
  errored?(sort: ProbeSort, message: string): void;
}

/** Until the first success readiness is asked more often than the period, from this on, doubling: a pod is ready when it is, not a period later. */
const EAGER_MS = 50;

/** What probes found before, where they go on from there. */
export interface Standing { started?: boolean; ready?: boolean }

/** Settles when the signal aborted and no probe is running. When `ending` aborts, the container is being ended: nobody asks any more whether it has started or lives, but whether it is ready goes on counting (upstream: StopLivenessAndStartup). */
export async function runProbes(container: Container, target: HandlerTarget, report: ProbeReport, options: { clock: Clock; signal: AbortSignal; ending?: AbortSignal; startedMs: number; known?: Standing }): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = container;
  const untilEnding = options.ending === undefined ? options : { ...options, signal: AbortSignal.any([options.signal, options.ending]) };
  if (startupProbe !== undefined && options.known?.started !== true) {
    const started = await runProbe('startup', startupProbe, target, report, { ...untilEnding, once: true });
    if (!started) return;
  }
  await Promise.all([
    livenessProbe === undefined ? undefined : runProbe('liveness', livenessProbe, target, report, untilEnding),
    readinessProbe === undefined ? undefined : runProbe('readiness', readinessProbe, target, report, options),
  ]);
}

/** With `once` it ends at the first verdict. Gives the last verdict. */
async function runProbe(sort: ProbeSort, probe: Probe, target: HandlerTarget, report: ProbeReport, options: { clock: Clock; signal: AbortSignal; startedMs: number; known?: Standing; once?: boolean }): Promise<boolean> {
  const { clock, signal } = options;
  const periodMs = Math.max(1, probe.periodSeconds ?? 10) * 1_000;
  const timeoutMs = Math.max(1, probe.timeoutSeconds ?? 1) * 1_000;
  let verdict = sort === 'liveness' || (sort === 'readiness' && options.known?.ready === true);
  let row = 0;
  let last: boolean | undefined;
  let eagerMs = sort === 'liveness' ? periodMs : EAGER_MS;
  await clock.sleep(Math.max(0, options.startedMs + (probe.initialDelaySeconds ?? 0) * 1_000 - clock.nowMs()), signal);
  while (!signal.aborted) {
    const fromMs = performance.now();
    const { ok, message, warning, unknown } = await runHandler(probe, target, timeoutMs);
    if (signal.aborted) break;
    if (unknown === true) {
      report.errored?.(sort, message);
      await clock.sleep(periodMs, signal);
      continue;
    }
    report.tried?.(sort, ok ? 'successful' : 'failed', (performance.now() - fromMs) / 1_000);
    row = ok === last ? row + 1 : 1;
    last = ok;
    // Tries between two periods do not count against the container.
    const eager = !verdict && !ok && eagerMs < periodMs;
    if (!ok && !eager) report.failed(sort, message);
    if (warning === true) report.warned(sort, message);
    const threshold = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (row >= threshold && !(eager && sort === 'startup')) {
      if (ok !== verdict || (!ok && sort !== 'readiness')) report.changed(sort, ok, message);
      verdict = ok;
      if (options.once === true) return ok;
      if (!ok && sort === 'liveness') return false;
    }
    if (ok) eagerMs = periodMs;
    if (eager) row = 0;
    await clock.sleep(verdict || ok ? periodMs : Math.min(periodMs, eagerMs), signal);
    eagerMs = Math.min(periodMs, eagerMs * 2);
  }
  return verdict;
}
