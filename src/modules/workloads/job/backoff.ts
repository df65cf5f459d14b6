/** How long a job waits before it replaces failed pods: 10 s, doubled with each failure, at most 10 minutes (upstream: backoff_utils.go). Pure. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { INDEX_FAILURES, INDEX_IGNORED_FAILURES } from '../../../api/batch/job-labels.ts';

const BASE_MS = 10_000;
const MAX_MS = 600_000;

/** Ms until a pod may be made again after that many failures in a row. */
export function backoffMs(failures: number, lastFailureMs: number, nowMs: number): number {
  if (failures <= 0) return 0;
  return Math.max(0, lastFailureMs + Math.min(MAX_MS, BASE_MS * 2 ** Math.min(failures - 1, 10)) - nowMs);
}

/** Of a job without backoffLimitPerIndex: failures after the last success. `failed` and `succeeded` are all ended pods that are still there. */
export function jobBackoffMs(failed: readonly Pod[], succeeded: readonly Pod[], nowMs: number): number {
  const lastSuccessMs = Math.max(-Infinity, ...succeeded.map((each) => finishedMs(each, nowMs)));
  const times = failed.map((each) => finishedMs(each, nowMs)).filter((each) => each > lastSuccessMs);
  return backoffMs(times.length, Math.max(-Infinity, ...times), nowMs);
}

/** When a pod ended: its last container or sidecar, else when it ceased to be ready, else when it was deleted, else when it was made. */
export function finishedMs({ status, metadata, spec }: Pod, nowMs: number): number {
  const isSidecar = (name: string): boolean => spec?.initContainers?.some((each) => each.name === name && each.restartPolicy === 'Always') === true;
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []).filter(({ name }) => isSidecar(name))];
  const ends = statuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  if (ends.length > 0 && !ends.some(Number.isNaN)) return Math.max(...ends);
  const unready = status?.conditions?.find((each) => each.type === 'Ready' && each.status === 'False')?.lastTransitionTime;
  if (unready) return Date.parse(unready);
  if (metadata.deletionTimestamp !== undefined) return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return Date.parse(metadata.creationTimestamp ?? '') || nowMs;
}

export function indexFailures(pod: Pod): { counted: number; ignored: number } {
  const read = (key: string): number => Number.parseInt(pod.metadata.annotations?.[key] ?? '0', 10) || 0;
  return { counted: read(INDEX_FAILURES), ignored: read(INDEX_IGNORED_FAILURES) };
}

/** Of one index: its last failed pod says how often it failed before. */
export function indexBackoffMs(replaced: Pod | undefined, nowMs: number): number {
  if (replaced === undefined) return 0;
  const { counted, ignored } = indexFailures(replaced);
  return backoffMs(counted + ignored + 1, finishedMs(replaced, nowMs), nowMs);
}
