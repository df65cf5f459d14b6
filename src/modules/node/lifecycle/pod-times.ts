/** What metrics tell of one pod: how long its turns take, and how long it took to run. Source: kubernetes pkg/kubelet/metrics. */
import type { PodRun } from './pod-run.ts';

export interface PodTimes {
  /** Settles with the turn; `isUpdate`: the pod changed since the turn before. */
  during(turn: () => Promise<void>, options: { isUpdate: boolean }): Promise<void>;
  /** For how long the turn under way has been, in ms; 0 between turns. */
  heldMs(): number;
  /** Counts the start, once, when all that belongs to the application runs. */
  countStart(): void;
}

/** `isNew`: nothing of the pod ran before this process saw it. */
export function podTimes(run: PodRun, { isNew }: { isNew: boolean }): PodTimes {
  const { counts, context: { clock } } = run.parts;
  const seenMs = performance.now();
  let hasTurned = false;
  let isCounted = !isNew;
  let turnFromMs: number | undefined;

  return {
    async during(turn, { isUpdate }) {
      const fromMs = (turnFromMs = performance.now());
      if (!hasTurned && isNew) counts.took('kubelet_pod_worker_start_duration_seconds', (fromMs - seenMs) / 1_000);
      const operation = run.gone || run.pod.metadata.deletionTimestamp !== undefined ? 'kill' : !hasTurned ? 'create' : isUpdate ? 'update' : 'sync';
      hasTurned = true;
      try {
        await turn();
      } finally {
        turnFromMs = undefined;
        counts.took('kubelet_pod_worker_duration_seconds', (performance.now() - fromMs) / 1_000, { operation_type: operation });
      }
    },
    heldMs: () => (turnFromMs === undefined ? 0 : performance.now() - turnFromMs),
    countStart() {
      if (isCounted || run.slots.some(({ role, record }) => (role === 'app' || role === 'sidecar') && record?.startedMs === undefined)) return;
      isCounted = true;
      const createdMs = Date.parse(run.pod.metadata.creationTimestamp ?? '');
      const totalMs = Math.max(0, clock.nowMs() - createdMs);
      const initMs = run.slots.reduce((sum, { role, record }) => sum + (role === 'init' && record?.exit !== undefined ? record.exit.finishedMs - (record.startedMs ?? record.exit.finishedMs) : 0), 0);
      counts.took('kubelet_pod_start_duration_seconds', (performance.now() - seenMs) / 1_000);
      counts.took('kubelet_pod_start_total_duration_seconds', totalMs / 1_000);
      counts.took('kubelet_pod_start_sli_duration_seconds', Math.max(0, totalMs - initMs - (run.pulledMs ?? 0)) / 1_000);
    },
  };
}
