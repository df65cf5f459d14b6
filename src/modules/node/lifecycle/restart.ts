/** Whether and when an ended container starts again (pod lifecycle, "Container restarts"). Pure. */
import type { Container, ContainerRestartRule, PodSpec } from '../../../api/generated/core-v1.ts';
import { durationMs } from '../pressure/settings.ts';
import type { ContainerRole } from '../status/view.ts';

const FIRST_MS = 10_000;
const MOST_MS = 300_000;
const LEAST_MOST_MS = 1_000;
/** A container that ran this long has recovered. */
const RECOVERED_MS = 600_000;

export function shouldRestart(spec: PodSpec, container: Container, role: ContainerRole, exitCode: number): boolean {
  if (role === 'ephemeral') return false;
  if (role === 'sidecar') return true;
  if (ruleFor(container, exitCode) !== undefined) return true;
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  if (role === 'init') return exitCode !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** The first rule for a container that ended so; without one its policy decides (core/v1 ContainerRestartRule). */
export function ruleFor({ restartPolicyRules: rules = [] }: Container, exitCode: number): ContainerRestartRule | undefined {
  return rules.find(({ exitCodes }) => exitCodes !== undefined && (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In'));
}

export interface RestartDelay {
  /** To wait from the end of the last run; 0 for the first restart. */
  delayMs: number;
  /** The next value for `delayMs`. */
  nextMs: number;
}

/** Of the kubelet's configuration: crashLoopBackOff.maxContainerRestartPeriod, 1 s to the default of 300 s. Throws when it is not. */
export function mostRestartDelayMs({ crashLoopBackOff }: Readonly<Record<string, unknown>>): number {
  if (crashLoopBackOff === undefined) return MOST_MS;
  const ms = durationMs((crashLoopBackOff as Record<string, unknown> | null)?.['maxContainerRestartPeriod'] ?? '300s', 'crashLoopBackOff.maxContainerRestartPeriod');
  if (ms < LEAST_MOST_MS || ms > MOST_MS) throw new Error('modules.node.crashLoopBackOff.maxContainerRestartPeriod must be from 1s to 300s');
  return ms;
}

/** The first restart comes at once, then 10 s, doubling to `mostMs` (default 300 s); a long run forgets it all. `currentMs` is `nextMs` of the restart before, 0 at first. */
export function restartDelay(currentMs: number, ranMs: number, mostMs = MOST_MS): RestartDelay {
  const delayMs = ranMs >= RECOVERED_MS ? 0 : currentMs;
  return { delayMs, nextMs: Math.min(mostMs, delayMs === 0 ? FIRST_MS : delayMs * 2) };
}

/** Whether a time to wait for is still ahead; one that is further off than any back-off was named before the clock was set back. Pure. */
export function isAhead(timeMs: number, nowMs: number): boolean {
  return timeMs > nowMs && timeMs - nowMs <= MOST_MS;
}

/** `1m20s`, as Go writes durations. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
